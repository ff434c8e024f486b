// Rows at a rate: as many as it says, and the Joules of all samples whatever it is.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Table, tableFromIPC } from "apache-arrow";
import { runPaths, type RunPaths } from "../../capture/run.ts";
import { Decimator, type MeanRun } from "../../dataset/decimator.ts";
import { fuseRun } from "../../dataset/fuse.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { UsageError } from "../../schema/errors.ts";

let dir: string;
let paths: RunPaths;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-rate-"));
  paths = runPaths(join(dir, "run"));
  await writeVirtualCapture(paths.dir, { seed: 7, durationS: 2, telemetry: [] });
});
afterAll(() => rmSync(dir, { recursive: true }));

const lastOf = (t: Table, name: string): number => Number(t.getChild(name)!.get(t.numRows - 1));

function fusedAt(rateHz?: number): { table: Table; sessionJ: number; rows: number } {
  const { comparison } = fuseRun(paths, rateHz === undefined ? {} : { rateHz });
  const session = comparison.windows.find((w) => w.window.kind === "session")!.physical!;
  const { rows } = comparison.counts!;
  const table = tableFromIPC(readFileSync(paths.fused));
  return { table, sessionJ: session.energyJ - session.bridgedJ, rows };
}

describe("fuse --rate", () => {
  test.each([100e3, 50e3, 10e3, 1e3, 200, 100e3 / 7])(
    "A11: %d Hz gives so many rows a second and the session's Joules",
    (rateHz) => {
      const { table, sessionJ, rows } = fusedAt(rateHz);
      const factor = Math.round(100e3 / rateHz);
      expect(table.numRows).toBe(Math.ceil(rows / factor));
      expect(lastOf(table, "energy_j") / sessionJ).toBeCloseTo(1, 9);
      const t = table.getChild("t_ns")!;
      // Steps are even but for the last, shorter mean: no block boundary shows.
      const steps = Array.from(
        { length: table.numRows - 2 },
        (_, i) => Number(t.get(i + 1)) - Number(t.get(i)),
      );
      const even = factor * 1e4;
      expect(steps.filter((s) => Math.abs(s / even - 1) > 1e-2)).toEqual([]);
    },
  );

  test("a rate that does not divide the rate of rows, or exceeds it, is refused with the nearest that do", () => {
    expect(() => fuseRun(paths, { rateHz: 3e3 })).toThrow(UsageError);
    expect(() => fuseRun(paths, { rateHz: 3e3 })).toThrow(/2941\.176 Hz.*3030\.303 Hz/);
    expect(() => fuseRun(paths, { rateHz: 3030.303 })).not.toThrow();
    expect(() => fuseRun(paths, { rateHz: 200e3 })).toThrow(/more than the 100000 Hz/);
  });
});

test("means go on across runs and start again at a gap; Joules stand still there", () => {
  const rows = 25;
  const tNs = Float64Array.from({ length: rows }, (_, i) => (i < 13 ? i : i + 100) * 1e6);
  const totalW = Float64Array.from({ length: rows }, (_, i) => i * i);
  const flags = new Uint8Array(rows);
  flags[13] = 1;
  const rail = { name: "a", voltageV: null, currentA: null, powerW: totalW };
  const out: MeanRun[] = [];
  const decimator = new Decimator(4, 0, (m) => out.push(m));
  for (const [from, to] of [
    [0, 3],
    [3, 5],
    [5, 13],
    [13, 19],
    [19, 25],
  ] as const)
    decimator.add({ from, to, gapBefore: from === 13, tNs, rails: [rail], totalW, flags });
  decimator.end();
  const all = out.flatMap((m) =>
    Array.from({ length: m.to }, (_, i) => ({ w: m.totalW[i]!, e: m.energyJ[i]!, f: m.flags[i]! })),
  );
  const groups = [
    [0, 4],
    [4, 8],
    [8, 12],
    [12, 13],
    [13, 17],
    [17, 21],
    [21, 25],
  ] as const;
  const mean = (a: number, b: number): number =>
    totalW.subarray(a, b).reduce((s, x) => s + x, 0) / (b - a);
  const joules = (to: number): number => {
    let sum = 0;
    for (let i = 1; i < to; i++) if (i !== 13) sum += ((totalW[i - 1]! + totalW[i]!) / 2) * 1e-3;
    return sum;
  };
  expect(all.map((x) => x.w)).toEqual(groups.map(([a, b]) => mean(a, b)));
  all.forEach((x, k) => expect(x.e).toBeCloseTo(joules(groups[k]![1]), 12));
  expect(all.map((x) => x.f)).toEqual([0, 0, 0, 0, 1, 0, 0]);
});
