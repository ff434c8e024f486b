// A scanned log → its marks one by one with all that they say, placed on the session clock: for exports,
// which write them out. mark-table.ts holds what is needed of them otherwise.

import { readCapture } from "../capture/log-reader.ts";
import type { Mark } from "../schema/records.ts";
import type { SessionNs } from "../schema/time.ts";
import { isKernelMark } from "./clocks/cuda-kernels.ts";
import type { MarkTable } from "./mark-table.ts";
import type { Scan } from "./scanned.ts";

/** A mark on the session clock. */
export interface ResolvedMark {
  readonly mark: Mark;
  readonly tNs: SessionNs;
}

/** All but those of kernels and those on clocks that nothing ties to the session; by time. */
export function resolvedMarks({ path, session }: Scan, placed: MarkTable): ResolvedMark[] {
  const found: ResolvedMark[] = [];
  let row = 0;
  for (const r of readCapture(path, { only: (topic) => topic === "marks", borrowed: true })) {
    if (r.kind !== "mark" || isKernelMark(r.mark)) continue;
    const { mark } = r;
    if (mark.clock === "host") found.push({ mark, tNs: Number(mark.t - session.hostEpoch) });
    else if (placed.isPlaced(row)) found.push({ mark, tNs: placed.tNs(row) });
    if (placed.holds(mark)) row++;
  }
  return found.sort((a, b) => a.tNs - b.tNs);
}
