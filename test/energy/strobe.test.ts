// What a strobing counter could claim for a load, against what an H100's and an H200's did (docs/evidence/strobe-h100.md).

import { describe, expect, test } from "@jest/globals";
import { strobeRangeJ } from "../../energy/claims/strobe.ts";
import { lowPassed, PowerPrefix } from "../../energy/claims/prefix.ts";
import { knownCounter } from "../../energy/claims/sensors.ts";
import { compare, prepare } from "../../energy/compare.ts";
import type { TelemetryEnergy } from "../../energy/result.ts";
import { type MadeRun, withRun } from "../support/made-run.ts";
import { powerRail, rigOf } from "../support/rig.ts";

const MS = 1e6;

/** Bursts of `onMs` in every `periodMs` for 3 s, with 0.1 ms rows. */
function bursts(onMs: number, periodMs: number): PowerPrefix {
  const tNs = Float64Array.from({ length: 40_000 }, (_, i) => i * 0.1 * MS);
  const powerW = tNs.map((t) => ((t / MS) % periodMs < onMs ? 700 : 120));
  return new PowerPrefix(tNs, powerW);
}

describe("the counter of Hopper", () => {
  const { sampleNs, lowPassNs } = knownCounter("NVIDIA H100 80GB HBM3")!;

  test("5 ms of every 20 ms: most over least no less than the cards showed, 1.64 and 1.65, and no 1.5 times that", () => {
    const behind = lowPassed(bursts(5, 20), lowPassNs);
    const [least, most] = strobeRangeJ(behind, 500 * MS, 3500 * MS, sampleNs, 0);
    expect(most / least).toBeGreaterThan(1.65);
    expect(most / least).toBeLessThan(1.65 * 1.5);
    const trueJ = bursts(5, 20).energyJ(500 * MS, 3500 * MS);
    expect(least).toBeLessThan(trueJ);
    expect(most).toBeGreaterThan(trueJ);
  });

  test("nobody knows what another card's adds up", () => {
    for (const gpu of ["", "NVIDIA GeForce RTX 3090", "AMD Instinct MI300X"])
      expect(knownCounter(gpu)).toBeUndefined();
    expect(knownCounter("NVIDIA H200")).toBeDefined();
  });
});

describe("a low-pass", () => {
  const step = new PowerPrefix(
    Float64Array.of(0, 10, 10 + 1e-6, 40),
    Float64Array.of(0, 0, 100, 100),
  );

  test("a step is reached with its time constant; points that say no more are left out", () => {
    const t = Float64Array.from({ length: 400 }, (_, i) => i * 0.1);
    const fine = new PowerPrefix(
      t,
      t.map((x) => (x < 10 ? 0 : 100)),
    );
    const behind = lowPassed(fine, 5);
    expect(lowPassed(fine, 50).tNs.length).toBeLessThan(40);
    expect([behind.startNs, behind.endNs]).toEqual([fine.startNs, fine.endNs]);
    expect(behind.at(9)).toBe(0);
    expect(behind.at(15) / (100 * (1 - Math.exp(-1)))).toBeCloseTo(1, 1);
    expect(lowPassed(step, 5).at(40)).toBeCloseTo(100 * (1 - Math.exp(-6)), 3);
  });

  test("a ramp is followed behind by the time constant", () => {
    const ramp = new PowerPrefix(Float64Array.of(0, 100), Float64Array.of(0, 1000));
    expect(lowPassed(ramp, 5).at(100)).toBeCloseTo(1000 - 10 * 5, 6);
  });
});

describe("matched claims of counters", () => {
  const watts = (s: number): number => ((s * 1000) % 20 < 5 ? 700 : 120);
  const joules = (s: number): number => 265 * s;
  const atS = Array.from({ length: 400 }, (_, i) => i / 100);
  const claims = (name: string, feeds?: readonly string[]): TelemetryEnergy[] => {
    const rails = [{ ...powerRail("a"), ...(feeds ? { feeds } : {}) }];
    const channel = { name, quantity: "energy", unit: "J" } as const;
    const run: MadeRun = {
      ...{ seconds: 4, powerW: watts, rig: rigOf({ rails }), windows: [["job", 1, 3]] },
      telemetry: [{ channel, atS, value: joules }],
    };
    const c = withRun(run, (path) => compare(prepare(path)));
    return [...c.windows.find((w) => w.window.name === "job-1")!.telemetry];
  };
  const relative = ({ energyJ, intervalJ: [lo, hi] }: TelemetryEnergy): number =>
    (hi - lo) / energyJ;

  test("hold whatever phase the samples had", () => {
    const [plain, matched] = claims("nvml.energy_counter");
    expect([plain!.method, matched!.method]).toEqual(["counter", "filter_matched"]);
    // From 1.3 to 2.5 to 1 by phase alone.
    for (const claim of [plain!, matched!]) {
      expect(relative(claim)).toBeGreaterThan(0.4);
      expect(claim.intervalJ[0]).toBeLessThan(530);
      expect(claim.intervalJ[1]).toBeGreaterThan(530);
    }
  });

  test("are none of a counter that is not the card's: a processor's counts as it is", () => {
    const [plain, ...more] = claims("rapl.package-0", ["cpu:0"]);
    expect(more).toEqual([]);
    const [lo, hi] = plain!.errorIntervalPct!;
    expect(lo).toBeLessThan(0);
    expect(hi).toBeGreaterThan(0);
  });
});
