// The pass over the samples → physical Joules of every window: figures in columns for all, budgets for some.
// Holds: the snapshots of windows that are open, never those of all.

import { type SessionClocks } from "../align/clocks/fit.ts";
import { Column } from "../align/mark-table.ts";
import type { Scan } from "../align/scanned.ts";
import type { DaqClock } from "../align/clocks/segments.ts";
import { type AlignedRun, Timeline, type TimelineCounts } from "../align/timeline.ts";
import { RAIL_SUMS } from "../align/rows/loops.ts";
import { assertUnchanged } from "../capture/unchanged.ts";
import type { Rig } from "../schema/rig.ts";
import { NS_PER_S, type SessionNs } from "../schema/time.ts";
import { Budget, COVERAGE_FACTOR, type Uncertainty } from "./budget/budget.ts";
import { shiftedEnds } from "./budget/clocks.ts";
import type { BudgetTerm } from "./budget/term.ts";
import { AllInstants, instantsOf, ListedInstants, type Spans, WatchedSpans } from "./instants.ts";
import { Integrator, type Snapshots, snapshotWidth, Sum } from "./integrate.ts";
import { ofRun } from "./of-run.ts";
import { QUALITIES, quality, type Quality } from "./quality.ts";
import { activeS, outsideOf } from "./unobserved.ts";
import type { Window } from "./window.ts";
import { byBegin, type WindowList } from "./windows.ts";
import { timeAt } from "../align/clocks/cuda-times.ts";
import { valueAt } from "../stats/places.ts";

/** A window's figures, and what its uncertainty is made of. */
export interface PhysicalFigures {
  readonly energyJ: number;
  readonly uncertainty: Uncertainty;
  readonly samples: number;
  /** The window's length without its pauses, s: what its mean power is over. */
  readonly activeS: number;
  readonly gapFraction: number;
  /** The longest stretch that was not observed, s. */
  readonly maxGapS: number;
  /** Part of `energyJ` that bridges gaps. */
  readonly bridgedJ: number;
  /** By samples and gaps alone. */
  readonly quality: Quality;
  readonly budget: readonly BudgetTerm[];
}

/** What is kept of every window. */
export interface WindowFigures extends Omit<
  PhysicalFigures,
  "uncertainty" | "budget" | "bridgedJ" | "maxGapS"
> {
  readonly expandedUncertaintyJ: number;
  /** Up to so many Joules more, on rails that nobody measures. */
  readonly unmeasuredJ: number;
}

export const expandedJ = (u: Uncertainty): number => u.coverageFactor * u.uJ;

/** What the truth lies in: what is not measured can only add. */
export const intervalJ = (
  w: Pick<WindowFigures, "energyJ" | "expandedUncertaintyJ" | "unmeasuredJ">,
) =>
  [w.energyJ - w.expandedUncertaintyJ, w.energyJ + w.expandedUncertaintyJ + w.unmeasuredJ] as const;

/** The same of all windows, in the order of their list. */
export class FigureColumns {
  readonly energyJ: Float64Array;
  readonly expandedUncertaintyJ: Float64Array;
  readonly unmeasuredJ: Float64Array;
  readonly samples: Float64Array;
  readonly activeS: Float64Array;
  readonly gapFraction: Float64Array;
  readonly #quality: Uint8Array;

  constructor(count: number) {
    this.energyJ = new Float64Array(count).fill(NaN);
    this.expandedUncertaintyJ = new Float64Array(count).fill(NaN);
    this.unmeasuredJ = new Float64Array(count);
    this.samples = new Float64Array(count);
    this.activeS = new Float64Array(count);
    this.gapFraction = new Float64Array(count);
    this.#quality = new Uint8Array(count);
  }

  set(i: number, p: Omit<PhysicalFigures, "budget">): void {
    this.energyJ[i] = p.energyJ;
    // Joules that are not known have no uncertainty either.
    this.expandedUncertaintyJ[i] = Number.isNaN(p.energyJ) ? NaN : expandedJ(p.uncertainty);
    this.unmeasuredJ[i] = p.uncertainty.unmeasuredJ;
    this.samples[i] = p.samples;
    this.activeS[i] = p.activeS;
    this.gapFraction[i] = p.gapFraction;
    this.#quality[i] = QUALITIES.indexOf(p.quality);
  }

  /** @param uJ one more standard uncertainty of every window, by its Joules. */
  widen(uJ: (energyJ: number) => number): void {
    this.energyJ.forEach((energyJ, i) => {
      const more = COVERAGE_FACTOR * uJ(energyJ);
      this.expandedUncertaintyJ[i] = Math.hypot(valueAt(this.expandedUncertaintyJ, i), more);
    });
  }

  /** Of a window; NaN where its Joules are not known. @throws RangeError where there is no such window. */
  at(i: number): WindowFigures {
    return {
      energyJ: valueAt(this.energyJ, i),
      expandedUncertaintyJ: valueAt(this.expandedUncertaintyJ, i),
      unmeasuredJ: valueAt(this.unmeasuredJ, i),
      samples: valueAt(this.samples, i),
      activeS: valueAt(this.activeS, i),
      gapFraction: valueAt(this.gapFraction, i),
      quality: this.quality(i),
    };
  }

