// The stated interval holds the true Joules as often as it says: smaller versions of
// `truejoule bench coverage` and `bench kernels`, run from the build since Jest slows the sample loops tenfold.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { Cell } from "../../bench/trials/coverage/cells.ts";
import type { RestartCoverage } from "../../bench/trials/restart-coverage.ts";
import type { KernelCoverage } from "../../bench/trials/kernels.ts";

const protocols = join(import.meta.dirname, "../../dist/bench/trials");

function built<T>(file: string, call: string): T {
  const path = join(protocols, file);
  if (!existsSync(path))
    throw new Error("dist/ is missing: npm run build (npm test does it first)");
  const script = `import(${JSON.stringify(path)}).then(async (m) =>
    process.stdout.write(JSON.stringify(await m.${call})))`;
  return JSON.parse(execFileSync(process.execPath, ["-e", script], { encoding: "utf8" })) as T;
}

/** Sessions enough to show an interval that is half as wide as it must be; and conditions that a budget can miss whole. */
const CONDITIONS: readonly (readonly [condition: string, sessions: number])[] = [
  ["healthy", 40],
  ["loss", 20],
  ["loss under load", 12],
  ["1/f noise of 0.3 A", 12],
  ["common gain", 12],
  ["gain drift of 1 %", 12],
  ["sensors of 1 kHz, loads of 4 ms", 12],
];

test("matched claims of both cards' channels hold what their sensor was drawn to be wrong by", () => {
  const options = JSON.stringify({ trial: "claims", sessions: 8, durationS: 30 });
  const cells = built<Cell[]>("coverage/matrix.js", `allCells(${options})`);
  expect(cells.length).toBeGreaterThan(50);
  for (const c of cells) {
    expect([c.window, c.verdict]).toEqual([c.window, "ok"]);
    // Less than three updates, or than the averaging window, is not resolved.
    const [, field = "", updates = "0"] = /(\w+), ([\d.]+) updates/.exec(c.window) ?? [];
    if (field === "energy_counter") continue;
    const least = field === "power_instant" ? 3 : 10;
    if (Number(updates) < least)
      expect([c.window, c.without_value]).toEqual([c.window, c.sessions]);
    else if (c.without_value < c.sessions)
      expect([c.window, c.covered > 0.6]).toEqual([c.window, true]);
  }
}, 300_000);

test.each(CONDITIONS)(
  "%s, %d seeded virtual sessions: intervals hold the truth",
  (condition, sessions) => {
    const options = JSON.stringify({ sessions, durationS: 3, only: [condition] });
    const cells = built<Cell[]>("coverage/matrix.js", `allCells(${options})`);
    expect(cells.map((c) => c.window)).toEqual(
      expect.arrayContaining(["session", "load", "load-n", "sum of load", "difference", "clock"]),
    );
    for (const c of cells) {
      expect([c.window, c.verdict]).toEqual([c.window, "ok"]);
      expect(c.sessions).toBe(sessions);
      // One standard error of 12 trials is 6 %.
      expect([c.window, c.without_value < sessions ? c.covered > 0.7 : "none"]).toEqual([
        c.window,
        true,
      ]);
    }
    const session = cells.find((c) => c.window === "session");
    if (condition === "healthy") {
      expect(cells).toHaveLength(10);
      expect(session?.median_u_pct).toBeLessThan(0.75);
      expect(Math.abs(session?.pipeline_bias_pct ?? NaN)).toBeLessThan(0.02);
    }
  },
  240_000,
);

test.each(["edges", "exchanges", "load", "arrival"])(
  "12 sessions whose device restarted, told by %s: both sides right, none across silent",
  (evidence) => {
    const options = `{ evidence: "${evidence}", sessions: 12, durationS: 3 }`;
    const c = built<RestartCoverage>("restart-coverage.js", `restartCoverage(${options})`);
    expect(c.segments).toBeGreaterThan(25);
    expect(c.clock_covered).toBeGreaterThan(0.93);
    expect(c.windows).toBeGreaterThan(20);
    // As above, 12 draws of gain: one standard error is 6 %. Where only arrivals tell, the clock's interval is the wider part.
    expect(c.covered).toBeGreaterThan(0.8);
    expect(c.worst_error_u).toBeLessThan(4);
    expect(c.across).toBeGreaterThan(5);
    expect(c.silent).toBe(0);
    // Where edges or exchanges tie most segments, clocks are known to far better than arrivals tell.
    const tied = c.methods["sync-edges"] ?? c.methods["exchange"] ?? 0;
    if (evidence === "edges" || evidence === "exchanges") {
      expect(tied).toBeGreaterThan(c.segments / 2);
      expect(c.median_clock_u_ns).toBeLessThan(200e3);
    }
  },
  240_000,
);

test("12 seeded sessions of kernels from 20 µs to 20 ms: each one's Joules; a folded waveform", () => {
  const c = built<KernelCoverage>("kernels.js", "kernelCoverage({ sessions: 12, durationS: 1.5 })");
  expect(c.kernels.map((k) => k.duration_us)).toEqual([20, 50, 200, 1000, 5000, 20_000]);
  for (const k of c.kernels) {
    expect(k.windows).toBeGreaterThan(12);
    // Twelve sessions share twelve draws of gain and of clock: one outside is 8 %.
    expect(k.covered).toBeGreaterThan(0.7);
    // An interval that holds everything is no measurement.
    expect(k.rms_error_pct).toBeGreaterThan(k.median_u_pct / 8);
  }
  const [shortest, , , , , longest] = c.kernels;
  expect(shortest!.median_u_pct).toBeLessThan(40);
  expect(longest!.median_u_pct).toBeLessThan(1);
  expect(c.fold.step_us).toBeLessThanOrEqual(2);
  expect(c.fold.covered).toBeGreaterThan(0.75);
  expect(c.fold.rms_error_w).toBeLessThan(0.05 * (c.fold.true_range_w[1] - c.fold.true_range_w[0]));
}, 240_000);
