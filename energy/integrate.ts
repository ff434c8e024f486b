// Aligned runs → running integrals, read off at any list of instants. One pass over the samples serves
// every window at once: a window is the difference of two snapshots, so overlapping windows cost nothing
// extra. Within a run the rule is the trapezoid (instantaneous samples) or the rectangle (samples that
// are means over their interval); partial sums are short and added up compensated (Neumaier 1974).

import type { AlignedRun } from "../align/timeline.ts";
import type { Rig } from "../schema/rig.ts";
import { NS_PER_S, type SessionNs } from "../schema/time.ts";

/** Where each running integral stands in a snapshot; rail r's own start at `rails + 3 r`. */
export const Sum = {
  /** Joules over observed stretches. */
  energyJ: 0,
  /** Observed time, s. */
  coveredS: 1,
  /** Rows. */
  samples: 2,
  /** Joules across gaps, by straight line between their ends; seconds; and Σ s² of the gaps. */
  gapJ: 3,
  gapS: 4,
  gapSquareS2: 5,
  /** Σ d², Σ d·d′, Σ d·d″ of the steps d between rows, W², and Σ P²·dt: what noise and spread come from. */
  step0: 6,
  step1: 7,
  step2: 8,
  powerSquareJW: 9,
  /** Power just before and after the instant, W, and the distance of the two rows, s. Not sums. */
  before: 10,
  after: 11,
  distanceS: 12,
  /** Per rail: ∫P dt, ∫I dt, ∫V dt. */
  rails: 13,
} as const;

const RAIL = 3;

/** Values of one rail's column k at both ends of an interval. */
type Ends = (rail: number, k: number) => readonly [number, number];

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

  get(k: number): number {
    return this.#sum[k]! + this.#lost[k]!;
  }
}

/** Snapshots of the running integrals at the instants asked for. */
export class Snapshots {
  readonly width: number;
  readonly #at: Float64Array;
  readonly #rows: Float64Array;

  constructor(instants: Float64Array, width: number, rows: Float64Array) {
    this.#at = instants;
    this.width = width;
    this.#rows = rows;
  }

  /** Value of one integral at an instant that was asked for; O(log n). @throws Error at any other instant. */
  value(tNs: SessionNs, k: number): number {
    return this.#rows[this.#index(tNs) * this.width + k]!;
  }

  /** Difference of one integral between two instants that were asked for. */
  between(t0Ns: SessionNs, t1Ns: SessionNs, k: number): number {
    return this.value(t1Ns, k) - this.value(t0Ns, k);
  }

  #index(tNs: SessionNs): number {
    const at = this.#at;
    let [lo, hi] = [0, at.length - 1];
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (at[mid]! < tNs) lo = mid + 1;
      else hi = mid;
    }
    if (at[lo] !== tNs) throw new Error(`no snapshot was asked for at ${tNs} ns`);
    return lo;
  }
}

/** Sorted, without repeats: what {@link Integrator} wants. */
export function instantsOf(list: Iterable<SessionNs>): Float64Array {
  const sorted = Float64Array.from(list).sort();
  let n = 0;
  for (const t of sorted) if (n === 0 || t !== sorted[n - 1]) sorted[n++] = t;
  return sorted.slice(0, n);
}

interface LastRow {
  tNs: number;
  totalW: number;
  /** Per rail: P, I, V. */
  readonly rails: Float64Array;
}

export class Integrator {
  readonly #instants: Float64Array;
  readonly #width: number;
  readonly #nRails: number;
  readonly #rows: Float64Array;
  readonly #sums: Neumaier;
  readonly #holds: boolean;
  readonly #periodNs: number;
  #next = 0;
  #last: LastRow | undefined;
  /** The last two steps between rows, newest first. */
  #steps: readonly [number, number] = [0, 0];
  #firstNs = NaN;

  /** @param instants from {@link instantsOf}. */
  constructor(rig: Rig, instants: Float64Array) {
    this.#nRails = rig.rails.length;
    this.#width = Sum.rails + RAIL * this.#nRails;
    this.#instants = instants;
    this.#rows = new Float64Array(instants.length * this.#width);
    this.#sums = new Neumaier(this.#width);
    this.#holds = rig.device.sampling === "interval_mean";
    this.#periodNs = NS_PER_S / rig.device.rowHz;
  }

