// Enters: events.arrow and the windows of compare.json. Leaves: the windows to draw and click, few enough
// for a page; the longest are kept, since nobody can click a microsecond in an hour.

import type { RecordBatch } from "apache-arrow";
import { openArrow } from "../dataset/arrow-reader.ts";
import { columnOf } from "./batch-columns.ts";
import type { PageWindow } from "./page-data.ts";

const MAX_WINDOWS = 2500;
const NEEDED = { name: "utf8", t0_ns: "int64", t1_ns: "int64" } as const;

export interface Windows {
  readonly list: readonly PageWindow[];
  /** Windows that exist; more than `list` holds where they were too many. */
  readonly total: number;
}

/** The longest windows of events.arrow, in bounded memory. @throws InputError when it is no Arrow file. */
export async function readEvents(path: string): Promise<Windows> {
  const file = await openArrow(path, "truejoule fuse", NEEDED);
  try {
    let list: PageWindow[] = [];
    let total = 0;
    for await (const batch of file.batches) {
      for (const w of windowsIn(batch)) list.push(w);
      total += batch.numRows;
      if (list.length > 4 * MAX_WINDOWS) list = longest(list);
    }
    return { list, total };
  } finally {
    await file.close();
  }
}

function windowsIn(batch: RecordBatch): PageWindow[] {
  const [name, t0, t1] = [
    columnOf(batch, "name"),
    columnOf(batch, "t0_ns"),
    columnOf(batch, "t1_ns"),
  ];
  const kind = batch.getChild("kind");
  return Array.from({ length: batch.numRows }, (_, i) => ({
    name: String(name.get(i)),
    kind: String(kind?.get(i) ?? "mark"),
    t0Ns: Number(t0.get(i)),
    t1Ns: Number(t1.get(i)),
  }));
}

const lengthNs = (w: PageWindow): number => w.t1Ns - w.t0Ns;

function longest(windows: readonly PageWindow[]): PageWindow[] {
  return [...windows].sort((x, y) => lengthNs(y) - lengthNs(x)).slice(0, MAX_WINDOWS);
}

/** Joins both lists (a window in both is `compared`'s), in time order, outer before inner. */
export function joinWindows(compared: readonly PageWindow[], events: Windows): Windows {
  const key = (w: PageWindow): string => `${w.name}\0${Math.round(w.t0Ns)}\0${Math.round(w.t1Ns)}`;
  const unique = new Map([...events.list, ...compared].map((w) => [key(w), w]));
  const known = [...unique.values()].filter((w) => Number.isFinite(lengthNs(w)));
  const list = longest(known).sort((x, y) => x.t0Ns - y.t0Ns || lengthNs(y) - lengthNs(x));
  return { list, total: Math.max(known.length, events.total) };
}
