// Lists of any length, where a spread into arguments would end the program at some 120,000 elements.

/** Puts `more` behind what a list holds. @returns the list. */
export function append<T>(list: T[], more: Iterable<T>): T[] {
  for (const x of more) list.push(x);
  return list;
}
