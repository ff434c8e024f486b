// Columns of rows, block by block → min, mean and max of every series in buckets of 2^2l base buckets, on
// levels l = 0, 1, …; each level is a ring, so memory is fixed. Buckets are counted in rows, not in time:
// a clock that is known better later moves the picture, it does not redo it.
// Leaves: complete buckets in order, NaN where no row was seen. Holds: one pass over each column.

import { valueAt } from "../../stats/places.ts";
import { zip } from "../../stats/zip.ts";

export const RATIO = 4;
/** A view is drawn from the finest level that still spans it; 8192 buckets are more than screens have pixels. */
export const CAPACITY = 8192;
const LEVELS = 6;
/** Base bucket: nothing shorter can be seen in a view that scrolls. */
const BASE_S = 1e-3;

/** Rows of a base bucket: at least two, so that a bucket without rows is a gap and not the rate. */
export function rowsPerBucket(rowHz: number): number {
  return Math.max(2, Math.round(rowHz * BASE_S));
}

/** Complete buckets [from, to) of one level. */
export interface BucketSpan {
  readonly level: number;
  readonly from: number;
  readonly to: number;
}

/** A series in the open bucket. */
interface Open {
  min: number;
  max: number;
  sum: number;
}

class Level {
  readonly #above: Level | null;
  /** The bucket being filled, and the end of those that are complete. */
  open: number;
  /** Rows in the open bucket. */
  rows = 0;
  readonly series: readonly Open[];
  /** Complete buckets: min, mean, max of series s at (3 s + 0, 1, 2) · CAPACITY + bucket mod CAPACITY. */
  readonly ring: Float32Array;

  constructor(series: number, open: number, above: Level | null) {
    this.#above = above;
    this.open = open;
    this.series = Array.from({ length: series }, () => ({ min: 0, max: 0, sum: 0 }));
    this.series.forEach(empty);
    this.ring = new Float32Array(series * 3 * CAPACITY).fill(NaN);
  }

  /** Closes the open bucket, tells the level above, and leaves those without rows empty. */
  advance(to: number): void {
    this.#close();
    const skipped = Math.min(CAPACITY, to - this.open - 1);
    for (let k = to - skipped; k < to; k++) this.#put(k);
    this.open = to;
  }

  #close(): void {
    this.#put(this.open);
    if (this.rows > 0) this.#above?.take(this);
    this.rows = 0;
    this.series.forEach(empty);
  }

  /** Adds what the level below has in its open bucket. */
  take(below: Level): void {
    const bucket = Math.floor(below.open / RATIO);
    if (bucket > this.open) this.advance(bucket);
    this.rows += below.rows;
    for (const [into, { min, max, sum }] of zip(this.series, below.series)) {
      into.min = Math.min(into.min, min);
      into.max = Math.max(into.max, max);
      into.sum += sum;
    }
    if (below.open % RATIO === RATIO - 1) this.advance(bucket + 1);
  }

  /** Fills in a complete bucket: NaN without rows. */
  #put(bucket: number): void {
    const hasRows = this.rows > 0;
    let at = bucket % CAPACITY;
    for (const { min, max, sum } of this.series) {
      this.ring[at] = hasRows ? min : NaN;
      this.ring[at + CAPACITY] = hasRows ? sum / this.rows : NaN;
      this.ring[at + 2 * CAPACITY] = hasRows ? max : NaN;
      at += 3 * CAPACITY;
    }
  }
}

function empty(s: Open): void {
  s.min = Infinity;
  s.max = -Infinity;
  s.sum = 0;
}

export class Pyramid {
  readonly series: number;
  readonly levels: number = LEVELS;
  readonly #rows: number;
  readonly #first: number;
  readonly #levels: readonly Level[];

  /** @param firstRow index of the first row there will be. */
  constructor(series: number, rowsInBucket: number, firstRow = 0) {
    this.series = series;
    this.#rows = rowsInBucket;
    this.#first = Math.floor(firstRow / rowsInBucket);
    const levels: Level[] = [];
    for (let l = LEVELS - 1; l >= 0; l--)
      levels.unshift(new Level(series, Math.floor(this.#first / RATIO ** l), levels[0] ?? null));
    this.#levels = levels;
  }

  /** Adds rows [0, rows) of every column, the first of them number `index`. Rows that went by are ignored. */
  add(columns: readonly Float64Array[], index: number, rows: number): void {
    const base = valueAt(this.#levels, 0);
    for (let i = Math.max(0, base.open * this.#rows - index); i < rows;) {
      const bucket = Math.floor((index + i) / this.#rows);
      const end = Math.min(rows, (bucket + 1) * this.#rows - index);
      if (bucket > base.open) base.advance(bucket);
      for (const [s, column] of zip(base.series, columns)) addTo(s, column, i, end);
      base.rows += end - i;
      if ((bucket + 1) * this.#rows === index + end) base.advance(bucket + 1);
      i = end;
    }
  }

  /** Buckets [held, complete) of a level can be had. */
  complete(level: number): number {
    return valueAt(this.#levels, level).open;
  }

  held(level: number): number {
    return Math.max(Math.floor(this.#first / RATIO ** level), this.complete(level) - CAPACITY);
  }

  /** For each series min, mean, max, `to − from` values each, into `out`. */
  copy({ level, from, to }: BucketSpan, out: Float32Array): void {
    const { ring } = valueAt(this.#levels, level);
    const n = to - from;
    const at = from % CAPACITY;
    const head = Math.min(n, CAPACITY - at);
    for (let k = 0; k < 3 * this.series; k++) {
      const start = k * CAPACITY;
      out.set(ring.subarray(start + at, start + at + head), k * n);
      out.set(ring.subarray(start, start + n - head), k * n + head);
    }
  }
}

/** The hot loop. Two chains of comparisons and additions: faster than one. */
function addTo(s: Open, column: Float64Array, from: number, to: number): void {
  let { min, max } = s;
  let sum = 0;
  let sum2 = 0;
  let i = from;
  for (const whole = to - 1; i < whole; i += 2) {
    const v = column[i]!;
    const w = column[i + 1]!;
    if (v < min) min = v;
    if (v > max) max = v;
    if (w < min) min = w;
    if (w > max) max = w;
    sum += v;
    sum2 += w;
  }
  if (i < to) {
    const v = column[i]!;
    if (v < min) min = v;
    if (v > max) max = v;
    sum += v;
  }
  s.min = min;
  s.max = max;
  s.sum += sum + sum2;
}
