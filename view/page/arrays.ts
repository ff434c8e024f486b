// Reads of arrays. Pure.

import { firstWhere } from "../../stats/search.ts";

/** The i-th value; NaN beyond either end, which every comparison and sum then takes for "not known". */
export function at(values: ArrayLike<number>, i: number): number {
  return values[i] ?? NaN;
}

/** Index of the last element ≤ x, −1 before the first. */
export function lastAtOrBefore(sorted: ArrayLike<number>, x: number): number {
  return firstWhere(0, sorted.length, (i) => !(at(sorted, i) <= x)) - 1;
}
