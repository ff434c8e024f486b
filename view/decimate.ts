// Enters: rows in time order, as typed-array columns. Leaves: equal-width time buckets holding, per
// series, min, max, integral and active time (the record HTA keeps: Joules survive gaps), and the running
// energy at every bucket's start. Holds: a fixed number of buckets. When time runs past the last one,
// neighbours merge and the width doubles, so memory never grows and every level nests in the next.

import { endsOf, valueAt } from "../stats/places.ts";
import { zip } from "../stats/zip.ts";
import { BucketSeries, type Lead } from "./bucket-series.ts";
import {
  bucketBefore,
  type Place,
  readHalfSteps,
  readTimes,
  type Run,
  runsOf,
  startOf,
} from "./runs.ts";

export interface Buckets {
  readonly capacity: number;
  /** Buckets in use: 0 … used − 1. */
  used: number;
  /** Session time of the first bucket's start, ns. */
  startNs: number;
  widthNs: number;
  /** As of {@link Grid}. */
  readonly holdsNs: number;
  readonly rows: Uint32Array;
  readonly flags: Uint8Array;
  /** Running energy at the start of bucket k, J; index `used` holds the last row's, or after {@link endRows} its end's. */
  readonly energyJ: Float64Array;
  readonly series: readonly BucketSeries[];
  /** Rows whose time lay before their predecessor's; they count, but span no time. */
  backwards: number;
  /** Rows in all. */
  total: number;
  /** The last row, or its end, and the running energy there. */
  last: Place & { readonly energyJ: number };
}

/** A batch of rows; `columns[i]` feeds `series[i]`. NaN is a missing value. */
export interface Rows {
  readonly tNs: BigInt64Array;
  readonly columns: readonly Float32Array[];
  readonly flags?: Uint8Array | undefined;
  /** Running energy, J, of the power in column 0. */
  readonly energyJ?: Float64Array | undefined;
}

/** @param capacity even @param widthNs first guess; too small costs only merging @param holdsNs as of {@link Grid} */
export function createBuckets(
  series: number,
  capacity: number,
  widthNs: number,
  holdsNs = 0,
): Buckets {
  return {
    holdsNs,
    capacity,
    used: 0,
    startNs: NaN,
    widthNs,
    rows: new Uint32Array(capacity),
    flags: new Uint8Array(capacity),
    energyJ: new Float64Array(capacity + 1),
    series: Array.from({ length: series }, () => new BucketSeries(capacity)),
    backwards: 0,
    total: 0,
    last: { tNs: NaN, bucket: 0, energyJ: 0 },
  };
}

// Scratch that grows to the largest batch seen; one thread, one call at a time.
let times = new Float64Array(0);
let halfSteps = new Float64Array(0);

/** Adds a batch. O(rows · series), no allocation per row. */
export function addRows(b: Buckets, rows: Rows): void {
  const n = rows.tNs.length;
  if (n === 0) return;
  if (Number.isNaN(b.startNs)) begin(b, Number(rows.tNs[0]), rows.energyJ?.[0] ?? 0);
  reserve(n);
  const [t, halfS] = [times.subarray(0, n), halfSteps.subarray(0, n)];
  b.total += n;
  b.backwards += readTimes(rows.tNs, b.last.tNs, t);
  const endNs = t[n - 1]!;
  while (endNs >= startOf(b, b.capacity)) coarsen(b);
  readHalfSteps({ t, afterNs: b.last.tNs, flags: rows.flags }, b.holdsNs, halfS);
  const runs = runsOf(b, t, halfS, b.last);
  countRuns(b, runs, rows.flags);
  const energyJ = addEnergy(b, runs, rows);
  for (const [s, column] of zip(b.series, rows.columns)) s.add(b, runs, column, halfS);
  const [, { bucket }] = endsOf(runs);
  b.last = { tNs: endNs, bucket, energyJ };
  b.used = bucket + 1;
  b.energyJ[b.used] = energyJ;
}

