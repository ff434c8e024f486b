// Lists that stand side by side.

import { valueAt } from "./places.ts";

/** The items of two lists of one length, in step. @throws RangeError where one is longer. */
export function* zip<A extends NonNullable<unknown>, B extends NonNullable<unknown>>(
  a: ArrayLike<A>,
  b: ArrayLike<B>,
): Generator<readonly [A, B], void> {
  for (let i = 0; i < Math.max(a.length, b.length); i++) yield [valueAt(a, i), valueAt(b, i)];
}
