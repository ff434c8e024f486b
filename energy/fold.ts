// Equivalent-time folding: the rows near every launch of one kernel, put in order of their phase, time since
// the kernel's start. Launches fall anywhere against the sample clock, so many of them fill phases far closer
// together than rows are. In: kernels and rows on the session clock. Out: the mean power of each step of phase
// with its uncertainty. What it shows has been through the physical path: sensors, and what lies before them.

import { firstAtOrAfter } from "../stats/search.ts";
import { kernelName } from "../align/clocks/cuda-kernels.ts";
import { type KernelTimes, timeAt } from "../align/clocks/cuda-times.ts";
import { type DaqClock, placeUNs } from "../align/clocks/segments.ts";
import type { AlignedRun } from "../align/timeline.ts";
import type { RowLayout } from "../schema/records.ts";
import { loadSensor, type Rail, type Rig } from "../schema/rig.ts";
import { NS_PER_S } from "../schema/time.ts";
import { COVERAGE_FACTOR } from "./budget/budget.ts";
import { StepErrors } from "./budget/phase-step.ts";
import type { RunNoise } from "./budget/sensors.ts";
import { inOrder, lengthNs, startUNs } from "./cuda-kernels.ts";
import { RailSums } from "./rail-sums.ts";
import { endsOf, neighbours, valueAt } from "../stats/places.ts";
import { leastOf, mostOf, quantileOf } from "../stats/summary.ts";

export interface FoldOptions {
  /** Only this kernel; else those that ran longest. */
  readonly kernel?: string;
  /** Width of a step of phase, ns; else as narrow as the launches fill, at least 2 µs. A kernel has 20,000 steps at most. */
  readonly stepNs?: number;
  /** How long after its row each field was sampled, ns; 0 where absent. */
  readonly skewNs?: ReadonlyMap<string, number>;
}

/** The rows that are folded: how they are measured, laid out and placed in time, and the noise of their run. */
export interface FoldedTrace {
  readonly rig: Rig;
  readonly layout: RowLayout;
  readonly clock: DaqClock;
  readonly run: RunNoise;
}

/** One kernel's waveform. Arrays have one value a step; NaN where no row fell into it. */
export interface Folded {
  readonly kernel: string;
  readonly launches: number;
  /** Share of launches beside which another kernel ran within the phases shown. */
  readonly crowded: number;
  /** Median, and between which 90 % lie. */
  readonly durationNs: number;
  readonly durationSpanNs: readonly [number, number];
  readonly stepNs: number;
  /** Middle of each step. */
  readonly phaseNs: Float64Array;
  /** Rows in it, of the rail that has fewest. */
  readonly samples: Float64Array;
  /** Mean over the step, all rails, and its expanded uncertainty (k = 2). */
  readonly powerW: Float64Array;
  readonly expandedUncertaintyW: Float64Array;
  readonly rails: readonly { readonly name: string; readonly powerW: Float64Array }[];
  /** Standard uncertainty of phase: kernel's start and DAQ clock. */
  readonly phaseUNs: number;
  /** 10–90 % rise of the slowest current or power sensor; null where no bandwidth is stated. */
  readonly sensorRiseNs: number | null;
  /** 10–90 % step response of the whole physical path, by the rig; null where it does not say. */
  readonly stepResponseNs: number | null;
  /** Shorter than the path's response: the waveform is the path's more than the kernel's. */
  readonly shorterThanResponse: boolean;
}

const LEAST_STEP_NS = 2000;
/** Rows that a step should get on average. */
const ROWS_A_STEP = 25;
/** Fewer launches are no statistics. */
export const MIN_LAUNCHES = 30;
const MAX_KERNELS = 16;
const MAX_STEPS = 20_000;
/** Phases shown before the start and after the end where the rig states no step response. */
const ASIDE_NS = 100e3;

/** One kernel's launches and what has been gathered. */
interface Fold {
  readonly kernel: string;
  readonly starts: Float64Array;
  readonly rows: readonly number[];
  /** Ascending. */
  readonly lengthsNs: readonly number[];
  readonly durationNs: number;
  readonly firstNs: number;
  readonly stepNs: number;
  readonly steps: number;
  readonly rails: readonly RailSums[];
  /** First launch whose phases are not all behind. */
  next: number;
}

export class Folder {
  readonly #rig: Rig;
  readonly #clock: DaqClock;
  readonly #kernels: KernelTimes;
  readonly #errors: StepErrors;
  readonly #folds: readonly Fold[];

