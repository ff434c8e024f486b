// Enters: the instants worth a close look (window edges) and the rows as they stream by. Leaves: every raw
// row around those instants. Holds at most BUDGET_BYTES.

import { zip } from "../stats/zip.ts";
import { firstAtOrAfter } from "../stats/search.ts";
import { readTimes } from "./runs.ts";

const BUDGET_BYTES = 500_000; // a tenth of what a report may weigh, once in base64
const HALF_ROWS = 256;

export interface Excerpt {
  readonly fromNs: number;
  readonly toNs: number;
  readonly tNs: Float64Array;
  readonly values: readonly Float32Array[];
  rows: number;
}

/** Non-overlapping excerpts around `centresNs`, evenly thinned when there are too many. */
export function planExcerpts(
  centresNs: readonly number[],
  rowPeriodNs: number,
  columns: number,
): Excerpt[] {
  const half = HALF_ROWS * rowPeriodNs;
  const apart = [...centresNs]
    .sort((a, b) => a - b)
    .filter((t, i, all) => t - (all[i - 1] ?? -Infinity) > half);
  const affordable = Math.floor(BUDGET_BYTES / (2 * HALF_ROWS * (8 + 4 * columns)));
  const stride = Math.ceil(apart.length / affordable) || 1;
  return apart
    .filter((_, i) => i % stride === 0)
    .map((t) => ({
      fromNs: t - half,
      toNs: t + half,
      tNs: new Float64Array(2 * HALF_ROWS + 2),
      values: Array.from({ length: columns }, () => new Float32Array(2 * HALF_ROWS + 2)),
      rows: 0,
    }));
}

/** Copies what a batch holds of each excerpt; costs two comparisons per excerpt when it holds nothing. */
export function addToExcerpts(
  excerpts: readonly Excerpt[],
  tNs: BigInt64Array,
  columns: readonly Float32Array[],
): void {
  const first = Number(tNs[0]);
  const last = Number(tNs[tNs.length - 1]);
  const wanted = excerpts.filter((e) => e.fromNs <= last && e.toNs >= first);
  if (wanted.length === 0) return;
  const t = new Float64Array(tNs.length);
  readTimes(tNs, -Infinity, t);
  for (const e of wanted) copyRows(e, t, columns);
}

function copyRows(e: Excerpt, t: Float64Array, columns: readonly Float32Array[]): void {
  const from = firstAtOrAfter(t, e.fromNs);
  const to = Math.min(firstAtOrAfter(t, e.toNs), from + e.tNs.length - e.rows);
  if (to <= from) return;
  e.tNs.set(t.subarray(from, to), e.rows);
  for (const [values, column] of zip(e.values, columns))
    values.set(column.subarray(from, to), e.rows);
  e.rows += to - from;
}
