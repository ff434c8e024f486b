// A run → physical Joules beside every telemetry channel's, per window, with an error bar on both.
// Leaves: the compare/1 document of docs/reference.md, and whether anything was lost or doubtful.

import {
  type Misplaced,
  misplacedReads,
  sharingStamps,
  withoutReads,
} from "./claims/clock-sets.ts";
import { type Lag, lagOf } from "./claims/lag.ts";
import { fitClocks, type SessionClocks } from "../align/clocks/fit.ts";
import { scanCapture } from "../align/scan.ts";
import type { Scan, TelemetrySeries } from "../align/scanned.ts";
import { type Pause, pausesOf, placeNs } from "../align/clocks/segments.ts";
import type { AlignedRun } from "../align/timeline.ts";
import { type PlacedTrace, placedTrace, traceMeans } from "./claims/trace-means.ts";
import type { NumberPages } from "../capture/number-pages.ts";
import { NS_PER_S, type SessionNs } from "../schema/time.ts";
import { COVERAGE_FACTOR } from "./budget.ts";
import { summariesByName } from "./by-name.ts";
import { chosen, kernelEnergies, summarise } from "./cuda-kernels.ts";
import { Doubts } from "./doubts.ts";
import { filteredEnergyJ, fitFilter, type FilterFit, strobeRangeJ } from "./claims/filter.ts";
import { type PhysicalFigures, physicalPass, type PhysicalPass } from "./physical.ts";
import { PowerPrefix } from "./claims/prefix.ts";
import { inDoubt, quality } from "./quality.ts";
import type {
  Comparison,
  KernelsEnergy,
  PhysicalEnergy,
  Prepared,
  TelemetryEnergy,
  WindowResult,
} from "./result.ts";
import { COUNTER_SAMPLE_NS, knownSensor, STROBE } from "./claims/sensors.ts";
import { type Claim, Series } from "./claims/series.ts";
import type { Window } from "./window.ts";
import { pairMarks, WindowList } from "./windows.ts";
import { warningsOf } from "./warnings.ts";

/** Windows beyond this many do without the strobe forecast: it scans the trace per window. */
const STROBE_WINDOWS = 64;
/** Windows with a budget and claims of their own: what a document and a page can hold. */
export const MOST_WINDOWS = 10_000;

/** @param pages where telemetry reads lie that are too many for memory. */
export function prepare(capturePath: string, onProgress?: Progress, pages?: NumberPages): Prepared {
  const scan = scanCapture(capturePath, onProgress, pages);
  const clocks = fitClocks(scan);
  const paired = pairMarks(clocks.marks);
  const { kernels } = clocks;
  const kernelRows = kernels && scan.rig ? chosen(kernels, NS_PER_S / scan.rig.device.rowHz) : [];
  const windows = new WindowList(
    sessionWindow(scan, clocks),
    clocks.marks,
    paired,
    kernels,
    kernelRows,
  );
  const pairing = [...paired.warnings, ...(kernels?.warnings ?? [])];
  return { scan, clocks, windows, pairing, kernelRows };
}

type Progress = (done: number, total: number) => void;

export interface CompareOptions {
  readonly onProgress?: Progress | undefined;
  /** Sees every run of samples as it passes by: fuse writes its table there. */
  readonly onRun?: ((run: AlignedRun) => void) | undefined;
  /** Windows of this name come before others where not all can have a budget. */
  readonly window?: string | undefined;
}

export function compare(p: Prepared, o: CompareOptions = {}): Comparison {
  const { scan, clocks, windows: list } = p;
  const detailed = someRows(list, o.window);
  const physical = physicalPass(scan, clocks, list, { ...o, detailed });
  const placed = scan.stream && clocks.daq ? placedTrace(scan.stream.outline, clocks.daq) : null;
  const trace = placed && new PowerPrefix(placed.tNs, placed.powerW);
  const { claims, misplaced } = placedClaims(scan, placed);
  const series = new Map(claims.map((s) => [s.channel.name, new Series(s)]));
  const filters = trace ? fitFilters(scan, series, trace) : new Map<string, FilterFit>();
  const idlePowerW = idleOf(physical);
  const doubts = new Doubts(
    physical?.counts.clippedSpans ?? [],
    clocks.daq ? pausesOf(clocks.daq).map(reach) : [],
    observedSpan(scan, clocks),
  );
  const results = [...detailed]
    .sort((a, b) => a - b)
    .map((row, i): WindowResult => {
      const window = doubts.on(list.at(row));
      const found = physical?.detailed.get(row);
      const of = found ? physicalOf(window, found, idlePowerW) : null;
      const seen = trace && new SeenByCounter(trace, window);
      return {
        window,
        physical: of,
        // A read every 10 ms at best says nothing of a kernel.
        telemetry:
          window.kind === "kernel"
            ? []
            : [...series].flatMap(([name, s]) =>
                telemetryOf(name, s, window, of, seen, filters.get(name)),
              ),
        strobe: seen && i < STROBE_WINDOWS ? strobeOf(seen, scan) : null,
      };
    });
  const counts = physical?.counts ?? null;
  const figures = physical?.figures ?? null;
  const lags = placed ? lagsOf(claims, placed) : [];
  const told = warningsOf(scan, clocks, counts, p.pairing, results, lags, misplaced, {
    list,
    doubts,
  });
  const kernels = physical && kernelsOf(p, physical, results);
  const byName = summariesByName(list, figures);
  return {
    ...{ scan, clocks, windows: results, list, figures, doubts, byName },
    ...{ kernels, filters, lags, idlePowerW, counts, ...told },
  };
}

