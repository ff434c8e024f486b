// Enters: rows in time order, as typed-array columns. Leaves: equal-width time buckets holding, per
// series, min, max, integral and active time (the record HTA keeps: Joules survive gaps), and the running
// energy at every bucket's start. Holds: a fixed number of buckets. When time runs past the last one,
// neighbours merge and the width doubles, so memory never grows and every level nests in the next.

const TWO32 = 2 ** 32;
const GAP_BEFORE = 1; // bit of `flags` in fused.arrow

/** One quantity over the buckets. mean = integral / activeS. */
export interface BucketSeries {
  readonly min: Float32Array;
  readonly max: Float32Array;
  /** Trapezoid integral, unit·seconds, not across gaps; a segment is split exactly at bucket ends. */
  readonly integral: Float64Array;
  /** Seconds covered by the integral. */
  readonly activeS: Float64Array;
}

export interface Buckets {
  readonly capacity: number;
  /** Buckets in use: 0 … used − 1. */
  used: number;
  /** Session time of the first bucket's start, ns. */
  startNs: number;
  widthNs: number;
  readonly rows: Uint32Array;
  readonly flags: Uint8Array;
  /** Running energy at the start of bucket k, J; index `used` holds the last row's. */
  readonly energyJ: Float64Array;
  readonly series: readonly BucketSeries[];
  /** Rows whose time lay before their predecessor's; they count, but span no time. */
  backwards: number;
  /** Rows in all. */
  total: number;
  readonly last: LastRow;
}

interface LastRow {
  tNs: number;
  bucket: number;
  energyJ: number;
  readonly value: Float64Array;
}

/** A batch of rows; `columns[i]` feeds `series[i]`. NaN is a missing value. */
export interface Rows {
  readonly tNs: BigInt64Array;
  readonly columns: readonly Float32Array[];
  readonly flags?: Uint8Array | undefined;
  /** Running energy, J, of the power in column 0. */
  readonly energyJ?: Float64Array | undefined;
}

/** @param capacity even @param widthNs first guess; too small costs only merging */
export function createBuckets(series: number, capacity: number, widthNs: number): Buckets {
  return {
    capacity,
    used: 0,
    startNs: NaN,
    widthNs,
    rows: new Uint32Array(capacity),
    flags: new Uint8Array(capacity),
    energyJ: new Float64Array(capacity + 1),
    series: Array.from({ length: series }, () => ({
      min: new Float32Array(capacity).fill(Infinity),
      max: new Float32Array(capacity).fill(-Infinity),
      integral: new Float64Array(capacity),
      activeS: new Float64Array(capacity),
    })),
    backwards: 0,
    total: 0,
    last: { tNs: NaN, bucket: 0, energyJ: 0, value: new Float64Array(series).fill(NaN) },
  };
}

/** Runs of rows that share a bucket: run r is rows [end[r−1], end[r]) in bucket[r]. */
interface Runs {
  count: number;
  end: Int32Array;
  bucket: Int32Array;
  activeS: Float64Array;
  /** 1 where all steps of the run agree within UNEVEN and none is a gap. */
  even: Uint8Array;
}

/**
 * Steps of a run that differ by less than this (relative) are taken as equal: a mean is then off by at most
 * half of it times (max − min), and rounding to whole ns alone makes 2e-3 at 1 MS/s. Twice the speed.
 */
const UNEVEN = 2.1e-3;

// Scratch that grows to the largest batch seen; one thread, one call at a time.
let times = new Float64Array(0);
let halfS = new Float64Array(0);
const runs: Runs = {
  count: 0,
  end: new Int32Array(0),
  bucket: new Int32Array(0),
  activeS: new Float64Array(0),
  even: new Uint8Array(0),
};

/** Adds a batch. O(rows · series), no allocation per row. */
export function addRows(b: Buckets, rows: Rows): void {
  const n = rows.tNs.length;
  if (n === 0) return;
  reserve(n);
  if (Number.isNaN(b.startNs)) {
    b.startNs = b.last.tNs = Number(rows.tNs[0]);
    b.energyJ[0] = b.last.energyJ = rows.energyJ?.[0] ?? 0;
  }
  b.total += n;
  const t = times;
  b.backwards += readTimes(rows.tNs, b.last.tNs, t);
  while (t[n - 1]! >= b.startNs + b.capacity * b.widthNs) coarsen(b);
  splitIntoRuns(b, t, n, rows.flags);
  countRuns(b, rows.flags);
  if (rows.energyJ) addEnergy(b, t, rows.energyJ, rows.columns[0]!);
  for (let s = 0; s < b.series.length; s++) addColumn(b, b.series[s]!, s, rows.columns[s]!);
  b.last.tNs = t[n - 1]!;
  b.last.bucket = runs.bucket[runs.count - 1]!;
  b.used = b.last.bucket + 1;
  b.energyJ[b.used] = b.last.energyJ;
}

