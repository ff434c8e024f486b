// fused.arrow held against itself: rows that are means over their period, at a steady and at an uneven pace,
// over gaps and from no power on, are no contradiction; one Joule changed in them is.

import { describe, expect, test } from "@jest/globals";
import { tableFromArrays } from "apache-arrow";
import { FusedCheck } from "../../dataset/fused-check.ts";
import { RunningEnergy } from "../../dataset/running-energy.ts";
import { random } from "../../stats/random.ts";

const PERIOD_NS = 1e6;

interface Trace {
  readonly tNs: Float64Array;
  readonly totalW: Float64Array;
  /** First rows of runs. */
  readonly begins: readonly number[];
}

function trace(paceNs: (k: number) => number, gaps: readonly number[], zeros: number): Trace {
  const r = random(1, "means");
  let t = 0;
  const rows = Array.from({ length: 300 }, (_, k) => {
    if (k > 0) t += gaps.includes(k) ? 1e9 : paceNs(k);
    return [t, k < zeros ? 0 : 40 + 100 * r.uniform()] as const;
  });
  return {
    tNs: Float64Array.from(rows, ([tNs]) => tNs),
    totalW: Float64Array.from(rows, ([, w]) => w),
    begins: [0, ...gaps],
  };
}

function problemOf({ tNs, totalW, begins }: Trace, holdsNs: number, spoiled?: number) {
  const running = new RunningEnergy(holdsNs);
  const energy = new Float64Array(tNs.length);
  begins.forEach((from, k) => {
    const to = begins[k + 1] ?? tNs.length;
    const run = { tNs, totalW, from, to, gapBefore: k > 0 };
    running.fill(run as never, from, to, energy, from);
  });
  if (spoiled !== undefined) energy[spoiled]! += 1;
  const table = tableFromArrays({
    t_ns: BigInt64Array.from(tNs, (x) => BigInt(Math.round(x))),
    voltage_card_v: Float32Array.from(totalW, () => 12),
    power_card_w: Float32Array.from(totalW),
    power_w: Float32Array.from(totalW),
    energy_j: energy,
  });
  const check = new FusedCheck(table.schema);
  for (const batch of table.batches) check.add(batch);
  return check.problem;
}

describe("FusedCheck", () => {
  const steady = () => PERIOD_NS;
  const uneven = (k: number) => PERIOD_NS + 20_000 * ((k % 3) - 1);
  test.each([
    ["a steady pace", trace(steady, [], 0)],
    ["gaps", trace(steady, [100, 101, 200], 0)],
    ["an uneven pace", trace(uneven, [], 0)],
    ["an uneven pace and gaps", trace(uneven, [100, 101, 200], 0)],
    ["no power at first", trace(uneven, [100], 30)],
  ])("%s: means and instants agree with themselves, a Joule too many is told", (_, rows) => {
    for (const holdsNs of [PERIOD_NS, 0]) {
      expect(problemOf(rows, holdsNs)).toBeNull();
      for (const row of [1, 50, 100, 250])
        expect(problemOf(rows, holdsNs, row)).toMatch(/energy_j does not follow/);
    }
  });
});
