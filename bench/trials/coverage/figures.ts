// Not speed but honesty: the matrix of how often stated intervals hold the true Joules, a line a cell, then how many
// cells are wrong (docs/evidence/coverage.md).

import type { BenchOptions } from "../../options.ts";
import { type Cell } from "./cells.ts";
import { coverage, type TrialName } from "./matrix.ts";

const SESSIONS = 100;

export const run = (options: BenchOptions = {}): AsyncGenerator<object> =>
  judgedCells("coverage", options);

/** Cells of a trial's conditions, then its verdict. */
export async function* judgedCells(
  trial: TrialName,
  { sessions = SESSIONS, seed = 1 }: BenchOptions,
  durationS?: number,
): AsyncGenerator<object> {
  const wrong: string[] = [];
  const options = { trial, sessions, firstSeed: seed, ...(durationS ? { durationS } : {}) };
  for await (const cell of coverage(options)) {
    if (cell.verdict === "wrong") wrong.push(`${cell.window}: ${cell.condition}`);
    yield rounded(trial, cell);
  }
  yield { bench: trial, verdict: wrong.length === 0 ? "ok" : "wrong", sessions, seed, wrong };
}

/** Four digits: more would be noise. */
const rounded = (trial: TrialName, cell: Cell): object =>
  Object.fromEntries(
    Object.entries({ bench: trial, ...cell }).map(([k, v]: [string, unknown]) => [
      k,
      typeof v === "number" ? Number(v.toPrecision(4)) : v,
    ]),
  );
