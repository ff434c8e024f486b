// Enters: a view in pixel columns. Leaves: min, mean and max of a series in each column, so that no peak is lost
// however far one zooms out. Pure.

import { at, lastAtOrBefore } from "./arrays.ts";

/** [from, to), session seconds. */
export type Span = readonly [number, number];

export interface View {
  readonly from: number;
  readonly to: number;
}

/** A view cut into n columns of equal width. */
export interface Raster extends View {
  readonly n: number;
}

/** By column; null where nothing was observed. */
export interface Columns {
  readonly min: (number | null)[];
  readonly mean: (number | null)[];
  readonly max: (number | null)[];
}

/** Reads of a telemetry channel in time order; `lo`/`hi` where each stands for several. NaN for a failed one. */
export interface Reads {
  readonly t: Float64Array;
  readonly value: Float32Array | Float64Array;
  readonly lo: Float32Array | null;
  readonly hi: Float32Array | null;
  /** Seconds a read stands before silence counts as a gap. */
  readonly hold: number;
  /** Times of failed reads. */
  readonly failed: readonly number[];
}

/** Column centres. */
export function columnTimes({ from, to, n }: Raster): Float64Array {
  return Float64Array.from({ length: n }, (_, c) => from + ((c + 0.5) * (to - from)) / n);
}

export function emptyColumns(n: number): Columns {
  const nulls = () => new Array<number | null>(n).fill(null);
  return { min: nulls(), mean: nulls(), max: nulls() };
}

export function put(
  out: Columns,
  c: number,
  [min, mean, max]: readonly [number, number, number],
): void {
  out.min[c] = min;
  out.mean[c] = mean;
  out.max[c] = max;
}

/** One telemetry channel, as last read: reads inside a column give its extremes. */
export function channelColumns(channel: Reads, { from, to, n }: Raster): Columns {
  const { t, value, lo, hi, hold } = channel;
  const out = emptyColumns(n);
  const step = (to - from) / n;
  let i = lastAtOrBefore(t, from);
  for (let c = 0; c < n; c++) {
    const start = from + c * step;
    const end = start + step;
    const stands = i >= 0 && start - at(t, i) <= hold && i + 1 < t.length;
    let last = stands ? at(value, i) : NaN;
    let min = last === last ? last : Infinity;
    let max = last === last ? last : -Infinity;
    while (i + 1 < t.length && at(t, i + 1) < end) {
      i++;
      const v = at(value, i);
      if (!(v === v)) continue;
      min = Math.min(min, lo ? at(lo, i) : v);
      max = Math.max(max, hi ? at(hi, i) : v);
      last = v;
    }
    if (min <= max) put(out, c, [min, last === last ? last : min, max]);
  }
  return out;
}
