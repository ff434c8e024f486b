// Means of columns over any recent stretch of rows, bounds between rows included: sums that run along,
// kept for the last rows only. A row stands for half a row before it to half a row after it.

import { RowFlag } from "../rows/row-flags.ts";

export class RunningSums {
  readonly #mask: number;
  /** Σ x and Σ (x − previous x)² of each column, and clipped rows, over all rows before the one that indexes it. */
  readonly #sums: readonly Float64Array[];
  readonly #steps: readonly Float64Array[];
  readonly #clipped: Float64Array;
  #first = 0;
  #next = 0;

  /** @param rows at least so many are kept. */
  constructor(columns: number, rows: number) {
    const capacity = 2 ** Math.ceil(Math.log2(rows + 2));
    const rings = (n: number): Float64Array[] =>
      Array.from({ length: n }, () => new Float64Array(capacity));
    this.#mask = capacity - 1;
    this.#sums = rings(columns);
    this.#steps = rings(columns);
    this.#clipped = new Float64Array(capacity);
  }

  /** Rows from `index` on; a jump of the index is a gap, and nothing before it is known any more. */
  add(index: number, columns: readonly Float64Array[], flags: Uint8Array, rows: number): void {
    const mask = this.#mask;
    if (index !== this.#next || this.#next === this.#first) this.#restart(index);
    columns.forEach((x, c) => {
      const [sum, step] = [this.#sums[c]!, this.#steps[c]!];
      let [s, q] = [sum[index & mask]!, step[index & mask]!];
      // Of the first row of a run the row before is not known.
      let last = index > this.#first ? s - sum[(index - 1) & mask]! : x[0]!;
      for (let i = 0, at = index + 1; i < rows; i++, at++) {
        const value = x[i]!;
        s += value;
        q += (value - last) ** 2;
        last = value;
        sum[at & mask] = s;
        step[at & mask] = q;
      }
    });
    let clipped = this.#clipped[index & mask]!;
    for (let i = 0, at = index + 1; i < rows; i++, at++) {
      if (flags[i]! & RowFlag.clipped) clipped++;
      this.#clipped[at & mask] = clipped;
    }
    this.#next = index + rows;
    this.#first = Math.max(this.#first, this.#next - mask);
  }

  /** Nothing that came so far is next to what comes. */
  forget(): void {
    this.#first = this.#next;
  }

  /** Rows up to here have come. */
  get reach(): number {
    return this.#next - 0.5;
  }

  /** Whether every row of [from, to] is there and none is clipped. */
  whole(from: number, to: number): boolean {
    const [a, b] = [Math.floor(from + 0.5), Math.floor(to + 0.5) + 1];
    if (a < this.#first || b > this.#next) return false;
    return this.#clipped[b & this.#mask] === this.#clipped[a & this.#mask];
  }

  /** Mean of column c; the stretch must be {@link whole}. */
  mean(c: number, from: number, to: number): number {
    return (this.#integral(c, to) - this.#integral(c, from)) / (to - from);
  }

  /** Variance of white noise on column c by the steps between its rows; a load's own steps add to it. */
  noiseVariance(c: number, from: number, to: number): number {
    const [a, b] = [Math.floor(from + 0.5), Math.floor(to + 0.5) + 1];
    const q = this.#steps[c]!;
    return (q[b & this.#mask]! - q[a & this.#mask]!) / (2 * (b - a));
  }

  #integral(c: number, at: number): number {
    const sum = this.#sums[c]!;
    const k = Math.floor(at + 0.5);
    const low = sum[k & this.#mask]!;
    return low + (at + 0.5 - k) * (sum[(k + 1) & this.#mask]! - low);
  }

  #restart(index: number): void {
    this.#first = this.#next = index;
    for (const ring of [...this.#sums, ...this.#steps, this.#clipped]) ring[index & this.#mask] = 0;
  }
}