  constructor(trace: FoldedTrace, kernels: KernelTimes, options: FoldOptions = {}) {
    const { rig, layout, clock, run } = trace;
    this.#rig = rig;
    this.#errors = new StepErrors(rig, layout, run);
    this.#clock = clock;
    this.#kernels = kernels;
    this.#folds = candidates(kernels, options.kernel).map((launched) =>
      newFold(launched, kernels, rig, options),
    );
  }

  get kernels(): readonly string[] {
    return this.#folds.map((f) => f.kernel);
  }

  /** Rows in order of time. */
  add(run: AlignedRun): void {
    for (const fold of this.#folds) addTo(fold, run);
  }

  finish(): Folded[] {
    const all = inOrder(this.#kernels);
    return this.#folds.map((f) => this.#finished(f, all));
  }

  /** @param all kernels by start. */
  #finished(f: Fold, all: readonly number[]): Folded {
    const { stepResponseS } = this.#rig;
    const rails = f.rails.map((r) => ({ name: r.rail.name, powerW: r.meanPowerW() }));
    const steps = Array.from({ length: f.steps }, (_, s) => s);
    const powerW = Float64Array.from(steps, (s) =>
      rails.reduce((sum, r) => sum + valueAt(r.powerW, s), 0),
    );
    const phaseUNs = phaseUncertainty(f, this.#clock, this.#kernels);
    const slowest = f.rails.reduce((ns, r) => Math.max(ns, lagNs(r.rail)), 0);
    const responseNs = stepResponseS === undefined ? null : stepResponseS * NS_PER_S;
    return {
      kernel: f.kernel,
      launches: f.starts.length,
      crowded: crowded(f, this.#kernels, all),
      durationNs: f.durationNs,
      durationSpanNs: [quantileOf(f.lengthsNs, 0.05), quantileOf(f.lengthsNs, 0.95)],
      stepNs: f.stepNs,
      phaseNs: Float64Array.from(steps, (s) => f.firstNs + (s + 0.5) * f.stepNs),
      samples: Float64Array.from(steps, (s) => leastOf(f.rails.map((r) => r.at(s).n))),
      powerW,
      expandedUncertaintyW: Float64Array.from(
        steps,
        (s) => COVERAGE_FACTOR * this.#standardU(f, { powerW, rails, phaseUNs }, s),
      ),
      rails,
      phaseUNs,
      // 10–90 % of a first-order low-pass: ln 9 time constants.
      sensorRiseNs: slowest > 0 ? Math.log(9) * slowest : null,
      stepResponseNs: responseNs,
      shorterThanResponse: responseNs !== null && f.durationNs < responseNs,
    };
  }

  /** Scatter of the launches, the sensors' errors, and what doubt of the phase makes of the slope. */
  #standardU(
    f: Fold,
    { powerW, rails, phaseUNs }: Pick<Folded, "powerW" | "rails" | "phaseUNs">,
    s: number,
  ): number {
    let [scatter, lag] = [0, 0];
    const steps = f.rails.map((r) => r.at(s));
    for (const [k, { n, squareW2, powerW: meanW }] of steps.entries()) {
      const variance = Math.max(0, squareW2 - meanW * meanW);
      // Rails of one board move together, so their scatter adds up.
      scatter += n > 1 ? Math.sqrt(variance / (n - 1)) : Infinity;
      // Taken out was a first-order low-pass's delay; the sensor may have any between none and twice that.
      const delayNs = lagNs(valueAt(f.rails, k).rail);
      lag += (slope(valueAt(rails, k).powerW, s, f.stepNs) * delayNs) / Math.sqrt(3);
    }
    const time = slope(powerW, s, f.stepNs) * phaseUNs;
    return Math.hypot(scatter, lag, time, Math.sqrt(this.#errors.varianceW2(steps, spanS(f))));
  }
}

/** From the first launch to the end of the last, s. */
function spanS({ starts, durationNs }: Fold): number {
  const [first, last] = endsOf(starts);
  return (last - first + durationNs) / NS_PER_S;
}

/** A kernel's launches, by start. */
interface Launched {
  readonly kernel: string;
  readonly rows: number[];
  ns: number;
}

/** Those that ran longest first. */
function candidates(k: KernelTimes, wanted: string | undefined): Launched[] {
  const groups = new Map<string, Launched>();
  for (const i of inOrder(k)) {
    const kernel = kernelName(k.table, i);
    if (wanted !== undefined && kernel !== wanted) continue;
    const group = groups.get(kernel) ?? { kernel, rows: [], ns: 0 };
    groups.set(kernel, group);
    group.rows.push(i);
    group.ns += lengthNs(k, i);
  }
  return [...groups.values()]
    .filter((g) => g.rows.length >= MIN_LAUNCHES)
    .sort((a, b) => b.ns - a.ns)
    .slice(0, MAX_KERNELS);
}

function newFold({ kernel, rows }: Launched, k: KernelTimes, rig: Rig, options: FoldOptions): Fold {
  const lengthsNs = rows.map((i) => lengthNs(k, i)).sort((a, b) => a - b);
  const durationNs = quantileOf(lengthsNs, 0.5);
  const asideNs = (rig.stepResponseS ?? 0) * NS_PER_S || ASIDE_NS;
  const spanNs = durationNs + 2 * asideNs;
  const filled = (ROWS_A_STEP * NS_PER_S) / (rows.length * rig.device.rowHz);
  const wanted = options.stepNs ?? Math.max(LEAST_STEP_NS, filled);
  const stepNs = Math.max(wanted, spanNs / MAX_STEPS);
  const steps = Math.ceil(spanNs / stepNs);
  return {
    kernel,
    starts: Float64Array.from(rows, (i) => timeAt(k, i).startNs),
    rows,
    lengthsNs,
    durationNs,
    // A step begins at the kernel's start.
    firstNs: -Math.floor(asideNs / stepNs) * stepNs,
    stepNs,
    steps,
    rails: rig.rails.map((rail) => {
      const shiftNs = (options.skewNs?.get(loadSensor(rail)?.field ?? "") ?? 0) - lagNs(rail);
      return new RailSums(rail, shiftNs, { ns: stepNs, count: steps });
    }),
    next: 0,
  };
}

/** Delay of a first-order low-pass for anything slower than itself: its time constant. */
function lagNs(rail: Rail): number {
  const hz = loadSensor(rail)?.bandwidthHz;
  return hz === undefined ? 0 : NS_PER_S / (2 * Math.PI * hz);
}

/** Phases of neighbouring launches may overlap: a row then counts for both. */
function addTo(f: Fold, run: AlignedRun): void {
  const { tNs, from, to } = run;
  const lastNs = f.firstNs + f.steps * f.stepNs;
  const shifts = f.rails.map((r) => r.shiftNs);
  const [least, most] = [leastOf(shifts), mostOf(shifts)];
  const [beginNs, endNs] = endsOf(tNs.subarray(from, to));
  while ((f.starts[f.next] ?? Infinity) + lastNs - least < beginNs) f.next++;
  for (const start of f.starts.subarray(f.next)) {
    if (start + f.firstNs - most > endNs) return;
    const a = firstAtOrAfter(tNs, start + f.firstNs - most, from, to);
    const b = firstAtOrAfter(tNs, start + lastNs - least, a, to);
    f.rails.forEach((sums, r) => {
      const rail = valueAt(run.rails, r);
      sums.add({ tNs, from: a, to: b, rail }, start + f.firstNs);
    });
  }
}

/** The start lies anywhere between its bounds, for all launches alike (CUPTI errs by a constant); so does the DAQ's clock. */
function phaseUncertainty(f: Fold, clock: DaqClock, k: KernelTimes): number {
  let [start, daq] = [0, 0];
  for (const i of f.rows) {
    const time = timeAt(k, i);
    start += startUNs(time);
    daq += placeUNs(clock, time.startNs);
  }
  return Math.hypot(start, daq) / f.rows.length;
}

/** |dP/dφ|, W/ns; of the steeper side where the waveform bends. */
function slope(powerW: Float64Array, s: number, stepNs: number): number {
  const around = powerW.subarray(Math.max(0, s - 1), s + 2);
  const known = [...neighbours(around)]
    .map(([a, b]) => Math.abs(b - a))
    .filter((x) => !Number.isNaN(x));
  return known.length === 0 ? 0 : mostOf(known) / stepNs;
}

/** Of the launches, those with another kernel inside the phases shown. @param all kernels by start. */
function crowded(f: Fold, k: KernelTimes, all: readonly number[]): number {
  const lastNs = f.firstNs + f.steps * f.stepNs;
  let [count, at, reach] = [0, 0, -Infinity];
  for (const row of f.rows) {
    const start = timeAt(k, row).startNs;
    // Everything that begins before this launch: the latest end among it.
    for (; at < all.length && all[at] !== row; at++)
      reach = Math.max(reach, timeAt(k, valueAt(all, at)).endNs);
    const after = all[at + 1];
    const followed = after !== undefined && timeAt(k, after).startNs < start + lastNs;
    if (followed || reach > start + f.firstNs) count++;
  }
  return count / f.rows.length;
}