/** Rows with a budget: sums and kernels, then windows of the name asked for, then the others as they come. */
function someRows(list: WindowList, name: string | undefined): Set<number> {
  const rows = new Set<number>();
  const take = (some: Iterable<number>): void => {
    for (const i of some) {
      if (rows.size >= MOST_WINDOWS) return;
      rows.add(i);
    }
  };
  if (list.count > MOST_WINDOWS) {
    take(list.rows((i) => list.isSum(i) || list.isKernel(i) || list.family(i) === "command"));
    if (name !== undefined) take(list.named(name));
  }
  take(list.rows(() => true));
  return rows;
}

function kernelsOf(
  { scan, clocks, kernelRows }: Prepared,
  physical: PhysicalPass,
  results: readonly WindowResult[],
): KernelsEnergy | null {
  const { kernels } = clocks;
  if (!kernels) return null;
  const energyJ = kernelEnergies(kernels, physical.kernels);
  const first = results.length - kernelRows.length;
  const windows = new Map(kernelRows.map((row, i) => [row, results[first + i]!.physical!]));
  const byName = summarise(kernels, energyJ, NS_PER_S / scan.rig!.device.rowHz, windows);
  return { energyJ, rows: kernelRows, byName };
}

/** A pause may reach into whatever lies this near to it. */
const reach = (p: Pause): readonly [SessionNs, SessionNs] => [
  p.fromNs - COVERAGE_FACTOR * p.fromUNs,
  p.toNs + COVERAGE_FACTOR * p.toUNs,
];

/** Channels that claim Joules, without the reads that a clock set on the way put at a wrong time. */
function placedClaims(
  scan: Scan,
  placed: PlacedTrace | null,
): { claims: TelemetrySeries[]; misplaced: Misplaced[] } {
  const claims = scan.telemetry.filter(({ channel }) => /^(power|energy)$/.test(channel.quantity));
  if (!placed) return { claims, misplaced: [] };
  const trace = traceMeans(placed);
  const found = claims.flatMap((s) =>
    s.channel.quantity === "power" ? (misplacedReads(s, trace) ?? []) : [],
  );
  const misplaced = sharingStamps(found, claims);
  const left = new Map(misplaced.map((m) => [m.channel, m.reads]));
  return { claims: claims.map((s) => withoutReads(s, left.get(s.channel.name) ?? [])), misplaced };
}

const lagsOf = (claims: readonly TelemetrySeries[], placed: PlacedTrace): Lag[] =>
  claims.flatMap((s) => (s.channel.quantity === "power" ? (lagOf(s, placed) ?? []) : []));

/** Where the physical trace is; without one, where anything is. */
function sessionWindow(scan: Scan, clocks: SessionClocks): Window {
  const [t0Ns, t1Ns] = sessionSpan(scan, clocks);
  return { name: "session", kind: "session", t0Ns, t1Ns, u0Ns: 0, u1Ns: 0 };
}

function sessionSpan(scan: Scan, clocks: SessionClocks): readonly [SessionNs, SessionNs] {
  const observed = observedSpan(scan, clocks);
  const marks = clocks.marks.spanNs();
  if (observed === null || !marks || (scan.stream && clocks.daq))
    return observed ?? marks ?? [0, 0];
  return [Math.min(observed[0], marks[0]), Math.max(observed[1], marks[1])];
}

/** Where the physical trace is; without one, where reads are. */
function observedSpan(scan: Scan, clocks: SessionClocks): [SessionNs, SessionNs] | null {
  if (scan.stream && clocks.daq) {
    const { firstDevice, lastDevice } = scan.stream;
    const tail =
      scan.rig!.device.sampling === "interval_mean" ? NS_PER_S / scan.rig!.device.rowHz : 0;
    return [placeNs(clocks.daq, firstDevice), placeNs(clocks.daq, lastDevice) + tail];
  }
  let [lo, hi] = [Infinity, -Infinity];
  for (const { tNs } of scan.telemetry)
    for (let i = 0; i < tNs.length; i++) {
      lo = Math.min(lo, tNs.at(i));
      hi = Math.max(hi, tNs.at(i));
    }
  return lo <= hi ? [lo, hi] : null;
}

/** Mean power outside all marked windows: idle in the compute-ready state, measured in this very run. */
function idleOf(physical: PhysicalPass | null): number | null {
  const idle = physical?.idle;
  // Less than a tenth of a second outside is edges, not idle.
  return idle && idle.coveredS > 0.1 ? idle.energyJ / idle.coveredS : null;
}

