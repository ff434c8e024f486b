// Columns of rows, block by block → min, mean and max of every series in buckets of 2^2l base buckets, on
// levels l = 0, 1, …; each level is a ring, so memory is fixed. Buckets are counted in rows, not in time:
// a clock that is known better later moves the picture, it does not redo it.
// Leaves: complete buckets in order, NaN where no row was seen. Holds: one pass over each column.

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

interface Level {
  /** The bucket being filled, and the end of those that are complete. */
  open: number;
  /** Rows in the open bucket. */
  rows: number;
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly sum: Float64Array;
  /** Complete buckets: min, mean, max of series s at (3 s + 0, 1, 2) · CAPACITY + bucket mod CAPACITY. */
  readonly ring: Float32Array;
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
    this.#levels = Array.from({ length: LEVELS }, (_, l) => ({
      open: Math.floor(this.#first / RATIO ** l),
      rows: 0,
      min: new Float64Array(series).fill(Infinity),
      max: new Float64Array(series).fill(-Infinity),
      sum: new Float64Array(series),
      ring: new Float32Array(series * 3 * CAPACITY).fill(NaN),
    }));
  }

  /** Adds rows [0, rows) of every column, the first of them number `index`. Rows that went by are ignored. */
  add(columns: readonly Float64Array[], index: number, rows: number): void {
    const base = this.#levels[0]!;
    for (let i = Math.max(0, base.open * this.#rows - index); i < rows;) {
      const bucket = Math.floor((index + i) / this.#rows);
      const end = Math.min(rows, (bucket + 1) * this.#rows - index);
      if (bucket > base.open) this.#advance(0, bucket);
      for (let s = 0; s < columns.length; s++) addTo(base, s, columns[s]!, i, end);
      base.rows += end - i;
      if ((bucket + 1) * this.#rows === index + end) this.#advance(0, bucket + 1);
      i = end;
    }
  }

  /** Buckets [held, complete) of a level can be had. */
  complete(level: number): number {
    return this.#levels[level]!.open;
  }

  held(level: number): number {
    return Math.max(Math.floor(this.#first / RATIO ** level), this.complete(level) - CAPACITY);
  }

  /** Complete buckets [from, to): for each series min, mean, max, `to − from` values each, into `out`. */
  copy(level: number, from: number, to: number, out: Float32Array): void {
    const { ring } = this.#levels[level]!;
    const n = to - from;
    const at = from % CAPACITY;
    const head = Math.min(n, CAPACITY - at);
    for (let k = 0; k < 3 * this.series; k++) {
      const start = k * CAPACITY;
      out.set(ring.subarray(start + at, start + at + head), k * n);
      out.set(ring.subarray(start, start + n - head), k * n + head);
    }
  }

  /** Closes the open bucket of a level, tells the level above, and leaves those without rows empty. */
  #advance(l: number, to: number): void {
    const level = this.#levels[l]!;
    this.#close(l, level);
    const skipped = Math.min(CAPACITY, to - level.open - 1);
    for (let k = to - skipped; k < to; k++) this.#put(level, k, true);
    level.open = to;
  }

  #close(l: number, level: Level): void {
    const above = this.#levels[l + 1];
    const empty = level.rows === 0;
    this.#put(level, level.open, empty);
    if (above && !empty) {
      const bucket = Math.floor(level.open / RATIO);
      if (bucket > above.open) this.#advance(l + 1, bucket);
      merge(level, above, this.series);
      if (level.open % RATIO === RATIO - 1) this.#advance(l + 1, bucket + 1);
    }
    level.rows = 0;
    level.min.fill(Infinity);
    level.max.fill(-Infinity);
    level.sum.fill(0);
  }

  #put({ ring, min, max, sum, rows }: Level, bucket: number, empty: boolean): void {
    for (let s = 0, at = bucket % CAPACITY; s < this.series; s++, at += 3 * CAPACITY) {
      ring[at] = empty ? NaN : min[s]!;
      ring[at + CAPACITY] = empty ? NaN : sum[s]! / rows;
      ring[at + 2 * CAPACITY] = empty ? NaN : max[s]!;
    }
  }
}

/** The hot loop. Two chains of comparisons and additions: faster than one. */
function addTo(level: Level, s: number, column: Float64Array, from: number, to: number): void {
  let min = level.min[s]!;
  let max = level.max[s]!;
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
  level.min[s] = min;
  level.max[s] = max;
  level.sum[s]! += sum + sum2;
}

function merge(from: Level, into: Level, series: number): void {
  into.rows += from.rows;
  for (let s = 0; s < series; s++) {
    into.min[s] = Math.min(into.min[s]!, from.min[s]!);
    into.max[s] = Math.max(into.max[s]!, from.max[s]!);
    into.sum[s]! += from.sum[s]!;
  }
}