  quality(i: number): Quality {
    return valueAt(QUALITIES, valueAt(this.#quality, i));
  }
}

export interface PhysicalPass {
  readonly figures: FigureColumns;
  /** Of the rows that were asked for. */
  readonly detailed: ReadonlyMap<number, PhysicalFigures>;
  /** Joules and observed seconds outside all marked windows, with their budget; null where nothing is marked. */
  readonly idle: Outside | null;
  /** At the ends of kernels. */
  readonly kernels: Snapshots;
  readonly counts: TimelineCounts;
  /** Over what was observed of the session, rail by rail. */
  readonly railMeans: readonly RailMean[];
}

/** 0 for what a rail does not measure; NaN where nothing was observed. */
export interface RailMean {
  readonly powerW: number;
  readonly currentA: number;
  readonly voltageV: number;
}

export interface Outside {
  readonly energyJ: number;
  readonly coveredS: number;
  readonly uncertainty: Uncertainty;
  readonly budget: readonly BudgetTerm[];
}

export interface PassOptions {
  /** Rows of the list whose budgets are kept. */
  readonly detailed: ReadonlySet<number>;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly onRun?: ((run: AlignedRun) => void) | undefined;
}

export function physicalPass(
  scan: Scan,
  { daq: clock, kernels }: SessionClocks,
  list: WindowList,
  o: PassOptions,
): PhysicalPass | null {
  const { stream, rig } = scan;
  if (!stream || !rig || !clock) return null;
  const width = snapshotWidth(rig);
  const figures = new FigureColumns(list.count);
  const detailed = new Map<number, PhysicalFigures>();
  const order = byBegin(
    new Uint32Array(list.count).map((_, i) => i),
    list,
  );
  const shiftNs = mostShiftNs(list, clock);
  const ends: SessionNs[] = [];
  for (let row = 0; kernels && row < kernels.table.count; row++) {
    const { startNs, endNs } = timeAt(kernels, row);
    if (endNs > startNs) ends.push(startNs, endNs);
  }
  const ofKernels = new ListedInstants(instantsOf(ends), width);
  const outside = outsideMarks(list, order, width);
  const budget = new Budget(rig, stream.layout, clock, ofRun(stream, rig));
  let railMeans: readonly RailMean[] = [];
  const means = rig.device.sampling === "interval_mean";
  const bounds = (rows: number): number => (means ? rows + 1 : rows);
  const windows: Spans = {
    count: list.count,
    from: (k) => list.t0Ns(valueAt(order, k)) - shiftNs,
    instants(k) {
      const w = list.at(valueAt(order, k));
      const shifted = shiftedEnds(w, clock);
      return [w.t0Ns, w.t1Ns, ...shifted.offset, ...shifted.rate];
    },
    done(k, s) {
      const i = valueAt(order, k);
      const w = list.at(i);
      const p = figuresOf(w, s, budget, { bounds, integrator });
      figures.set(i, p);
      if (o.detailed.has(i)) detailed.set(i, { ...p, budget: budget.terms() });
      if (i !== 0) return;
      outside.whole(w, s);
      railMeans = railMeansOf(rig, w, s);
    },
  };
  const instants = new AllInstants([
    new WatchedSpans(windows, width),
    new WatchedSpans(outside.marked, width),
    ofKernels,
  ]);
  const integrator = new Integrator(rig, instants);
  const timeline = new Timeline({ path: scan.path, rig }, stream, clock);
  // Who sees each run sees each row.
  const runs = o.onRun
    ? timeline.runs(o.onProgress)
    : timeline.around(() => instants.next, o.onProgress);
  for (const run of runs) {
    integrator.add(run);
    o.onRun?.(run);
  }
  assertUnchanged(scan);
  integrator.end();
  const { counts } = timeline;
  const idle = outside.left(budget);
  return { figures, detailed, idle, kernels: ofKernels.snapshots, counts, railMeans };
}

function railMeansOf(rig: Rig, { t0Ns, t1Ns }: Window, s: Snapshots): RailMean[] {
  const coveredS = s.between(t0Ns, t1Ns, Sum.coveredS);
  const mean = (k: number): number => s.between(t0Ns, t1Ns, Sum.rails + k) / coveredS;
  return rig.rails.map((_, r) => ({
    powerW: mean(RAIL_SUMS * r),
    currentA: mean(RAIL_SUMS * r + 1),
    voltageV: mean(RAIL_SUMS * r + 2),
  }));
}

/** By how much the clock's doubt moves any window's begin at most. */
function mostShiftNs(list: WindowList, clock: DaqClock): number {
  let [lo, hi] = [Infinity, -Infinity];
  for (let i = 0; i < list.count; i++) {
    lo = Math.min(lo, list.t0Ns(i));
    hi = Math.max(hi, list.t0Ns(i));
  }
  let most = 0;
  for (const { model } of clock.segments)
    for (const t of [lo, hi])
      most = Math.max(most, model.uOffsetNs, Math.abs(t - model.refNs) * model.uRate);
  return most;
}

/** What lies outside all marked windows: the session less the stretches that they cover together. */
function outsideMarks(list: WindowList, order: Uint32Array, width: number) {
  // Windows at whose begin and end a stretch begins and ends.
  const [from, to] = [new Column(Uint32Array), new Column(Uint32Array)];
  const [fromNs, toNs] = [
    (k: number): SessionNs => list.t0Ns(from.at(k)),
    (k: number): SessionNs => list.t1Ns(to.at(k)),
  ];
  let reach = -Infinity;
  for (const i of order) {
    if (i === 0) continue;
    const [a, b] = [list.t0Ns(i), list.t1Ns(i)];
    if (b <= reach) continue;
    if (a > reach) {
      from.push(i);
      to.push(i);
    } else to.set(to.length - 1, i);
    reach = b;
  }
  const sums = new Float64Array(width);
  const add = (sign: number, a: number, b: number, s: Snapshots): void => {
    sums.forEach((_, k) => (sums[k]! += sign * s.between(a, b, k)));
  };
  const marked: Spans = {
    count: from.length,
    from: fromNs,
    instants: (k) => [fromNs(k), toNs(k)],
    done: (k, s) => add(-1, fromNs(k), toNs(k), s),
  };
  return {
    marked,
    whole: (w: Window, s: Snapshots): void => add(1, w.t0Ns, w.t1Ns, s),
    left: (budget: Budget) => (from.length > 0 ? stretches(sums, budget) : null),
  };
}

/** What was observed of many stretches, as one window that lasts as long as they do and has no ends of its own. */
function stretches(sums: Float64Array, budget: Budget): Outside {
  const [energyJ, coveredS] = [valueAt(sums, Sum.energyJ), valueAt(sums, Sum.coveredS)];
  const w = {
    name: "",
    kind: "mark",
    t0Ns: 0,
    t1Ns: coveredS * NS_PER_S,
    u0Ns: 0,
    u1Ns: 0,
  } as const;
  const unseen: readonly number[] = [Sum.gapJ, Sum.gapS, Sum.gapSquareS2, Sum.pauseS];
  const uncertainty = budget.of(w, {
    between: (_a, _b, k) => (unseen.includes(k) ? 0 : valueAt(sums, k)),
    value: () => NaN,
  });
  return { energyJ, coveredS, uncertainty, budget: budget.terms() };
}

/** The pass as a window's end goes by. */
interface Passing {
  /** How many instants bound so many rows: a mean has two, an instant is one. */
  readonly bounds: (rows: number) => number;
  readonly integrator: Pick<Integrator, "holes" | "spanNs">;
}

/** Before the trace begins, in a gap, or after it ends. */
function longestUnseenS(w: Window, s: Snapshots, { holes, spanNs }: Passing["integrator"]): number {
  // Without a row all of it lies before the trace.
  const beginNs = Number.isNaN(spanNs[0]) ? Infinity : spanNs[0];
  const beforeS = Math.max(0, Math.min(w.t1Ns, beginNs) - w.t0Ns) / NS_PER_S;
  const of = (k: number): number => s.between(w.t0Ns, w.t1Ns, k);
  const afterS = activeS(w, s) - of(Sum.coveredS) - of(Sum.gapS) - beforeS;
  return Math.max(beforeS, holes.longestS(w.t0Ns, w.t1Ns), afterS > ROUNDING_S ? afterS : 0);
}

/** Of float64 session time. */
const ROUNDING_S = 1e-6;

function figuresOf(
  w: Window,
  s: Snapshots,
  budget: Budget,
  { bounds, integrator }: Passing,
): Omit<PhysicalFigures, "budget"> {
  const durationS = (w.t1Ns - w.t0Ns) / NS_PER_S;
  const of = (k: number): number => s.between(w.t0Ns, w.t1Ns, k);
  const samples = of(Sum.samples);
  const coveredS = of(Sum.coveredS);
  const wholeS = activeS(w, s);
  const gapFraction = wholeS > 0 ? Math.min(1, Math.max(0, 1 - coveredS / wholeS)) : 0;
  const bridgedJ = of(Sum.gapJ) + outsideOf(w, s).energyJ;
  const maxGapS = longestUnseenS(w, s, integrator);
  const instants = bounds(samples);
  const observed = instants >= 2 && coveredS > 0;
  return {
    energyJ: observed ? of(Sum.energyJ) + bridgedJ : NaN,
    uncertainty: budget.of(w, s),
    samples,
    activeS: wholeS,
    gapFraction,
    maxGapS,
    bridgedJ,
    quality: observed ? quality(instants, durationS, gapFraction, maxGapS) : "no_data",
  };
}
