// Enters: what the page holds, a view in pixel columns. Leaves: columns of a series, and what it was lately. Pure.

import { leastOf } from "../../../stats/summary.ts";
import { at } from "../arrays.ts";
import { type Columns, emptyColumns, put, type Raster } from "../columns.ts";
import type { Ring, Store } from "./store.ts";

const STALE_S = 2; // a DAQ that sent nothing for so long says nothing of now

/** Seconds a bucket of a level is wide. */
export function bucketSeconds({ about, rowPeriod }: Store, level: number): number {
  return about.rows_per_bucket * about.ratio ** level * rowPeriod;
}

/** First bucket of a ring that has not been overwritten. */
const heldFrom = ({ first, end, capacity }: Ring): number => Math.max(first, end - capacity);

/** The coarsest level that is still as fine as a pixel, or the first coarser one that reaches back to `from`. */
export function levelFor(store: Store, from: number, pixel: number): number {
  const top = store.rings.length - 1;
  let level = 0;
  while (level < top && bucketSeconds(store, level + 1) <= pixel) level++;
  const held = store.rings.map((ring, l) =>
    ring.end > 0 ? store.row0 + heldFrom(ring) * bucketSeconds(store, l) : Infinity,
  );
  // No level reaches back to before the first row.
  const back = Math.max(from, leastOf(held));
  const reaches = (l: number): boolean => at(held, l) <= back + bucketSeconds(store, l);
  const isFilled = (l: number): boolean => (store.rings[l]?.end ?? NaN) > 0;
  let wider = level;
  while (wider < top && !reaches(wider) && isFilled(wider + 1)) wider++;
  return reaches(wider) ? wider : level;
}

/** Series number `s`. */
export function storeColumns(store: Store, s: number, { from, to, n }: Raster): Columns {
  const pixel = (to - from) / n;
  const level = levelFor(store, from, pixel);
  const ring = store.rings[level];
  const out = emptyColumns(n);
  if (!ring) return out;
  const width = bucketSeconds(store, level);
  const held = heldFrom(ring);
  for (let c = 0; c < n; c++) {
    // Half a bucket's slack: a column that shares only an edge with a bucket does not show it.
    const x0 = (from + c * pixel - store.row0) / width + 1e-6;
    const k1 = Math.max(Math.floor(x0) + 1, Math.ceil(x0 + pixel / width - 2e-6));
    const all = summed(ring, s, Math.max(held, Math.floor(x0)), Math.min(ring.end, k1));
    if (all.buckets > 0) put(out, c, [all.min, all.sum / all.buckets, all.max]);
  }
  return out;
}

/** Mean and maximum of a series over the last `seconds` that came; NaN without any, or where they are long past. */
export function lately(store: Store, s: number, seconds: number): { mean: number; max: number } {
  const [ring] = store.rings;
  const width = bucketSeconds(store, 0);
  const unknown = { mean: NaN, max: NaN };
  if (!ring) return unknown;
  if (store.now - (store.row0 + ring.end * width) > Math.max(STALE_S, 4 * width)) return unknown;
  const from = Math.max(heldFrom(ring), ring.end - Math.ceil(seconds / width));
  const all = summed(ring, s, from, ring.end);
  return all.buckets > 0 ? { mean: all.sum / all.buckets, max: all.max } : unknown;
}

interface Summed {
  readonly min: number;
  readonly max: number;
  /** Of the means. */
  readonly sum: number;
  /** Those in which rows were seen. */
  readonly buckets: number;
}

/** Of series `s` in buckets [from, to). */
function summed({ values, capacity }: Ring, s: number, from: number, to: number): Summed {
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let buckets = 0;
  for (let k = from; k < to; k++) {
    const i = 3 * s * capacity + (k % capacity);
    const low = at(values, i);
    const mean = at(values, i + capacity);
    const high = at(values, i + 2 * capacity);
    if (!(mean === mean)) continue;
    if (low < min) min = low;
    if (high > max) max = high;
    sum += mean;
    buckets++;
  }
  return { min, max, sum, buckets };
}
