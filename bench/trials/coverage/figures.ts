// Not speed but honesty: the matrix of how often stated intervals hold the true Joules, a line a cell, then how many
// cells are wrong (docs/evidence/coverage.md).

import type { BenchOptions } from "../../options.ts";
import { type Cell } from "./cells.ts";
import { coverage } from "./matrix.ts";

const SESSIONS = 100;

export async function* run({
  sessions = SESSIONS,
  seed = 1,
}: BenchOptions = {}): AsyncGenerator<object> {
  const wrong: string[] = [];
  for await (const cell of coverage({ sessions, firstSeed: seed })) {
    if (cell.verdict === "wrong") wrong.push(`${cell.window}: ${cell.condition}`);
    yield rounded(cell);
  }
  yield { bench: "coverage", verdict: wrong.length === 0 ? "ok" : "wrong", sessions, seed, wrong };
}

/** Four digits: more would be noise. */
const rounded = (cell: Cell): object =>
  Object.fromEntries(
    Object.entries({ bench: "coverage", ...cell }).map(([k, v]: [string, unknown]) => [
      k,
      typeof v === "number" ? Number(v.toPrecision(4)) : v,
    ]),
  );
