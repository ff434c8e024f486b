// Enters: a column of values, run by run (runs.ts). Leaves: its min, max, integral and active time per bucket.

import { valueAt } from "../stats/places.ts";
import { type Grid, type Run, startOf } from "./runs.ts";
import { meanOver } from "../energy/integrals.ts";

/** From the row before to the next, as far as it was seen. */
export type Lead = Pick<Run, "before" | "bucket" | "tNs" | "leadS">;

/** One quantity over the buckets. mean = integral / activeS. */
export class BucketSeries {
  readonly min: Float32Array;
  readonly max: Float32Array;
  /** Unit·seconds, by the rule of energy/integrals.ts, not across gaps; what lies between two rows is split exactly at bucket ends. */
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

  /** @param halfS half of what was seen between each row and its predecessor, s. */
  add(grid: Grid, runs: readonly Run[], column: Float32Array, halfS: Float64Array): void {
    for (const run of runs) {
      this.#bridge(grid, run, column[run.from]!);
      if (!run.isEven || !this.#addEven(grid, run, column))
        this.#addUneven(grid, run, column, halfS);
      this.#last = column[run.to - 1]!;
    }
  }

  /** After the last row, where rows are means. @param lead from it to its end. */
  end(grid: Grid, lead: Lead): void {
    this.#bridge(grid, lead, this.#last);
  }

  /**
   * From the row before a run to its first, as far as that was seen, split exactly at bucket ends; buckets without a row
   * of their own get the values at their ends.
   */
  #bridge(grid: Grid, { before, bucket, tNs, leadS }: Lead, value: number): void {
    const from = this.#last;
    if (value !== value || from !== from || leadS === 0) return;
    const slope = grid.holdsNs > 0 ? 0 : (value - from) / (tNs - before.tNs);
    const seenNs = Math.min(tNs, before.tNs + leadS * 1e9);
    for (let k = before.bucket; k <= bucket; k++) {
      const x0 = Math.max(before.tNs, startOf(grid, k)) - before.tNs;
      const x1 = Math.min(seenNs, startOf(grid, k + 1)) - before.tNs;
      if (x1 <= x0) continue;
      this.#cover(k, (from + slope * (x0 + x1) * 0.5) * (x1 - x0) * 1e-9, (x1 - x0) * 1e-9);
      if (k === before.bucket || k === bucket) continue;
      const [at0, at1] = [from + slope * x0, from + slope * x1];
      this.#widen(k, Math.min(at0, at1), Math.max(at0, at1));
    }
  }

  /** The hot loop: evenly spaced rows. False, and nothing added, when a value is missing. */
  #addEven({ holdsNs }: Grid, { bucket, from, to, activeS }: Run, column: Float32Array): boolean {
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
    if (to - from > 1) {
      // Each row but the last is followed by a step at its own value, or at the mean of it and the next.
      const ends = meanOver(holdsNs > 0, last, first, 1);
      this.#cover(bucket, ((sum - ends) / (to - from - 1)) * activeS, activeS);
    }
    return true;
  }

  /** The same step by step: an interval counts where both its ends are there, as far as it was seen. */
  #addUneven(
    { holdsNs }: Grid,
    { bucket, from, to }: Run,
    column: Float32Array,
    halfS: Float64Array,
  ): void {
    const holds = holdsNs > 0;
    let before = NaN;
    for (let j = from; j < to; j++) {
      const v = column[j]!;
      const half = halfS[j]!;
      if (v === v) this.#widen(bucket, v, v);
      if (v === v && before === before)
        this.#cover(bucket, meanOver(holds, before, v, 1) * 2 * half, 2 * half);
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
