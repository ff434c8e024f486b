// What one is tempted to write with a list spread into arguments: an engine takes some 120,000 of them, and
// then ends the program. The linter refuses the spread (eslint.config.js); these do the same at any length. And the
// quantile that every published figure means.

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

/** Root of the sum of squares. */
export function rootSquares(list: Iterable<number>): number {
  let sum = 0;
  for (const x of list) sum = Math.hypot(sum, x);
  return sum;
}

/** Of values in ascending order, at least one: on the straight line between neighbours (type 7 of Hyndman and Fan 1996). */
export function quantileOf(sorted: ArrayLike<number>, p: number): number {
  const at = p * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low]! + (at - low) * ((sorted[low + 1] ?? sorted[low]!) - sorted[low]!);
}

/** Puts `more` behind what a list holds. @returns the list. */
export function append<T>(list: T[], more: Iterable<T>): T[] {
  for (const x of more) list.push(x);
  return list;
}
