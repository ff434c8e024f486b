// A power trace → load on/off edges with their polarity, where no hardware edge was recorded. An edge is
// a step between the means of two adjacent stretches, so that loads of different height in one capture
// are all seen; it is timed where the trace crosses half-way between its own two levels.

import type { EdgeList } from "./match.ts";
import { upperMedian } from "../../stats/summary.ts";

/** A step counts when it is at least this share of the trace's robust span (2nd to 98th percentile)… */
const SHARE_OF_SPAN = 0.2;
/** …and this many standard deviations of the noise of a difference of two means. */
const SIGMAS = 6;
/** …and more than running sums of two million cells round by, relative to the mean power. */
const ROUNDING = 1e-9;

/**
 * @param t device time, ascending. @param powerW same length.
 * @param stretch length of the stretches compared, in the unit of `t`: shorter than the shortest load.
 */
export function powerEdges(t: Float64Array, powerW: Float64Array, stretch: number): EdgeList {
  const n = powerW.length;
  const k = Math.round(stretch / ((t[n - 1]! - t[0]!) / (n - 1)));
  if (!(n > 4 * k) || k < 2) return { t: new Float64Array(0), polarity: new Int8Array(0) };
  const sums = prefix(powerW);
  const mean = (from: number, to: number): number => (sums[to]! - sums[from]!) / (to - from);
  const threshold = Math.max(
    SHARE_OF_SPAN * span(powerW),
    SIGMAS * noise(powerW) * Math.sqrt(2 / k),
    (ROUNDING * Math.abs(sums[n]!)) / n,
  );
  const times: number[] = [];
  const signs: number[] = [];
  for (let i = k; i + k <= n; i++) {
    const step = mean(i, i + k) - mean(i - k, i);
    if (!(Math.abs(step) > threshold) || !isPeak(step, i, k, n, mean)) continue;
    times.push(crossing(t, powerW, i, k, mean));
    signs.push(step > 0 ? 1 : -1);
  }
  return { t: Float64Array.from(times), polarity: Int8Array.from(signs) };
}

type Mean = (from: number, to: number) => number;

/** No step within one stretch of `i` is larger (ties go to the first). */
function isPeak(step: number, i: number, k: number, n: number, mean: Mean): boolean {
  const size = Math.abs(step);
  for (let j = Math.max(k, i - k); j <= Math.min(n - k, i + k); j++) {
    const other = Math.abs(mean(j, j + k) - mean(j - k, j));
    if (other > size || (other === size && j < i)) return false;
  }
  return true;
}

/** Half-way crossing nearest to `i`, between the levels on both sides, interpolated between samples. */
function crossing(t: Float64Array, p: Float64Array, i: number, k: number, mean: Mean): number {
  const guard = Math.max(1, k >> 2);
  const middle = (mean(i - k, i - guard) + mean(i + guard, i + k)) / 2;
  for (let d = 0; d < k; d++)
    for (const j of [i + d, i - d]) {
      const [a, b] = [p[j - 1]!, p[j]!];
      if (a === b || (a - middle) * (b - middle) > 0) continue;
      return t[j - 1]! + ((middle - a) / (b - a)) * (t[j]! - t[j - 1]!);
    }
  return t[i]!;
}

function prefix(p: Float64Array): Float64Array {
  const sums = new Float64Array(p.length + 1);
  for (let i = 0; i < p.length; i++) sums[i + 1] = sums[i]! + p[i]!;
  return sums;
}

function span(p: Float64Array): number {
  const sorted = Float64Array.from(p).sort();
  return sorted[Math.floor(0.98 * (p.length - 1))]! - sorted[Math.floor(0.02 * (p.length - 1))]!;
}

/** Standard deviation of white noise from the median absolute first difference: blind to the steps. */
function noise(p: Float64Array): number {
  const d = new Float64Array(p.length - 1);
  for (let i = 1; i < p.length; i++) d[i - 1] = Math.abs(p[i]! - p[i - 1]!);
  return upperMedian(d)! / 0.6745 / Math.SQRT2;
}