function physicalOf(
  w: Window,
  { samples, gapFraction, bridgedJ, ...p }: PhysicalFigures,
  idlePowerW: number | null,
): PhysicalEnergy {
  const { energyJ } = p;
  const durationS = (w.t1Ns - w.t0Ns) / NS_PER_S;
  return {
    energyJ,
    expandedUncertaintyJ: p.expandedUncertaintyJ,
    coverageFactor: COVERAGE_FACTOR,
    meanPowerW: durationS > 0 ? energyJ / durationS : 0,
    operationalJ: idlePowerW === null ? null : energyJ - idlePowerW * durationS,
    samples,
    gapFraction,
    bridgedJ,
    quality: inDoubt(p.quality, w.doubt),
    budget: p.budget,
  };
}

function fitFilters(
  scan: Scan,
  series: Map<string, Series>,
  trace: PowerPrefix,
): Map<string, FilterFit> {
  const gpu = scan.session.labels["gpu"] ?? "";
  const fits = new Map<string, FilterFit>();
  for (const [name, s] of series) {
    if (s.isCounter) continue;
    const fit = fitFilter(s, trace, knownSensor(gpu, name));
    if (fit) fits.set(name, fit);
  }
  return fits;
}

/** The trace in a window, and what a counter could have claimed for it: wanted twice, found once. */
class SeenByCounter {
  readonly trace: PowerPrefix;
  readonly window: Window;
  #rangeJ: readonly [number, number] | undefined;

  constructor(trace: PowerPrefix, window: Window) {
    this.trace = trace;
    this.window = window;
  }

  get rangeJ(): readonly [number, number] {
    const { t0Ns, t1Ns } = this.window;
    return (this.#rangeJ ??= strobeRangeJ(this.trace, t0Ns, t1Ns, COUNTER_SAMPLE_NS, 0));
  }
}

function telemetryOf(
  channel: string,
  s: Series,
  w: Window,
  physical: PhysicalEnergy | null,
  seenBy: SeenByCounter | null,
  filter: FilterFit | undefined,
): TelemetryEnergy[] {
  const claim = s.claim(w.t0Ns, w.t1Ns);
  const plain = row(channel, s.isCounter ? "counter" : "trapezoid", claim, w, physical);
  if (!seenBy || !physical || !Number.isFinite(claim.energyJ) || !(physical.energyJ > 0))
    return [plain];
  const seen = s.isCounter
    ? same(midpoint(seenBy.rangeJ))
    : filter && filteredEnergyJ(s, seenBy.trace, filter, w.t0Ns, w.t1Ns);
  if (seen === undefined || !(seen[0] > 0)) return [plain];
  // The claim with the filter's own effect taken out, so that what is left is gain and offset.
  const scale = (j: number): number => physical.energyJ / j;
  const [low, high] = seen;
  const matched: Claim = {
    ...claim,
    energyJ: claim.energyJ * scale((low + high) / 2),
    intervalJ: [claim.intervalJ[0] * scale(high), claim.intervalJ[1] * scale(low)],
  };
  return [plain, row(channel, "filter_matched", matched, w, physical)];
}

const same = (x: number): readonly [number, number] => [x, x];
const midpoint = ([lo, hi]: readonly [number, number]): number => (lo + hi) / 2;

function row(
  channel: string,
  method: TelemetryEnergy["method"],
  claim: Claim,
  w: Window,
  physical: PhysicalEnergy | null,
): TelemetryEnergy {
  const durationS = (w.t1Ns - w.t0Ns) / NS_PER_S;
  const ratio = physical && physical.energyJ > 0 ? claim.energyJ / physical.energyJ : NaN;
  const uTelemetry = (claim.intervalJ[1] - claim.intervalJ[0]) / 2 / claim.energyJ;
  const uPhysical = physical ? physical.expandedUncertaintyJ / physical.energyJ : NaN;
  const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);
  return {
    channel,
    method,
    ...claim,
    errorPct: finite(100 * (ratio - 1)),
    errorUncertaintyPct: finite(100 * ratio * Math.hypot(uTelemetry, uPhysical)),
    quality: quality(claim.samples, durationS, claim.gapFraction),
  };
}

/** Only where the outline still resolves the strobe. */
function strobeOf(seen: SeenByCounter, scan: Scan): WindowResult["strobe"] {
  const { trace, window: w } = seen;
  const cellNs = (scan.stream!.outline.rowsPerCell * NS_PER_S) / scan.rig!.device.rowHz;
  if (cellNs > COUNTER_SAMPLE_NS / 4 || w.t1Ns - w.t0Ns < 10 * STROBE.updateNs) return null;
  const counterJ = seen.rangeJ;
  const instantJ = strobeRangeJ(trace, w.t0Ns, w.t1Ns, STROBE.updateNs, STROBE.windowNs);
  return Number.isFinite(counterJ[0]) ? { counterJ, instantJ } : null;
}
