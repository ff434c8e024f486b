// Enters: events.arrow and the windows of compare.json. Leaves: the windows to draw and click, few enough
// for a page; the longest are kept, since nobody can click a microsecond in an hour.

import { openArrow } from "../dataset/arrow-reader.ts";
import type { PageWindow } from "./page-data.ts";

const MAX_WINDOWS = 2500;

export interface Windows {
  readonly list: readonly PageWindow[];
  /** Windows that exist; more than `list` holds where they were too many. */
  readonly total: number;
}

/** @throws InputError when it is no Arrow file. */
export async function readEvents(path: string): Promise<PageWindow[]> {
  const file = await openArrow(path, "truejoule fuse");
  try {
    const windows: PageWindow[] = [];
    for await (const batch of file.batches) {
      const [name, kind, t0, t1] = ["name", "kind", "t0_ns", "t1_ns"].map((n) => batch.getChild(n));
      if (!name || !t0 || !t1) continue;
      for (let i = 0; i < batch.numRows; i++)
        windows.push({
          name: String(name.get(i)),
          kind: String(kind?.get(i) ?? "mark"),
          t0Ns: Number(t0.get(i)),
          t1Ns: Number(t1.get(i)),
        });
    }
    return windows;
  } finally {
    await file.close();
  }
}

/** Joins both lists (a window in both is the first list's), in time order, outer before inner. */
export function joinWindows(a: readonly PageWindow[], b: readonly PageWindow[]): Windows {
  const key = (w: PageWindow): string => `${w.name}\0${Math.round(w.t0Ns)}\0${Math.round(w.t1Ns)}`;
  const all = [...new Map([...b, ...a].map((w) => [key(w), w])).values()].filter(
    (w) => Number.isFinite(w.t0Ns) && Number.isFinite(w.t1Ns),
  );
  const length = (w: PageWindow): number => w.t1Ns - w.t0Ns;
  const list = [...all]
    .sort((x, y) => length(y) - length(x))
    .slice(0, MAX_WINDOWS)
    .sort((x, y) => x.t0Ns - y.t0Ns || length(y) - length(x));
  return { list, total: all.length };
}