function reserve(n: number): void {
  if (times.length >= n) return;
  times = new Float64Array(n);
  halfS = new Float64Array(n);
  runs.end = new Int32Array(n);
  runs.bucket = new Int32Array(n);
  runs.activeS = new Float64Array(n);
  runs.even = new Uint8Array(n);
}

/**
 * Int64 to float64 ns by 32-bit halves, 8 times faster than through bigints. A time before its predecessor
 * is held there. @returns how many were held
 */
export function readTimes(tNs: BigInt64Array, afterNs: number, out: Float64Array): number {
  const halves = new Int32Array(tNs.buffer, tNs.byteOffset, tNs.length * 2);
  let previous = afterNs;
  let held = 0;
  for (let i = 0, j = 0; i < tNs.length; i++, j += 2) {
    let t = (halves[j]! >>> 0) + halves[j + 1]! * TWO32;
    if (t < previous) {
      t = previous;
      held++;
    }
    out[i] = previous = t;
  }
  return held;
}

/** Half of each row's distance to its predecessor, in s (0 across a gap), and where buckets change. */
function splitIntoRuns(
  b: Buckets,
  t: Float64Array,
  n: number,
  flags: Uint8Array | undefined,
): void {
  const { startNs, widthNs } = b;
  const half = halfS; // a local: the loop must not reload a module variable
  let previous = b.last.tNs;
  let bucket = bucketOf(b, t[0]!);
  let end = startNs + (bucket + 1) * widthNs;
  let activeS = 0;
  let shortest = Infinity;
  let longest = 0;
  let r = 0;
  for (let i = 0; i < n; i++) {
    const now = t[i]!;
    const gap = flags !== undefined && (flags[i]! & GAP_BEFORE) !== 0;
    const step = gap ? 0 : (now - previous) * 0.5e-9;
    previous = now;
    half[i] = step;
    if (now >= end) {
      closeRun(r++, i, bucket, activeS, shortest, longest);
      bucket = bucketOf(b, now);
      end = startNs + (bucket + 1) * widthNs;
      activeS = longest = 0;
      shortest = Infinity;
    } else if (i > 0) {
      activeS += 2 * step;
      if (step < shortest) shortest = step;
      if (step > longest) longest = step;
    }
  }
  closeRun(r++, n, bucket, activeS, shortest, longest);
  runs.count = r;
}

function closeRun(
  r: number,
  end: number,
  bucket: number,
  activeS: number,
  shortest: number,
  longest: number,
): void {
  runs.end[r] = end;
  runs.bucket[r] = bucket;
  runs.activeS[r] = activeS;
  runs.even[r] = longest - shortest <= UNEVEN * longest ? 1 : 0;
}

/** Guarded against the last bit of the division disagreeing with start + k · width. */
function bucketOf(b: Buckets, tNs: number): number {
  let k = Math.floor((tNs - b.startNs) / b.widthNs);
  if (tNs >= b.startNs + (k + 1) * b.widthNs) k++;
  else if (tNs < b.startNs + k * b.widthNs) k--;
  return k;
}

function countRuns(b: Buckets, flags: Uint8Array | undefined): void {
  for (let r = 0, i = 0; r < runs.count; r++) {
    const k = runs.bucket[r]!;
    b.rows[k]! += runs.end[r]! - i;
    let seen = 0;
    if (flags) for (; i < runs.end[r]!; i++) seen |= flags[i]!;
    i = runs.end[r]!;
    b.flags[k]! |= seen;
  }
}

/** Running energy at each bucket start that the batch passes. */
function addEnergy(b: Buckets, t: Float64Array, energyJ: Float64Array, power: Float32Array): void {
  let previousBucket = b.last.bucket;
  for (let r = 0, i = 0; r < runs.count; i = runs.end[r++]!) {
    const k = runs.bucket[r]!;
    if (k !== previousBucket) {
      const fromNs = i > 0 ? t[i - 1]! : b.last.tNs;
      const fromJ = i > 0 ? energyJ[i - 1]! : b.last.energyJ;
      const fromW = i > 0 ? power[i - 1]! : b.last.value[0]!;
      for (let e = previousBucket + 1; e <= k; e++)
        b.energyJ[e] = energyInside(b, e, fromNs, fromJ, fromW, t[i]!, energyJ[i]!, halfS[i]!);
    }
    previousBucket = k;
  }
  b.last.energyJ = energyJ[runs.end[runs.count - 1]! - 1]!;
}

