// Enters: a column of values, run by run (runs.ts). Leaves: its min, max, integral and active time per bucket.

import { valueAt } from "../stats/places.ts";
import { type Grid, type Run, startOf } from "./runs.ts";

/** One quantity over the buckets. mean = integral / activeS. */
export class BucketSeries {
  readonly min: Float32Array;
  readonly max: Float32Array;
  /** Trapezoid integral, unit·seconds, not across gaps; a segment is split exactly at bucket ends. */
  readonly integral: Float64Array;
  /** Seconds covered by the integral. */
  readonly activeS: Float64Array;
  #last = NaN;

  constructor(capacity: number) {
    this.min = new Float32Array(capacity).fill(Infinity);
    this.max = new Float32Array(capacity).fill(-Infinity);
    this.integral = new Float64Array(capacity);
    this.activeS = new Float64Array(capacity);
  }

  /** Value of the last row; NaN before there is one. */
  get last(): number {
    return this.#last;
  }

  /** Whether bucket k holds a value. */
  has(k: number): boolean {
    return valueAt(this.min, k) <= valueAt(this.max, k);
  }

  /** Of bucket k; of one row, or rows across gaps alone, the middle of the extremes. */
  mean(k: number): number {
    const activeS = valueAt(this.activeS, k);
    if (activeS > 0) return valueAt(this.integral, k) / activeS;
    return (valueAt(this.min, k) + valueAt(this.max, k)) / 2;
  }

  /** @param halfS half of each row's distance to its predecessor, s; 0 across a gap. */
  add(grid: Grid, runs: readonly Run[], column: Float32Array, halfS: Float64Array): void {
    for (const run of runs) {
      this.#bridge(grid, run, column[run.from]!);
      if (!run.isEven || !this.#addEven(run, column)) this.#addUneven(run, column, halfS);
      this.#last = column[run.to - 1]!;
    }
  }

  /**
   * One trapezoid from the row before a run to its first, split exactly at bucket ends; buckets without a row of their
   * own get its interpolated ends.
   */
  #bridge(grid: Grid, { before, bucket, tNs, leadS }: Run, value: number): void {
    const from = this.#last;
    if (value !== value || from !== from || leadS === 0) return;
    const slope = (value - from) / (tNs - before.tNs);
    for (let k = before.bucket; k <= bucket; k++) {
      const x0 = Math.max(before.tNs, startOf(grid, k)) - before.tNs;
      const x1 = Math.min(tNs, startOf(grid, k + 1)) - before.tNs;
      this.#cover(k, (from + slope * (x0 + x1) * 0.5) * (x1 - x0) * 1e-9, (x1 - x0) * 1e-9);
      if (k === before.bucket || k === bucket) continue;
      const [at0, at1] = [from + slope * x0, from + slope * x1];
      this.#widen(k, Math.min(at0, at1), Math.max(at0, at1));
    }
  }

  /** The hot loop: evenly spaced rows. False, and nothing added, when a value is missing. */
  #addEven({ bucket, from, to, activeS }: Run, column: Float32Array): boolean {
    const first = column[from]!;
    const last = column[to - 1]!;
    let min = first;
    let max = first;
    let sum = 0;
    let sum2 = 0; // two chains of additions: faster than one
    let j = from;
    for (; j + 1 < to; j += 2) {
      const v = column[j]!;
      const w = column[j + 1]!;
      if (v < min) min = v;
      if (v > max) max = v;
      if (w < min) min = w;
      if (w > max) max = w;
      sum += v;
      sum2 += w;
    }
    if (j < to) {
      if (last < min) min = last;
      if (last > max) max = last;
      sum += last;
    }
    sum += sum2;
    if (sum !== sum) return false;
    this.#widen(bucket, min, max);
    if (to - from > 1)
      this.#cover(bucket, ((sum - 0.5 * (first + last)) / (to - from - 1)) * activeS, activeS);
    return true;
  }

  /** The same step by step: an interval counts where both its ends are there, across a gap as 0. */
  #addUneven({ bucket, from, to }: Run, column: Float32Array, halfS: Float64Array): void {
    let before = NaN;
    for (let j = from; j < to; j++) {
      const v = column[j]!;
      const half = halfS[j]!;
      if (v === v) this.#widen(bucket, v, v);
      if (v === v && before === before) this.#cover(bucket, (v + before) * half, 2 * half);
      before = v;
    }
  }

  /** Values from `lo` to `hi` lie in bucket k. */
  #widen(k: number, lo: number, hi: number): void {
    if (lo < this.min[k]!) this.min[k] = lo;
    if (hi > this.max[k]!) this.max[k] = hi;
  }

  /** So many seconds of bucket k, and the integral over them. */
  #cover(k: number, integral: number, seconds: number): void {
    this.integral[k]! += integral;
    this.activeS[k]! += seconds;
  }
}
