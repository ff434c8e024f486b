// Not speed but honesty: every way that a device, its line or its host can fail, and whether what was made is what
// stands in the log and what was counted as lost (bench/fault-cases.ts).

import { CASES } from "./fault-cases.ts";
import { type FaultLine, runCase } from "./fault-run.ts";

export interface FaultVerdict {
  readonly bench: "faults";
  readonly verdict: "ok" | "wrong";
  readonly cases: number;
  readonly wrong: readonly string[];
  /** Cases in which the count is a bound, not exact. */
  readonly bounds: number;
}

export async function* run(): AsyncGenerator<FaultLine | FaultVerdict> {
  const wrong: string[] = [];
  let bounds = 0;
  for (const c of CASES) {
    const line = await runCase(c);
    if (line.verdict === "wrong") wrong.push(`${c.device}: ${c.name}`);
    if (line.holds !== "exact") bounds++;
    yield line;
  }
  const verdict = wrong.length === 0 ? "ok" : "wrong";
  yield { bench: "faults", verdict, cases: CASES.length, wrong, bounds };
}
