// Aligned runs → running integrals, read off at any list of instants. One pass over the samples serves
// every window at once: a window is the difference of two snapshots, so overlapping windows cost nothing
// extra. Within a run the rule is the trapezoid (instantaneous samples) or the rectangle (samples that
// are means over their interval); partial sums are short and added up compensated (Neumaier 1974).

import { RAIL_SUMS as RAIL } from "../align/rows/loops.ts";
import { RowFlag } from "../align/rows/row-flags.ts";
import { sumOf } from "../stats/columns.ts";
import { firstAtOrAfter } from "../stats/search.ts";
import type { AlignedRun } from "../align/timeline.ts";
import type { Rig } from "../schema/rig.ts";
import { NS_PER_S, type SessionNs } from "../schema/time.ts";
import { Holes } from "./holes.ts";
import { type Instants, ListedInstants } from "./instants.ts";
import { meanOver, stepSquares, weighted, weights } from "./integrals.ts";
import type { Snapshots } from "./snapshots.ts";

export { instantsOf } from "./instants.ts";
export type { Snapshots } from "./snapshots.ts";

/** Where each running integral stands in a snapshot; rail r's own start at `rails + 3 r`. */
export const Sum = {
  /** Joules over observed stretches. */
  energyJ: 0,
  /** Observed time, s. */
  coveredS: 1,
  /** Rows. */
  samples: 2,
  /** Joules across gaps, by straight line between their ends; seconds; and Σ s² of the gaps. Pauses are none. */
  gapJ: 3,
  gapS: 4,
  gapSquareS2: 5,
  /** Σ d² of the steps d between rows, W². */
  stepSquareW2: 6,
  /** Power just before and after the instant, W, the distance of the two rows, s, and the part of it that is past. Not sums. */
  before: 7,
  after: 8,
  distanceS: 9,
  share: 10,
  /** Pauses, s: nothing was taken, nothing went missing, and there are no Joules. */
  pauseS: 11,
  /** Of the Joules those in rows with a clipped channel, or beside one. */
  clippedJ: 12,
  /** Per rail: ∫P dt, ∫I dt, ∫V dt. */
  rails: 13,
} as const;

/** Adds doubles without losing the small ones. */
class Neumaier {
  readonly #sum: Float64Array;
  readonly #lost: Float64Array;

  constructor(n: number) {
    this.#sum = new Float64Array(n);
    this.#lost = new Float64Array(n);
  }

  add(k: number, x: number): void {
    const s = this.#sum[k]!;
    const t = s + x;
    this.#lost[k]! += Math.abs(s) >= Math.abs(x) ? s - t + x : x - t + s;
    this.#sum[k] = t;
  }

  copyTo(out: Float64Array, at: number): void {
    const [sum, lost] = [this.#sum, this.#lost];
    for (let k = 0; k < sum.length; k++) out[at + k] = sum[k]! + lost[k]!;
  }
}

/** One row of the trace. Used again and again. */
interface Row {
  tNs: number;
  totalW: number;
  isClipped: boolean;
  /** Per rail: P, I, V; 0 for what is not measured. */
  readonly rails: Float64Array;
}

/** What is measured of a rail: k is 3 · rail + 0 for power, 1 current, 2 voltage. */
interface Column {
  readonly k: number;
  readonly values: Float64Array;
}

export class Integrator {
  /** Gaps so far, pauses not among them. */
  readonly holes = new Holes();
  readonly #instants: Instants;
  readonly #listed: ListedInstants | undefined;
  readonly #nRails: number;
  /** The snapshot that is being taken. */
  readonly #row: Float64Array;
  readonly #sums: Neumaier;
  readonly #holds: boolean;
  readonly #periodNs: number;
  /** The last row so far; of no time before the first. */
  readonly #last: Row;
  /** The two ends of the interval at hand. */
  readonly #from: Row;
  readonly #to: Row;
  /** How long each row of the stretch at hand counts, where rows are unevenly timed. */
  #weights = new Float64Array(0);
  readonly #columns = new WeakMap<AlignedRun["rails"], readonly Column[]>();
  #firstNs = NaN;