  /** First and last observed instant. */
  get spanNs(): readonly [SessionNs, SessionNs] {
    return [this.#firstNs, this.#endNs()];
  }

  add(run: AlignedRun): void {
    if (this.#last === undefined) this.#begin(run);
    else if (run.gapBefore) this.#gap(run);
    else this.#seam(run);
    this.#within(run);
    this.#keepLast(run);
  }

  /** The snapshots; instants after the last sample see the final sums. */
  finish(): Snapshots {
    if (this.#last) this.#tail(Infinity);
    while (this.#next < this.#instants.length) this.#snapshot(NaN, NaN, 0);
    return new Snapshots(this.#instants, this.#width, this.#rows);
  }

  #begin(run: AlignedRun): void {
    const t0 = run.tNs[run.from]!;
    this.#firstNs = t0;
    while (this.#next < this.#instants.length && this.#instants[this.#next]! <= t0)
      this.#snapshot(NaN, run.totalW[run.from]!, 0);
    this.#last = { tNs: t0, totalW: 0, rails: new Float64Array(RAIL * this.#nRails) };
  }

  /** Everything between the rows of a run, cut where an instant asks for a snapshot. */
  #within(run: AlignedRun): void {
    const { tNs, from, to } = run;
    const last = to - 1;
    this.#sums.add(Sum.samples, 1);
    let i = from;
    while (
      i < last &&
      this.#next < this.#instants.length &&
      this.#instants[this.#next]! <= tNs[last]!
    ) {
      const at = this.#instants[this.#next]!;
      const j = firstAtOrAfter(tNs, i, to, at);
      this.#accumulate(run, i, Math.max(i, j - 1));
      i = Math.max(i, j - 1);
      this.#partial(at, tNs[i]!, tNs[i + 1]!, run.totalW[i]!, run.totalW[i + 1]!, (r, k) => {
        const c = column(run, r, k);
        return c ? [c[i]!, c[i + 1]!] : [0, 0];
      });
    }
    this.#accumulate(run, i, last);
  }

  /** Adds the intervals between rows a … b. */
  #accumulate(run: AlignedRun, a: number, b: number): void {
    if (b <= a) return;
    const t = run.tNs;
    const sums = this.#sums;
    for (let r = 0; r < this.#nRails; r++)
      for (let k = 0; k < RAIL; k++) {
        const c = column(run, r, k);
        if (!c) continue;
        const part = this.#holds ? hold(t, c, a, b) : trapezoid(t, c, a, b);
        sums.add(Sum.rails + RAIL * r + k, part);
        if (k === 0) sums.add(Sum.energyJ, part);
      }
    sums.add(Sum.samples, b - a);
    sums.add(Sum.coveredS, (t[b]! - t[a]!) / NS_PER_S);
    this.#spread(run, a, b);
  }

  #spread(run: AlignedRun, a: number, b: number): void {
    const p = run.totalW;
    const t = run.tNs;
    let [s0, s1, s2, power] = [0, 0, 0, 0];
    let [d1, d2] = this.#steps;
    for (let i = a; i < b; i++) {
      const x = p[i]!;
      const d = p[i + 1]! - x;
      s0 += d * d;
      s1 += d * d1;
      s2 += d * d2;
      power += x * x * (t[i + 1]! - t[i]!);
      d2 = d1;
      d1 = d;
    }
    this.#steps = [d1, d2];
    this.#sums.add(Sum.step0, s0);
    this.#sums.add(Sum.step1, s1);
    this.#sums.add(Sum.step2, s2);
    this.#sums.add(Sum.powerSquareJW, power / NS_PER_S);
  }

  /** The interval from the last row of the run before to the first of this one, no gap between. */
  #seam(run: AlignedRun): void {
    const last = this.#last!;
    const [t0, t1] = [last.tNs, run.tNs[run.from]!];
    const ends = (r: number, k: number): [number, number] => [
      last.rails[RAIL * r + k]!,
      column(run, r, k)?.[run.from] ?? 0,
    ];
    while (this.#next < this.#instants.length && this.#instants[this.#next]! <= t1)
      this.#partial(this.#instants[this.#next]!, t0, t1, last.totalW, run.totalW[run.from]!, ends);
    this.#addInterval((t1 - t0) / NS_PER_S, ends);
    const step = run.totalW[run.from]! - last.totalW;
    this.#sums.add(Sum.step0, step * step);
    this.#sums.add(Sum.step1, step * this.#steps[0]);
    this.#sums.add(Sum.step2, step * this.#steps[1]);
    this.#steps = [step, this.#steps[0]];
  }

  /** Not observed: nothing is added to the energy; the straight-line estimate is kept beside it. */
  #gap(run: AlignedRun): void {
    this.#tail(run.tNs[run.from]!);
    const t0 = this.#endNs();
    const t1 = run.tNs[run.from]!;
    const [p0, p1] = [this.#last!.totalW, run.totalW[run.from]!];
    const dt = Math.max(0, (t1 - t0) / NS_PER_S);
    while (this.#next < this.#instants.length && this.#instants[this.#next]! < t1) {
      const part = Math.max(0, (this.#instants[this.#next]! - t0) / NS_PER_S);
      const share = dt > 0 ? part / dt : 0;
      const row = this.#snapshot(p0, p1, dt);
      this.#rows[row + Sum.gapJ]! += part * (p0 + (share * (p1 - p0)) / 2);
      this.#rows[row + Sum.gapS]! += part;
      this.#rows[row + Sum.gapSquareS2]! += share * dt * dt;
    }
    this.#sums.add(Sum.gapJ, (dt * (p0 + p1)) / 2);
    this.#sums.add(Sum.gapS, dt);
    this.#sums.add(Sum.gapSquareS2, dt * dt);
    this.#steps = [0, 0];
  }

  /** Samples that are means over their interval: the last row of a run stands for one period more. */
  #tail(untilNs: number): void {
    if (!this.#holds) return;
    const last = this.#last!;
    const t1 = Math.min(untilNs, last.tNs + this.#periodNs);
    const ends = (r: number, k: number): [number, number] => {
      const x = last.rails[RAIL * r + k]!;
      return [x, x];
    };
    while (this.#next < this.#instants.length && this.#instants[this.#next]! < t1)
      this.#partial(this.#instants[this.#next]!, last.tNs, t1, last.totalW, last.totalW, ends);
    this.#addInterval((t1 - last.tNs) / NS_PER_S, ends);
  }

  /** One whole interval whose end values are given. */
  #addInterval(dt: number, ends: Ends): void {
    for (let r = 0; r < this.#nRails; r++)
      for (let k = 0; k < RAIL; k++) {
        const [x0, x1] = ends(r, k);
        const part = dt * (this.#holds ? x0 : (x0 + x1) / 2);
        this.#sums.add(Sum.rails + RAIL * r + k, part);
        if (k === 0) this.#sums.add(Sum.energyJ, part);
      }
    this.#sums.add(Sum.coveredS, dt);
    this.#sums.add(Sum.powerSquareJW, this.#last!.totalW ** 2 * dt);
  }

  #endNs(): number {
    return this.#last ? this.#last.tNs + (this.#holds ? this.#periodNs : 0) : NaN;
  }

  #keepLast(run: AlignedRun): void {
    const i = run.to - 1;
    const last = this.#last!;
    last.tNs = run.tNs[i]!;
    last.totalW = run.totalW[i]!;
    for (let r = 0; r < this.#nRails; r++)
      for (let k = 0; k < RAIL; k++) last.rails[RAIL * r + k] = column(run, r, k)?.[i] ?? 0;
  }

  /** A snapshot inside an interval: the sums so far and the interval's first part. */
  #partial(at: number, t0: number, t1: number, p0: number, p1: number, ends: Ends): void {
    const dt = (at - t0) / NS_PER_S;
    const share = t1 > t0 ? (at - t0) / (t1 - t0) : 0;
    const row = this.#snapshot(p0, p1, (t1 - t0) / NS_PER_S);
    for (let r = 0; r < this.#nRails; r++)
      for (let k = 0; k < RAIL; k++) {
        const [x0, x1] = ends(r, k);
        const part = dt * (this.#holds ? x0 : x0 + (share * (x1 - x0)) / 2);
        this.#rows[row + Sum.rails + RAIL * r + k]! += part;
        if (k === 0) this.#rows[row + Sum.energyJ]! += part;
      }
    this.#rows[row + Sum.coveredS]! += dt;
    this.#rows[row + Sum.powerSquareJW]! += p0 * p0 * dt;
  }

  /** Copies the sums as they stand; returns where. */
  #snapshot(before: number, after: number, distanceS: number): number {
    const row = this.#next++ * this.#width;
    for (let k = 0; k < this.#width; k++) this.#rows[row + k] = this.#sums.get(k);
    this.#rows[row + Sum.before] = before;
    this.#rows[row + Sum.after] = after;
    this.#rows[row + Sum.distanceS] = distanceS;
    return row;
  }
}

/** Column k of a rail: 0 power, 1 current, 2 voltage. */
function column(run: AlignedRun, rail: number, k: number): Float64Array | null {
  const r = run.rails[rail]!;
  return k === 0 ? r.powerW : k === 1 ? r.currentA : r.voltageV;
}

function firstAtOrAfter(t: Float64Array, from: number, to: number, at: number): number {
  let [lo, hi] = [from, to - 1];
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (t[mid]! < at) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

function trapezoid(t: Float64Array, c: Float64Array, a: number, b: number): number {
  let sum = 0;
  for (let i = a; i < b; i++) sum += (c[i]! + c[i + 1]!) * (t[i + 1]! - t[i]!);
  return sum / (2 * NS_PER_S);
}

function hold(t: Float64Array, c: Float64Array, a: number, b: number): number {
  let sum = 0;
  for (let i = a; i < b; i++) sum += c[i]! * (t[i + 1]! - t[i]!);
  return sum / NS_PER_S;
}
