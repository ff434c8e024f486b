// A column of numbers that grows at its end and is read by index, however long: in pages, the later ones of which
// may lie in a file (capture/number-pages.ts). Holds: one page at most is read back at a time, so going through a
// column, or looking around one place, costs a reading each 8,192 numbers; jumping about costs one each jump.

import { NumberPages } from "../capture/number-pages.ts";
import { firstWhere } from "../stats/search.ts";

const FIRST_SIZE = 64;

export class ReadColumn {
  readonly #store: NumberPages;
  readonly #shift: number;
  readonly #mask: number;
  /** Full pages: themselves, where in the file they lie, or the one number that all of their numbers are. */
  readonly #full: (Float64Array | number)[] = [];
  /** The first number of each page, the last one included. */
  readonly #firsts: number[] = [];
  /** The page that is being filled. */
  #last: Float64Array;
  /** The page looked at last, and its index. */
  #page: Float64Array;
  #at = 0;
  /** What pages of the file are read into. */
  #buffer: Float64Array | undefined;
  #length = 0;

  constructor(store = new NumberPages()) {
    this.#store = store;
    this.#shift = Math.log2(store.size);
    this.#mask = store.size - 1;
    this.#last = this.#page = new Float64Array(Math.min(FIRST_SIZE, store.size));
  }

  static of(values: Iterable<number>): ReadColumn {
    const column = new ReadColumn();
    for (const v of values) column.push(v);
    return column;
  }

  /** An empty one whose pages lie where this one's do. */
  beside(): ReadColumn {
    return new ReadColumn(this.#store);
  }

  get length(): number {
    return this.#length;
  }

  push(x: number): void {
    const k = this.#length & this.#mask;
    if (k === 0) this.#turn(x);
    else if (k === this.#last.length) this.#grow();
    this.#last[k] = x;
    this.#length++;
  }

  /** @param i 0 … length − 1. */
  at(i: number): number {
    const page = i >>> this.#shift;
    return (page === this.#at ? this.#page : this.#load(page))[i & this.#mask]!;
  }

  *[Symbol.iterator](): Generator<number> {
    for (let i = 0; i < this.#length; i++) yield this.at(i);
  }

  /** Whether a test holds for one of the numbers at least. */
  some(test: (x: number) => boolean): boolean {
    for (let i = 0; i < this.#length; i++) if (test(this.at(i))) return true;
    return false;
  }

  /** Index of the first at or after `x`, else the length; of a column that ascends. */
  firstAtOrAfter(x: number): number {
    const page = firstWhere(0, this.#firsts.length, (k) => this.#firsts[k]! >= x) - 1;
    if (page < 0) return 0;
    const end = Math.min(this.#length, (page + 1) * this.#store.size);
    return firstWhere(page * this.#store.size, end, (i) => this.at(i) >= x);
  }

  /** Index of the first after `x`, else the length; of a column that ascends. */
  firstAfter(x: number): number {
    let i = this.firstAtOrAfter(x);
    while (i < this.#length && this.at(i) === x) i++;
    return i;
  }

  #turn(first: number): void {
    if (this.#length > 0) {
      const kept = isOneNumber(this.#last) ? this.#last.slice(0, 1) : this.#store.keep(this.#last);
      this.#full.push(kept);
      if (kept === this.#last) this.#last = new Float64Array(this.#store.size);
    }
    this.#firsts.push(first);
    this.#look(this.#full.length, this.#last);
  }

  #grow(): void {
    const larger = new Float64Array(Math.min(2 * this.#last.length, this.#store.size));
    larger.set(this.#last);
    if (this.#page === this.#last) this.#page = larger;
    this.#last = larger;
  }

  #load(page: number): Float64Array {
    const full = this.#full[page];
    if (full === undefined) return this.#look(page, this.#last);
    if (typeof full === "object" && full.length > 1) return this.#look(page, full);
    // Not known until it is whole.
    this.#at = -1;
    const buffer = (this.#buffer ??= new Float64Array(this.#store.size));
    if (typeof full === "number") this.#store.read(full, buffer);
    else buffer.fill(full[0]!);
    return this.#look(page, buffer);
  }

  #look(page: number, numbers: Float64Array): Float64Array {
    this.#at = page;
    return (this.#page = numbers);
  }
}

function isOneNumber(page: Float64Array): boolean {
  const first = page[0]!;
  for (let i = 1; i < page.length; i++) if (!Object.is(page[i], first)) return false;
  return true;
}
