// Enters: the times of a batch of rows, in order. Leaves: its runs, the rows that share a bucket. Holds: a run knows
// the row before it, so that what joins one bucket to the next is known without the batch before.

import { firstAtOrAfter } from "../stats/search.ts";

const TWO32 = 2 ** 32;
const GAP_BEFORE = 1; // bit of `flags` in fused.arrow

/** Bucket k is [startNs + k · widthNs, startNs + (k + 1) · widthNs). */
export interface Grid {
  readonly startNs: number;
  readonly widthNs: number;
  /** How long a row stands for, where rows are means over their period; 0 where they are instants. */
  readonly holdsNs: number;
}

/** A row's time and bucket. */
export interface Place {
  readonly tNs: number;
  readonly bucket: number;
}

/** Rows [from, to) of a batch, the first of them at `tNs`; they share a bucket. */
export interface Run extends Place {
  readonly from: number;
  readonly to: number;
  readonly before: Place;
  /** What was seen between the row before and the first, s, from the row before on; none across a gap but what holds. */
  readonly leadS: number;
  /** What was seen from the first row to the last, s. */
  readonly activeS: number;
  /** All its steps agree within UNEVEN, as far as they were seen. */
  readonly isEven: boolean;
}

/**
 * Steps of a run that differ by less than this (relative) are taken as equal: a mean is then off by at most
 * half of it times (max − min), and rounding to whole ns alone makes 2e-3 at 1 MS/s. Twice the speed.
 */
const UNEVEN = 2.1e-3;

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

/** A batch of rows: their times, the time of the row before them, and what lies before each. */
export interface Steps {
  readonly t: Float64Array;
  readonly afterNs: number;
  readonly flags: Uint8Array | undefined;
}

/** Half of what was seen between each row and its predecessor, s: all of it, and across a gap what the row before holds. */
export function readHalfSteps(
  { t, afterNs, flags }: Steps,
  holdsNs: number,
  out: Float64Array,
): void {
  let previous = afterNs;
  for (let i = 0; i < t.length; i++) {
    const now = t[i]!;
    const gap = flags !== undefined && (flags[i]! & GAP_BEFORE) !== 0;
    const stepNs = now - previous;
    out[i] = (gap ? Math.min(holdsNs, stepNs) : stepNs) * 0.5e-9;
    previous = now;
  }
}

/** @param before the last row of the batch before. */
export function runsOf(grid: Grid, t: Float64Array, halfS: Float64Array, before: Place): Run[] {
  const runs: Run[] = [];
  for (let from = 0; from < t.length;) {
    const tNs = t[from]!;
    const bucket = bucketOf(grid, tNs);
    const to = firstAtOrAfter(t, startOf(grid, bucket + 1), from + 1);
    runs.push({
      tNs,
      bucket,
      from,
      to,
      before,
      leadS: 2 * halfS[from]!,
      ...measured(halfS, from + 1, to),
    });
    before = { tNs: t[to - 1]!, bucket };
    from = to;
  }
  return runs;
}

/** The half steps [from, to) of a run. */
function measured(halfS: Float64Array, from: number, to: number): Pick<Run, "activeS" | "isEven"> {
  let activeS = 0;
  let shortest = Infinity;
  let longest = 0;
  for (let i = from; i < to; i++) {
    const step = halfS[i]!;
    activeS += 2 * step;
    if (step < shortest) shortest = step;
    if (step > longest) longest = step;
  }
  return { activeS, isEven: longest - shortest <= UNEVEN * longest };
}

export const startOf = ({ startNs, widthNs }: Grid, k: number): number => startNs + k * widthNs;

/** The bucket that ends at or after an instant, and begins before it. */
export const bucketBefore = ({ startNs, widthNs }: Grid, tNs: number): number =>
  Math.max(0, Math.ceil((tNs - startNs) / widthNs) - 1);

/** Guarded against the last bit of the division disagreeing with start + k · width. */
function bucketOf(grid: Grid, tNs: number): number {
  const k = Math.floor((tNs - grid.startNs) / grid.widthNs);
  if (tNs >= startOf(grid, k + 1)) return k + 1;
  return tNs < startOf(grid, k) ? k - 1 : k;
}
