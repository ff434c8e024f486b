// Places of lists and columns, checked: for whoever looks something up. Loops over rows know that their places are
// inside, and a check costs there.

/** What stands at a place. @throws RangeError where there is no such place: a fault of the program, never of its input. */
export function valueAt<T extends NonNullable<unknown>>(list: ArrayLike<T>, place: number): T {
  const value = list[place];
  if (value === undefined) throw new RangeError(`no place ${place} in a list of ${list.length}`);
  return value;
}

/** First and last. @throws RangeError of none. */
export const endsOf = <T extends NonNullable<unknown>>(list: ArrayLike<T>): [first: T, last: T] => [
  valueAt(list, 0),
  valueAt(list, list.length - 1),
];

/** Each but the first, with the one before it. */
export function* neighbours<T>(list: Iterable<T>): Generator<[before: T, own: T]> {
  let before: { own: T } | undefined;
  for (const own of list) {
    if (before) yield [before.own, own];
    before = { own };
  }
}