/** After the last row: one that is a mean lasts for its period. */
export function endRows(b: Buckets): void {
  const [total] = b.series;
  if (!total || b.total === 0 || b.holdsNs === 0) return;
  const before = b.last;
  const tNs = before.tNs + b.holdsNs;
  const leadS = b.holdsNs * 1e-9;
  while (tNs > startOf(b, b.capacity)) coarsen(b);
  const end = { before: b.last, bucket: Math.max(b.last.bucket, bucketBefore(b, tNs)), tNs, leadS };
  const energyJ = before.energyJ + (Number.isFinite(total.last) ? total.last * leadS : 0);
  passStarts(b, end, { fromJ: before.energyJ, toJ: energyJ, fromW: total.last });
  for (const s of b.series) s.end(b, end);
  b.last = { tNs, bucket: end.bucket, energyJ };
  b.used = end.bucket + 1;
  b.energyJ[b.used] = energyJ;
}

function begin(b: Buckets, tNs: number, energyJ: number): void {
  b.startNs = tNs;
  b.energyJ[0] = energyJ;
  b.last = { tNs, bucket: 0, energyJ };
}

function reserve(n: number): void {
  if (times.length >= n) return;
  times = new Float64Array(n);
  halfSteps = new Float64Array(n);
}

function countRuns(b: Buckets, runs: readonly Run[], flags: Uint8Array | undefined): void {
  for (const { bucket, from, to } of runs) {
    b.rows[bucket]! += to - from;
    let seen = 0;
    if (flags) for (let i = from; i < to; i++) seen |= flags[i]!;
    b.flags[bucket]! |= seen;
  }
}

/** Running energy at each bucket start that the batch passes. @returns the last row's */
function addEnergy(b: Buckets, runs: readonly Run[], { energyJ, columns }: Rows): number {
  let fromJ = b.last.energyJ;
  if (!energyJ) return fromJ;
  const power = valueAt(columns, 0);
  let fromW = valueAt(b.series, 0).last;
  for (const run of runs) {
    passStarts(b, run, { fromJ, toJ: energyJ[run.from]!, fromW });
    fromJ = energyJ[run.to - 1]!;
    fromW = power[run.to - 1]!;
  }
  return fromJ;
}

/**
 * Running energy at the bucket starts between two rows: the parabola with the power's slope at the first that ends at
 * the second's energy where what was seen ends. Exact for a trapezoid (instants) and for a rectangle (means).
 */
function passStarts(
  b: Buckets,
  { before, bucket, tNs, leadS }: Lead,
  { fromJ, toJ, fromW }: { fromJ: number; toJ: number; fromW: number },
): void {
  const gained = toJ - fromJ;
  const linear = leadS === 0 || !Number.isFinite(fromW) ? gained : fromW * leadS;
  const seenNs = leadS === 0 ? tNs - before.tNs : leadS * 1e9;
  for (let k = before.bucket + 1; k <= bucket; k++) {
    const x = Math.min(1, (startOf(b, k) - before.tNs) / seenNs);
    b.energyJ[k] = fromJ + linear * x + (gained - linear) * x * x;
  }
}

/** Merges neighbours: half as many buckets, twice as wide. Nothing is lost but resolution. */
export function coarsen(b: Buckets): void {
  const half = b.capacity / 2;
  mergePairs(b.rows, half, (x, y) => x + y, 0);
  mergePairs(b.flags, half, (x, y) => x | y, 0);
  for (const s of b.series) {
    mergePairs(s.min, half, Math.min, Infinity);
    mergePairs(s.max, half, Math.max, -Infinity);
    mergePairs(s.integral, half, (x, y) => x + y, 0);
    mergePairs(s.activeS, half, (x, y) => x + y, 0);
  }
  for (let k = 0; k <= half; k++) b.energyJ[k] = b.energyJ[2 * k]!;
  b.used = Math.ceil(b.used / 2);
  b.energyJ[b.used] = b.last.energyJ;
  b.last = { ...b.last, bucket: Math.floor(b.last.bucket / 2) };
  b.widthNs *= 2;
}

function mergePairs(
  a: Float32Array | Float64Array | Uint32Array | Uint8Array,
  half: number,
  join: (x: number, y: number) => number,
  empty: number,
): void {
  for (let k = 0; k < half; k++) a[k] = join(a[2 * k]!, a[2 * k + 1]!);
  a.fill(empty, half);
}