  /** @param instants from {@link instantsOf}, all to be kept, or who takes them. */
  constructor(rig: Rig, instants: Float64Array | Instants) {
    this.#nRails = rig.rails.length;
    const width = snapshotWidth(rig);
    this.#listed =
      instants instanceof Float64Array ? new ListedInstants(instants, width) : undefined;
    this.#instants = this.#listed ?? (instants as Instants);
    this.#row = new Float64Array(width);
    this.#sums = new Neumaier(width);
    this.#holds = rig.device.sampling === "interval_mean";
    this.#periodNs = NS_PER_S / rig.device.rowHz;
    const rails = (): Float64Array => new Float64Array(RAIL * this.#nRails);
    const row = (): Row => ({ tNs: NaN, totalW: 0, isClipped: false, rails: rails() });
    [this.#last, this.#from, this.#to] = [row(), row(), row()];
  }

  /** First and last observed instant. */
  get spanNs(): readonly [SessionNs, SessionNs] {
    return [this.#firstNs, this.#endNs()];
  }

  add(run: AlignedRun): void {
    if (!this.#hasBegun) this.#begin(run);
    else if (run.gapBefore) this.#gap(run);
    else this.#seam(run);
    this.#within(run);
    this.#takeRow(run, run.to - 1, this.#last);
  }

  get #hasBegun(): boolean {
    return !Number.isNaN(this.#last.tNs);
  }

  /** Instants after the last sample see the final sums. @returns the snapshots of a list. */
  finish(): Snapshots {
    this.end();
    if (!this.#listed) throw new Error("who watches keeps its own snapshots");
    return this.#listed.snapshots;
  }

  /** The same for who takes its own. */
  end(): void {
    if (this.#hasBegun) this.#tail(Infinity);
    while (this.#instants.next < Infinity) this.#take(NaN, NaN, 0);
  }

  #begin(run: AlignedRun): void {
    const { tNs, totalW } = this.#takeRow(run, run.from, this.#to);
    this.#firstNs = tNs;
    while (this.#instants.next <= tNs) this.#take(NaN, totalW, 0);
  }

  /** Everything between the rows of a run, cut where an instant asks for a snapshot. */
  #within(run: AlignedRun): void {
    const { tNs, from, to } = run;
    const last = to - 1;
    const lastNs = tNs[last]!;
    this.#sums.add(Sum.samples, 1);
    let i = from;
    while (i < last) {
      const at = this.#instants.next;
      if (at > lastNs) break;
      const j = Math.max(i, firstAtOrAfter(tNs, at, i, to) - 1);
      this.#accumulate(run, i, j);
      i = j;
      this.#partial(at, this.#takeRow(run, i, this.#from), this.#takeRow(run, i + 1, this.#to));
    }
    this.#accumulate(run, i, last);
  }

  /** Adds the intervals between rows a … b. */
  #accumulate(run: AlignedRun, a: number, b: number): void {
    if (b <= a) return;
    const sums = this.#sums;
    if (run.periodNs === undefined) this.#weigh(run.tNs.subarray(a, b + 1));
    for (const column of this.#columnsOf(run)) {
      const part = this.#integral(run, column, a, b);
      sums.add(Sum.rails + column.k, part);
      if (column.k % RAIL === 0) sums.add(Sum.energyJ, part);
    }
    sums.add(Sum.samples, (run.condensedRows ?? b - a + 1) - 1);
    sums.add(Sum.coveredS, (run.tNs[b]! - run.tNs[a]!) / NS_PER_S);
    sums.add(Sum.stepSquareW2, this.#stepSquares(run, a, b));
    if (run.hasClipped) sums.add(Sum.clippedJ, this.#clipped(run, a, b));
  }

  /** One list for all runs that share their columns: the condensed ones have theirs, all others one. */
  #columnsOf({ rails }: AlignedRun): readonly Column[] {
    let columns = this.#columns.get(rails);
    if (!columns) this.#columns.set(rails, (columns = measuredColumns(rails)));
    return columns;
  }

  /** Row i of the run into `out`, which is returned. */
  #takeRow(run: AlignedRun, i: number, out: Row): Row {
    out.tNs = run.tNs[i]!;
    out.totalW = run.totalW[i]!;
    out.isClipped = run.hasClipped === true && isClipped(run, i);
    for (const { k, values } of this.#columnsOf(run)) out.rails[k] = values[i]!;
    return out;
  }

  #weigh(tNs: Float64Array): void {
    if (this.#weights.length < tNs.length) this.#weights = new Float64Array(tNs.length);
    weights(tNs, this.#holds, this.#weights);
  }

  /** Of a column between rows a … b; over evenly timed rows it is their sum times their distance. */
  #integral(run: AlignedRun, { k, values: c }: Column, a: number, b: number): number {
    const { periodNs, sums } = run;
    if (periodNs === undefined) return weighted(c, a, b, this.#weights);
    const sum = sums && isWhole(run, a, b) ? sums[k]! : sumOf(c, a, b + 1);
    return ((sum - (this.#holds ? c[b]! : (c[a]! + c[b]!) / 2)) * periodNs) / NS_PER_S;
  }

  #stepSquares(run: AlignedRun, a: number, b: number): number {
    const own = isWhole(run, a, b) ? run.sums : undefined;
    return own ? own[RAIL * this.#nRails]! : stepSquares(run.totalW, a, b);
  }

  /** Joules of the intervals between rows a … b that begin or end in a clipped row. */
  #clipped(run: AlignedRun, a: number, b: number): number {
    const { tNs, totalW } = run;
    let sum = 0;
    for (let i = a; i < b; i++) {
      if (!isClipped(run, i) && (this.#holds || !isClipped(run, i + 1))) continue;
      const power = this.#holds ? totalW[i]! : (totalW[i]! + totalW[i + 1]!) / 2;
      sum += Math.abs(power) * (tNs[i + 1]! - tNs[i]!);
    }
    return sum / NS_PER_S;
  }

  /** The interval from the last row of the run before to the first of this one, no gap between. */
  #seam(run: AlignedRun): void {
    const last = this.#last;
    const first = this.#takeRow(run, run.from, this.#to);
    for (let at = this.#instants.next; at <= first.tNs; at = this.#instants.next)
      this.#partial(at, last, first);
    this.#addInterval(last, first);
    this.#sums.add(Sum.stepSquareW2, (first.totalW - last.totalW) ** 2);
  }

  /**
   * Not observed: nothing is added to the energy; the straight-line estimate is kept beside it, but for a
   * pause, in which nothing went missing.
   */
  #gap(run: AlignedRun): void {
    const t1 = run.tNs[run.from]!;
    this.#tail(t1);
    const t0 = this.#endNs();
    const [p0, p1] = [this.#last.totalW, run.totalW[run.from]!];
    const dt = Math.max(0, (t1 - t0) / NS_PER_S);
    const pause = run.pauseBefore === true;
    const row = this.#row;
    if (!pause) this.holes.enter(t0, t1);
    for (let at = this.#instants.next; at < t1; at = this.#instants.next) {
      const part = Math.max(0, (at - t0) / NS_PER_S);
      const share = dt > 0 ? part / dt : 0;
      this.#snapshot(p0, p1, dt, share);
      if (pause) plus(row, Sum.pauseS, part);
      else {
        plus(row, Sum.gapJ, part * (p0 + (share * (p1 - p0)) / 2));
        plus(row, Sum.gapS, part);
        plus(row, Sum.gapSquareS2, share * dt * dt);
      }
      this.#instants.take(row);
    }
    this.holes.leave();
    if (pause) this.#sums.add(Sum.pauseS, dt);
    else {
      this.#sums.add(Sum.gapJ, (dt * (p0 + p1)) / 2);
      this.#sums.add(Sum.gapS, dt);
      this.#sums.add(Sum.gapSquareS2, dt * dt);
    }
  }

  /** Samples that are means over their interval: the last row of a run stands for one period more. */
  #tail(untilNs: number): void {
    if (!this.#holds) return;
    const last = this.#last;
    const end = { ...last, tNs: Math.min(untilNs, last.tNs + this.#periodNs) };
    for (let at = this.#instants.next; at < end.tNs; at = this.#instants.next)
      this.#partial(at, last, end);
    this.#addInterval(last, end);
  }

  /** One whole interval. */
  #addInterval(from: Row, to: Row): void {
    const dt = (to.tNs - from.tNs) / NS_PER_S;
    for (let k = 0; k < from.rails.length; k++) {
      const part = dt * meanOver(this.#holds, from.rails[k]!, to.rails[k]!, 1);
      this.#sums.add(Sum.rails + k, part);
      if (k % RAIL === 0) this.#sums.add(Sum.energyJ, part);
    }
    this.#sums.add(Sum.coveredS, dt);
    this.#sums.add(Sum.clippedJ, dt * this.#clippedW(from, to));
  }

  /** Of an interval, as {@link #clipped} takes it. */
  #clippedW(from: Row, to: Row): number {
    if (this.#holds) return from.isClipped ? Math.abs(from.totalW) : 0;
    return from.isClipped || to.isClipped ? Math.abs((from.totalW + to.totalW) / 2) : 0;
  }

  #endNs(): number {
    return this.#last.tNs + (this.#holds ? this.#periodNs : 0);
  }

  /** The next snapshot, inside an interval: the sums so far and its first part. */
  #partial(at: number, from: Row, to: Row): void {
    const [t0, p0] = [from.tNs, from.totalW];
    const dt = (at - t0) / NS_PER_S;
    const share = to.tNs > t0 ? (at - t0) / (to.tNs - t0) : 0;
    const row = this.#row;
    this.#snapshot(p0, to.totalW, (to.tNs - t0) / NS_PER_S, share);
    for (let k = 0; k < from.rails.length; k++) {
      const part = dt * meanOver(this.#holds, from.rails[k]!, to.rails[k]!, share);
      plus(row, Sum.rails + k, part);
      if (k % RAIL === 0) plus(row, Sum.energyJ, part);
    }
    plus(row, Sum.coveredS, dt);
    plus(row, Sum.clippedJ, dt * this.#clippedW(from, to));
    this.#instants.take(row);
  }

  /** The sums as they stand, for the next instant. */
  #take(before: number, after: number, distanceS: number): void {
    this.#snapshot(before, after, distanceS, 0);
    this.#instants.take(this.#row);
  }

  #snapshot(before: number, after: number, distanceS: number, share: number): void {
    this.#sums.copyTo(this.#row, 0);
    this.#row[Sum.before] = before;
    this.#row[Sum.after] = after;
    this.#row[Sum.distanceS] = distanceS;
    this.#row[Sum.share] = share;
  }
}

const isClipped = ({ flags }: AlignedRun, i: number): boolean =>
  (flags[i]! & RowFlag.clipped) !== 0;

function plus(row: Float64Array, k: number, x: number): void {
  row[k]! += x;
}

function measuredColumns(rails: AlignedRun["rails"]): Column[] {
  return rails.flatMap(({ powerW, currentA, voltageV }, r) =>
    [powerW, currentA, voltageV].flatMap((values, k) =>
      values ? [{ k: RAIL * r + k, values }] : [],
    ),
  );
}

/** Integrals in a snapshot of this rig's trace. */
export const snapshotWidth = (rig: Rig): number => Sum.rails + RAIL * rig.rails.length;

const isWhole = (run: AlignedRun, a: number, b: number): boolean =>
  a === run.from && b === run.to - 1;
