// Every condition with as many seeded sessions, spread over the machine's cores: conditions enter, cells leave.

import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { siblingModule } from "../../../host/sibling.ts";
import { tmpdir } from "../../../host/temporary.ts";
import { type Cell, cellsOf } from "./cells.ts";
import { CLAIM_CONDITIONS } from "./claims.ts";
import { type Condition, CONDITIONS } from "./conditions.ts";
import type { Trial } from "./trial.ts";

/** Intervals of windows' Joules; of matched claims' errors. */
export type TrialName = "coverage" | "claims";

export const CONDITIONS_OF: Readonly<Record<TrialName, readonly Condition[]>> = {
  coverage: CONDITIONS,
  claims: CLAIM_CONDITIONS,
};

export interface CoverageOptions {
  readonly trial?: TrialName;
  /** Of each condition. */
  readonly sessions: number;
  readonly firstSeed?: number;
  readonly durationS?: number;
  /** Names of conditions; else all. */
  readonly only?: readonly string[];
}

/** One worker's share. */
export interface Share {
  /** A folder of its own, which is not there yet. */
  readonly dir: string;
  readonly trial: TrialName;
  readonly condition: string;
  readonly seeds: readonly number[];
  readonly durationS: number;
}

export async function allCells(o: CoverageOptions): Promise<Cell[]> {
  const cells: Cell[] = [];
  for await (const cell of coverage(o)) cells.push(cell);
  return cells;
}

/** The cells of one condition after the other, as they are known. */
export async function* coverage(o: CoverageOptions): AsyncGenerator<Cell> {
  const { trial = "coverage", sessions, firstSeed = 1, durationS = 4, only } = o;
  const seeds = Array.from({ length: sessions }, (_, k) => firstSeed + k);
  const workers = Math.min(availableParallelism(), sessions);
  for (const { name } of CONDITIONS_OF[trial]) {
    if (only && !only.includes(name)) continue;
    const dir = mkdtempSync(join(tmpdir(), "truejoule-coverage-"));
    try {
      const shares = Array.from({ length: workers }, (_, k) =>
        inWorker({
          dir: join(dir, `${k}`),
          trial,
          condition: name,
          seeds: seeds.filter((_s, i) => i % workers === k),
          durationS,
        }),
      );
      yield* cellsOf(name, (await Promise.all(shares)).flat());
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
}

function inWorker(share: Share): Promise<Trial[]> {
  const { url, execArgv } = siblingModule(import.meta.url, "./worker");
  return new Promise((resolve, reject) => {
    const worker = new Worker(url, { workerData: share, execArgv });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}
