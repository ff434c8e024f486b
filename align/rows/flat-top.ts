// Whether many rows of a column stand at exactly its greatest value, though the others are noisy: a range that ends
// there, whoever cut it. Looks at rows only where they reach as high as any before, and at a few for their noise.

import { Neighbours } from "./neighbours.ts";

/** So many rows at the top, and so many times those at the next value below: no noise has such an end. */
const [LEAST_ROWS, LEAST_TIMES] = [20, 10];
/** Stretches whose noise is looked at: the first ones, then one in so many. */
const [FIRST, EVERY] = [64, 8];
export class FlatTop {
  readonly #column: Float64Array;
  /** The two greatest values, and the rows that have them. */
  #top = -Infinity;
  #next = -Infinity;
  #atTop = 0;
  #atNext = 0;
  #stretches = 0;
  /** Of rows below. */
  readonly beside: Neighbours;

  constructor(column: Float64Array) {
    this.#column = column;
    this.beside = new Neighbours(column);
  }

  /** Rows up to this value are none of those at the top. */
  isBelow(value: number): boolean {
    return value < this.#next;
  }

  /** @param high the greatest of rows [from, to). */
  take(high: number, from: number, to: number): void {
    if (this.isBelow(high)) {
      if (this.#stretches++ < FIRST || this.#stretches % EVERY === 0) this.beside.look(from, to);
      return;
    }
    for (let i = from; i < to; i++) this.#rank(this.#column[i]!);
  }

  /** Undefined where there is none. */
  get found(): { readonly value: number; readonly rows: number } | undefined {
    const isFlat = this.#atTop >= LEAST_ROWS && this.#atTop >= LEAST_TIMES * this.#atNext;
    return isFlat && this.beside.isNoisy && this.#top > 0
      ? { value: this.#top, rows: this.#atTop }
      : undefined;
  }

  #rank(x: number): void {
    if (x === this.#top) this.#atTop++;
    else if (x > this.#top) {
      [this.#next, this.#atNext] = [this.#top, this.#atTop];
      [this.#top, this.#atTop] = [x, 1];
    } else if (x === this.#next) this.#atNext++;
    else if (x > this.#next) [this.#next, this.#atNext] = [x, 1];
  }
}
