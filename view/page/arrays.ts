// Reads of arrays. Pure.

/** The i-th value; NaN beyond either end, which every comparison and sum then takes for "not known". */
export function at(values: ArrayLike<number>, i: number): number {
  return values[i] ?? NaN;
}

/** Index of the last element ≤ x, −1 before the first. */
export function lastAtOrBefore(sorted: ArrayLike<number>, x: number): number {
  let lo = 0;
  let hi = sorted.length;
  while (lo < hi) {
    const mid = (lo + hi) >>> 1;
    if (at(sorted, mid) <= x) lo = mid + 1;
    else hi = mid;
  }
  return lo - 1;
}
