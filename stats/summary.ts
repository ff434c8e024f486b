// Lists of numbers, of any length, in few numbers. (Spread into arguments, as one is tempted to write, a list ends the
// program at some 120,000; the linter refuses that.)

/** Least of a list and, where given, of `least`; Infinity for none. */
export function leastOf(list: Iterable<number>, least = Infinity): number {
  for (const x of list) least = Math.min(least, x);
  return least;
}

/** Most of a list and, where given, of `most`; −Infinity for none. */
export function mostOf(list: Iterable<number>, most = -Infinity): number {
  for (const x of list) most = Math.max(most, x);
  return most;
}

/** Arithmetic mean; NaN for none. */
export function meanOf(list: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < list.length; i++) sum += list[i]!;
  return sum / list.length;
}

/** Standard deviation of a sample, with n − 1; NaN for fewer than two. */
export function deviationOf(list: ArrayLike<number>): number {
  if (list.length < 2) return NaN;
  const mean = meanOf(list);
  let squares = 0;
  for (let i = 0; i < list.length; i++) squares += (list[i]! - mean) ** 2;
  return Math.sqrt(squares / (list.length - 1));
}

/** Root of the sum of squares. */
export function rootSquares(list: Iterable<number>): number {
  let sum = 0;
  for (const x of list) sum = Math.hypot(sum, x);
  return sum;
}

/** The value that has as many below it as above, the higher one of two in the middle; undefined for none. */
export function upperMedian(list: Iterable<number>): number | undefined {
  const ascending = Float64Array.from(list).sort();
  return ascending[ascending.length >> 1];
}

/** Of values in ascending order, at least one: on the straight line between neighbours (type 7 of Hyndman and Fan 1996). */
export function quantileOf(sorted: ArrayLike<number>, p: number): number {
  const at = p * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low]! + (at - low) * ((sorted[low + 1] ?? sorted[low]!) - sorted[low]!);
}
