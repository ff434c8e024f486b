// Rows of a log among those that were sent: each must follow the one before.

import { append } from "../schema/lists.ts";
import { BlockFlag, type SampleBlock } from "../schema/records.ts";
import { type Gap, type Sent, textOf } from "./fault-truth.ts";
import { valueAt } from "../stats/places.ts";

export interface Placed {
  /** Of the first and the last row of the log that were sent so; −1: none was. */
  readonly first: number;
  readonly last: number;
  /** Rows that were not sent so: of one that another stands beside, or of none at all. */
  readonly neverSent: number;
  /** Where blocks say that rows are missing before them. */
  readonly gaps: readonly Gap[];
}

/** So many in a row are no chance: of long rows two, of words of 4 bytes, which may stand still, more. */
const sureRows = (row: string): number => (row.length > 4 ? 2 : 16);

export function placed({ rows: sent, places }: Sent, blocks: readonly SampleBlock[]): Placed {
  const rows = rowsOf(blocks);
  const begins = gapsIn(blocks);
  const gaps: Gap[] = [];
  let [first, last, next, neverSent, gap] = [-1, -1, 0, 0, false];
  for (const [i, row] of rows.entries()) {
    const at = sent[next] === row ? next : jump(sent, rows, i, next);
    gap ||= begins.has(i);
    if (at >= 0) {
      const place = valueAt(places, at);
      if (first < 0) first = place;
      else if (gap) gaps.push({ before: last, after: place });
      gap = false;
      last = place;
      next = at + 1;
    } else {
      neverSent++;
      // Altered in its place; else one too many.
      if (sent[next + 1] === rows[i + 1]) next++;
    }
  }
  return { first, last, neverSent, gaps };
}

/** Where row `i` and those after it go on, beyond what is missing. */
function jump(sent: readonly string[], rows: readonly string[], i: number, next: number): number {
  const row = valueAt(rows, i);
  const sure = Math.min(sureRows(row), rows.length - i);
  for (let at = sent.indexOf(row, next); at >= 0; at = sent.indexOf(row, at + 1)) {
    let n = 1;
    while (n < sure && sent[at + n] === rows[i + n]) n++;
    if (n === sure) return at;
  }
  return -1;
}

function rowsOf(blocks: readonly SampleBlock[]): string[] {
  const rows: string[] = [];
  for (const { bytes, rows: n } of blocks) {
    const stride = bytes.length / n;
    append(
      rows,
      Array.from({ length: n }, (_, i) => textOf(bytes.subarray(i * stride, (i + 1) * stride))),
    );
  }
  return rows;
}

/** Rows of the log before which some are said to be missing. */
function gapsIn(blocks: readonly SampleBlock[]): Set<number> {
  const found = new Set<number>();
  let at = 0;
  for (const { flags, rows } of blocks) {
    if (flags & BlockFlag.gapBefore) found.add(at);
    at += rows;
  }
  return found;
}
