// Not speed but honesty: every way that a device, its line or its host can fail, and whether what was made is what
// stands in the log and what was counted as lost (bench/fault-cases.ts).

import { CASES, type DeviceName, type FaultCase } from "./fault-cases.ts";
import { type FaultLine, runCase } from "./fault-run.ts";

export interface FaultVerdict {
  readonly bench: "faults";
  readonly verdict: "ok" | "wrong";
  readonly cases: number;
  readonly wrong: readonly string[];
  /** Cases in which the protocol tells less than every row. */
  readonly bounds: number;
}

/** Cases at once: few bytes a second, or no judgement by the time at which they arrive. */
const AT_ONCE: Readonly<Record<DeviceName, number>> = {
  ...{ wire: 3, text: 5, "text-no-counter": 5, powersensor3: 1, "pmd-usb": 2, ppk2: 1 },
};

export async function* run(): AsyncGenerator<FaultLine | FaultVerdict> {
  const wrong: string[] = [];
  let bounds = 0;
  for (const together of batches())
    for (const line of await Promise.all(together.map(runCase))) {
      if (line.verdict === "wrong") wrong.push(`${line.device}: ${line.case}`);
      if (line.why !== undefined) bounds++;
      yield line;
    }
  const verdict = wrong.length === 0 ? "ok" : "wrong";
  yield { bench: "faults", verdict, cases: CASES.length, wrong, bounds };
}

/** In their order; one that stops this process is alone. */
function batches(): FaultCase[][] {
  const all: FaultCase[][] = [];
  for (const c of CASES) {
    const last = all.at(-1);
    const fits = last?.[0]!.device === c.device && last.length < AT_ONCE[c.device];
    const alone = c.act === "stop host" || last?.[0]!.act === "stop host";
    if (fits && !alone) last.push(c);
    else all.push([c]);
  }
  return all;
}
