// A power trace → load on/off edges with their polarity, where no hardware edge was recorded. An edge is
// a step between the means of two adjacent stretches, so that loads of different height in one capture
// are all seen; it is timed where the trace crosses half-way between its own two levels.

import type { EdgeList } from "./match.ts";
import { upperMedian } from "../../stats/summary.ts";
import { endsOf, valueAt } from "../../stats/places.ts";

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
  if (n === 0) return NO_EDGES;
  const [from, to] = endsOf(t);
  const k = Math.round(stretch / ((to - from) / (n - 1)));
  if (!(n > 4 * k) || k < 2) return NO_EDGES;
  const sums = prefix(powerW);
  const [, sum] = endsOf(sums);
  const means: Means = { k, n, mean: (a, b) => (sums[b]! - sums[a]!) / (b - a) };
  const threshold = Math.max(
    SHARE_OF_SPAN * span(powerW),
    SIGMAS * noise(powerW) * Math.sqrt(2 / k),
    (ROUNDING * Math.abs(sum)) / n,
  );
  const times: number[] = [];
  const signs: number[] = [];
  for (let i = k; i + k <= n; i++) {
    const step = stepAt(means, i);
    if (!(Math.abs(step) > threshold) || !isPeak(means, i)) continue;
    times.push(crossing(t, powerW, means, i));
    signs.push(step > 0 ? 1 : -1);
  }
  return { t: Float64Array.from(times), polarity: Int8Array.from(signs) };
}

const NO_EDGES: EdgeList = { t: new Float64Array(0), polarity: new Int8Array(0) };

/** Means of a trace of `n` samples over stretches of `k`. */
interface Means {
  readonly k: number;
  readonly n: number;
  /** Over the samples [a, b). */
  readonly mean: (a: number, b: number) => number;
}

/** From the stretch before sample i to the one from it on. */
const stepAt = ({ k, mean }: Means, i: number): number => mean(i, i + k) - mean(i - k, i);

/** No step within one stretch of `i` is larger (ties go to the first). */
function isPeak(means: Means, i: number): boolean {
  const { k, n } = means;
  const size = Math.abs(stepAt(means, i));
  for (let j = Math.max(k, i - k); j <= Math.min(n - k, i + k); j++) {
    const other = Math.abs(stepAt(means, j));
    if (other > size || (other === size && j < i)) return false;
  }
  return true;
}

/** Half-way crossing nearest to `i`, between the levels on both sides, interpolated between samples. */
function crossing(t: Float64Array, p: Float64Array, { k, mean }: Means, i: number): number {
  const guard = Math.max(1, k >> 2);
  const middle = (mean(i - k, i - guard) + mean(i + guard, i + k)) / 2;
  for (let d = 0; d < k; d++)
    for (const j of [i + d, i - d]) {
      const [a, b] = [valueAt(p, j - 1), valueAt(p, j)];
      if (a === b || (a - middle) * (b - middle) > 0) continue;
      const before = valueAt(t, j - 1);
      return before + ((middle - a) / (b - a)) * (valueAt(t, j) - before);
    }
  return valueAt(t, i);
}

function prefix(p: Float64Array): Float64Array {
  const sums = new Float64Array(p.length + 1);
  let sum = 0;
  p.forEach((x, i) => (sums[i + 1] = sum += x));
  return sums;
}

function span(p: Float64Array): number {
  const sorted = Float64Array.from(p).sort();
  const at = (share: number): number => valueAt(sorted, Math.floor(share * (p.length - 1)));
  return at(0.98) - at(0.02);
}

/** Standard deviation of white noise from the median absolute first difference: blind to the steps. */
function noise(p: Float64Array): number {
  const d = p.subarray(1).map((x, i) => Math.abs(x - valueAt(p, i)));
  return (upperMedian(d) ?? 0) / 0.6745 / Math.SQRT2;
}
