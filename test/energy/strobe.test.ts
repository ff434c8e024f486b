// What a strobing counter could claim for a load, against what an H100's and an H200's did (docs/evidence/strobe-h100.md).

import { describe, expect, test } from "@jest/globals";
import { strobeRangeJ } from "../../energy/claims/filter.ts";
import { lowPassed, PowerPrefix } from "../../energy/claims/prefix.ts";
import { knownCounter } from "../../energy/claims/sensors.ts";

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
