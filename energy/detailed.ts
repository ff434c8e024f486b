// All windows of a run → the rows that get a budget and claims of their own.

import type { WindowList } from "./windows.ts";

/** Windows with a budget and claims of their own: what a document and a page can hold. */
export const MOST_WINDOWS = 10_000;

/**
 * Sums and kernels, then windows of the name asked for, then the others as they come. In the order of taking, not
 * of their rows.
 */
export function detailedRows(list: WindowList, name: string | undefined): Set<number> {
  const rows = new Set<number>();
  const take = (some: Iterable<number>): void => {
    for (const i of some) {
      if (rows.size >= MOST_WINDOWS) return;
      rows.add(i);
    }
  };
  if (list.count > MOST_WINDOWS) {
    take(list.rows((i) => list.isSum(i) || list.isKernel(i) || list.family(i) === "command"));
    if (name !== undefined) take(list.named(name));
  }
  take(list.rows(() => true));
  return rows;
}
