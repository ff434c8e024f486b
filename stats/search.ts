// Searches of what ascends.

/**
 * Index of the first of [from, to) for which something holds, else `to`.
 * @param holds from some index on, and for none before it.
 */
export function firstWhere(from: number, to: number, holds: (i: number) => boolean): number {
  let [lo, hi] = [from, to];
  while (lo < hi) {
    const mid = lo + ((hi - lo) >>> 1);
    if (holds(mid)) hi = mid;
    else lo = mid + 1;
  }
  return lo;
}

/** Index of the first of ascending values above `x`, else their count. */
export const firstAbove = (ascending: ArrayLike<number>, x: number): number =>
  firstWhere(0, ascending.length, (i) => ascending[i]! > x);

/**
 * Index of the first of the ascending t[from … to) at or after `at`, else `to`. Strides that double, then
 * halve: what is looked for one after another lies near `from`.
 */
export function firstAtOrAfter(
  t: Float64Array,
  at: number,
  from = 0,
  to: number = t.length,
): number {
  let lo = from;
  let stride = 1;
  while (lo + stride < to && t[lo + stride]! < at) {
    lo += stride;
    stride *= 2;
  }
  return firstWhere(lo, Math.min(lo + stride, to), (i) => t[i]! >= at);
}

/** Index of the nearest of ascending values, the earlier of two as near; −1 of none. */
export function nearest(ascending: ArrayLike<number>, x: number): number {
  const after = firstAbove(ascending, x);
  if (after === 0 || after === ascending.length) return Math.min(after, ascending.length - 1);
  return x - ascending[after - 1]! <= ascending[after]! - x ? after - 1 : after;
}
