// How sure a share is: Clopper and Pearson's interval of a binomial probability (Biometrika 26, 1934), exact in that it
// holds the probability at least as often as it says.

import { valueAt } from "./places.ts";

/**
 * @param found of `count` trials. @param confidence such as 0.999, shared by both sides.
 * @returns lower and upper bound of the probability.
 */
export function clopperPearson(
  found: number,
  count: number,
  confidence: number,
): readonly [lo: number, hi: number] {
  if (!(count >= 1 && found >= 0 && found <= count))
    throw new RangeError(`trials: expected 0 to ${count} found of 1 or more, found ${found}`);
  const tail = (1 - confidence) / 2;
  const lo = found === 0 ? 0 : root((p) => atLeast(found, count, p) - tail);
  const hi = found === count ? 1 : root((p) => tail - atLeast(count - found, count, 1 - p));
  return [lo, hi];
}

/** Probability of `found` or more of `count` at probability `p` each. */
function atLeast(found: number, count: number, p: number): number {
  if (p <= 0 || p >= 1) return p <= 0 ? 0 : 1;
  let sum = 0;
  for (let k = found; k <= count; k++) {
    const term = Math.exp(logChoose(count, k) + k * Math.log(p) + (count - k) * Math.log1p(-p));
    sum += term;
    // Beyond the middle terms only fall.
    if (k > count * p && term < 1e-18 * sum) break;
  }
  return sum;
}

function logChoose(n: number, k: number): number {
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k);
}

/** Exact sums of logarithms, kept: trials come by the thousand, not by the million. */
const LOG_FACTORIALS = [0];

function logFactorial(n: number): number {
  for (let k = LOG_FACTORIALS.length; k <= n; k++)
    LOG_FACTORIALS.push(valueAt(LOG_FACTORIALS, k - 1) + Math.log(k));
  return valueAt(LOG_FACTORIALS, n);
}

/** Where a rising function of a probability crosses zero. */
function root(f: (p: number) => number): number {
  let [lo, hi] = [0, 1];
  for (let mid = 0.5; mid > lo && mid < hi; mid = (lo + hi) / 2) {
    if (f(mid) < 0) lo = mid;
    else hi = mid;
  }
  return (lo + hi) / 2;
}