/**
 * Energy at bucket start `e` between two rows: the parabola with slope fromW at the first row that ends at
 * the second row's energy. Exact for a trapezoid (instant samples) and for a rectangle (interval means).
 */
function energyInside(
  b: Buckets,
  e: number,
  fromNs: number,
  fromJ: number,
  fromW: number,
  toNs: number,
  toJ: number,
  half: number,
): number {
  const x = (b.startNs + e * b.widthNs - fromNs) / (toNs - fromNs);
  const gained = toJ - fromJ;
  if (half === 0 || !Number.isFinite(fromW)) return fromJ + gained * x;
  const linear = fromW * 2 * half;
  return fromJ + linear * x + (gained - linear) * x * x;
}

function addColumn(b: Buckets, s: BucketSeries, index: number, column: Float32Array): void {
  let previous = b.last.value[index]!;
  let previousBucket = b.last.bucket;
  for (let r = 0, i = 0; r < runs.count; r++) {
    const k = runs.bucket[r]!;
    const end = runs.end[r]!;
    const v = column[i]!;
    if (v === v && previous === previous && halfS[i]! > 0)
      spread(b, s, previousBucket, k, previous, v, i > 0 ? times[i - 1]! : b.last.tNs, times[i]!);
    if (runs.even[r] === 0 || !addEvenRun(s, k, i, end, column, runs.activeS[r]!))
      addUnevenRun(s, k, i, end, column);
    previous = column[end - 1]!;
    previousBucket = k;
    i = end;
  }
  b.last.value[index] = previous;
}

/** The hot loop: evenly spaced rows [i, end) in bucket k. False, and nothing added, when a value is missing. */
function addEvenRun(
  s: BucketSeries,
  k: number,
  i: number,
  end: number,
  column: Float32Array,
  activeS: number,
): boolean {
  const first = column[i]!;
  const last = column[end - 1]!;
  let min = first;
  let max = first;
  let sum = 0;
  let sum2 = 0; // two chains of additions: faster than one
  let j = i;
  for (; j + 1 < end; j += 2) {
    const v = column[j]!;
    const w = column[j + 1]!;
    if (v < min) min = v;
    if (v > max) max = v;
    if (w < min) min = w;
    if (w > max) max = w;
    sum += v;
    sum2 += w;
  }
  if (j < end) {
    if (last < min) min = last;
    if (last > max) max = last;
    sum += last;
  }
  sum += sum2;
  if (sum !== sum) return false;
  if (min < s.min[k]!) s.min[k] = min;
  if (max > s.max[k]!) s.max[k] = max;
  if (end - i < 2) return true;
  s.integral[k]! += ((sum - 0.5 * (first + last)) / (end - i - 1)) * activeS;
  s.activeS[k]! += activeS;
  return true;
}

/** The same step by step: an interval counts where both its ends are there, across a gap as 0. */
function addUnevenRun(
  s: BucketSeries,
  k: number,
  i: number,
  end: number,
  column: Float32Array,
): void {
  for (let j = i; j < end; j++) {
    const v = column[j]!;
    if (v !== v) continue;
    if (v < s.min[k]!) s.min[k] = v;
    if (v > s.max[k]!) s.max[k] = v;
    const before = j > i ? column[j - 1]! : NaN;
    if (before !== before) continue;
    s.integral[k]! += (v + before) * halfS[j]!;
    s.activeS[k]! += 2 * halfS[j]!;
  }
}

/** One trapezoid over bucket ends, split exactly; buckets without a row of their own get its interpolated ends. */
function spread(
  b: Buckets,
  s: BucketSeries,
  fromBucket: number,
  toBucket: number,
  fromV: number,
  toV: number,
  fromNs: number,
  toNs: number,
): void {
  const slope = (toV - fromV) / (toNs - fromNs);
  for (let k = fromBucket; k <= toBucket; k++) {
    const x0 = Math.max(fromNs, b.startNs + k * b.widthNs) - fromNs;
    const x1 = Math.min(toNs, b.startNs + (k + 1) * b.widthNs) - fromNs;
    s.integral[k]! += (fromV + slope * (x0 + x1) * 0.5) * (x1 - x0) * 1e-9;
    s.activeS[k]! += (x1 - x0) * 1e-9;
    if (k === fromBucket || k === toBucket) continue;
    const at0 = fromV + slope * x0;
    const at1 = fromV + slope * x1;
    s.min[k] = Math.min(at0, at1);
    s.max[k] = Math.max(at0, at1);
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
  b.last.bucket = Math.floor(b.last.bucket / 2);
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
