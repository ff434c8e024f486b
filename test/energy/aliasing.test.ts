// Claims that agree against the rails: a remark where the rows can follow the load, an interval that holds them where
// they may not.

import { expect, test } from "@jest/globals";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runPaths } from "../../capture/run.ts";
import { compare, prepare } from "../../energy/compare.ts";
import { agreementIn, againstRails } from "../../energy/findings/agreement.ts";
import type { TelemetryEnergy, WindowResult } from "../../energy/result.ts";
import { builtInRig, loadRig } from "../../rigs/load.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { POWER, repeatedLoads } from "../../virtual/bench/workloads.ts";

const claim = (errorPct: number, errorUncertaintyPct: number, more = {}): TelemetryEnergy =>
  ({
    ...{ channel: "c", method: "trapezoid", quality: "billable", errorPct, errorUncertaintyPct },
    ...more,
  }) as TelemetryEnergy;
const result = (seconds: number, ...telemetry: TelemetryEnergy[]): WindowResult => ({
  window: { name: `w${seconds}`, kind: "mark", t0Ns: 0, t1Ns: seconds * 1e9, u0Ns: 0, u1Ns: 0 },
  physical: null,
  telemetry,
  strobe: null,
});

test("all channels of a window on one side, beyond what either states", () => {
  const found = agreementIn([
    result(3, claim(-9, 4), claim(-6, 5)),
    result(9, claim(-7, 2), claim(-8, 3)),
  ]);
  expect(found).toMatchObject({ window: { name: "w9" }, others: 1, channels: 2 });
  expect(found!.share).toBeCloseTo(-0.13, 9);
  expect(againstRails(found!)).toEqual([
    expect.objectContaining({
      ...{ code: "claims-agree", level: "remark", subject: "w9", count: 2 },
      text: "window w9 (and in 1 more) all 2 channels claim less than the rails, up to 13 %, beyond what either states: their gains may be off, or that of the rails (a rail missing, or counted twice)",
    }),
  ]);
});

test.each<[string, WindowResult]>([
  ["one channel alone", result(3, claim(-9, 4))],
  ["one is right", result(3, claim(-9, 4), claim(-3, 4))],
  ["on both sides", result(3, claim(-9, 4), claim(9, 4))],
  ["a window shorter than two averages", result(1.9, claim(-9, 4), claim(-9, 4))],
  [
    "what a filter took out is no channel",
    result(3, claim(-9, 4), claim(-9, 4, { method: "filter_matched" })),
  ],
  ["too few reads", result(3, claim(-9, 4), claim(-9, 4, { quality: "estimate" }))],
])("%s is no agreement", (_, window) => {
  expect(agreementIn([window])).toBeNull();
});

test("a load at the row rate: rows see one phase of it; the interval holds the truth, and every window is in doubt", async () => {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-aliasing-"));
  try {
    const file = join(dir, "slow.yaml");
    const slow = Buffer.from((await builtInRig("virtual")).text)
      .toString("utf8")
      .replace(/^load_bandwidth.*$/m, "")
      .replace(/rate: "100 kHz"/g, 'rate: "5 kHz"')
      .replace('"±20 ms"', '"±200 ms"');
    writeFileSync(file, slow);
    const schedule = repeatedLoads(6, 100e6, (b) => {
      for (let ns = 0; ns < 2500e6; ns += 200e3)
        b.hold(POWER.burst, 100e3).hold(POWER.ready, 100e3);
    });
    const run = join(dir, "run");
    const truth = await writeVirtualCapture(run, {
      ...{ seed: 4, durationS: 6, schedule },
      rig: await loadRig(file),
    });
    const c = compare(prepare(runPaths(run).capture));
    expect(c.findings.map((f) => f.code)).toContain("rails-contradicted");
    expect(c.degraded).toBe(true);
    for (const { window, physical } of c.windows) {
      const [lo, hi] = physical!.intervalJ;
      const trueJ = truth.energyJ(window.t0Ns, window.t1Ns);
      expect([window.name, lo <= trueJ && trueJ <= hi]).toEqual([window.name, true]);
      expect(physical!.quality).toBe("estimate");
    }
    const row = c.windows.findIndex((w) => w.window.kind === "session");
    expect(c.windows[row]!.physical!.budget[0]!.term).toBe("aliasing");
    expect(c.figures!.expandedUncertaintyJ[0]).toBeCloseTo(
      c.windows[row]!.physical!.expandedUncertaintyJ,
      6,
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});
