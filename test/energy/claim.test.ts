// What a telemetry channel claims for a window, and the interval that its reads allow, in closed form.

import { describe, expect, test } from "@jest/globals";
import { Series } from "../../energy/claims/series.ts";
import { every, readsOf } from "../support/telemetry.ts";

const S = 1e9;
const series = (atS: readonly number[], value: (s: number) => number, channel = {}): Series =>
  new Series(
    readsOf(
      atS.map((s) => s * S),
      (t) => value(t / S),
      channel,
    ),
  );
const tenths = every(0.1, 0, 10.05);
const ENERGY = { quantity: "energy", unit: "J" } as const;

describe("power reads", () => {
  test("NVIDIA's ±5 W for as long as the window, whatever the power", () => {
    for (const watts of [0, 60, 400]) {
      const { energyJ, intervalJ } = series(tenths, () => watts).claim(2 * S, 5 * S);
      expect(energyJ).toBeCloseTo(3 * watts, 9);
      expect(intervalJ[0]).toBeCloseTo(3 * watts - 15, 9);
      expect(intervalJ[1]).toBeCloseTo(3 * watts + 15, 9);
    }
  });

  test("a ramp is exact between reads too", () => {
    const { energyJ, samples } = series(tenths, (s) => 20 * s).claim(2.03 * S, 4.57 * S);
    expect(energyJ).toBeCloseTo(10 * (4.57 ** 2 - 2.03 ** 2), 9);
    expect(samples).toBe(25);
  });

  test("beyond its reads the first and last value hold", () => {
    const s = series(tenths, (at) => 20 * at);
    expect(s.claim(9.5 * S, 10.1 * S).energyJ).toBeCloseTo(10 * (100 - 9.5 ** 2) + 20, 6);
    expect(s.claim(-0.1 * S, 0.1 * S).energyJ).toBeCloseTo(0.1, 6);
  });

  test("between two reads further apart than 1.5 periods the power may have gone any way", () => {
    // A read is missing at 3 s, between 100 and 300 W: 200 W · 0.2 s / 2 more.
    const atS = tenths.filter((s) => Math.abs(s - 3) > 0.01);
    const step = (s: number): number => (s < 3 ? 100 : 300);
    const { energyJ, intervalJ } = series(atS, step).claim(2 * S, 5 * S);
    expect(energyJ).toBeCloseTo(100 * 0.9 + 200 * 0.2 + 300 * 1.9, 6);
    expect(intervalJ[1] - energyJ).toBeCloseTo(15 + 20, 6);
  });

  test("a distance beyond 2.5 periods is a gap", () => {
    const without = (n: number) => tenths.filter((s) => s < 2.95 || s > 2.95 + 0.1 * n);
    expect(series(without(1), () => 1).claim(2 * S, 5 * S).gapFraction).toBe(0);
    expect(series(without(2), () => 1).claim(2 * S, 5 * S).gapFraction).toBeCloseTo(0.1, 6);
  });

  test("failed reads are left out and counted where they fell", () => {
    const s = series(tenths, (at) => (Math.abs(at - 3) < 0.01 || at > 9.95 ? NaN : 100));
    expect(s.claim(2 * S, 5 * S)).toMatchObject({ failedReads: 1, samples: 30 });
    expect(s.claim(5 * S, 10 * S).failedReads).toBe(1);
    expect(s.claim(6 * S, 7 * S).failedReads).toBe(0);
  });

  test("where nothing was read there is no claim", () => {
    const s = series(tenths, () => 100);
    expect(s.claim(20 * S, 21 * S)).toMatchObject({ energyJ: NaN, samples: 0, gapFraction: 1 });
    expect(series([], () => 0).claim(0, S).energyJ).toBeNaN();
  });
});

describe("an energy counter", () => {
  /** 200 W, renewed each 0.4 s, read each 0.1 s. */
  const held = (s: number): number => 80 * Math.floor((s + 1e-9) / 0.4);

  test("the difference of its readings; its updates around the ends bracket it", () => {
    const s = series(tenths, held, ENERGY);
    expect(s.isCounter).toBe(true);
    const { energyJ, intervalJ } = s.claim(2.05 * S, 5.05 * S);
    // It read 400 J at 2.05 and 960 J at 5.05 s; the update before showed 320, the one after 1040.
    expect(energyJ).toBeCloseTo(560, 6);
    expect(intervalJ).toEqual([880 - 480, 1040 - 320]);
  });

  test("an interval never falls below nothing, nor excludes the claim", () => {
    const { energyJ, intervalJ } = series(tenths, held, ENERGY).claim(2.05 * S, 2.25 * S);
    expect(intervalJ[0]).toBe(0);
    expect(intervalJ[1]).toBeGreaterThanOrEqual(energyJ);
  });

  test("it wraps at its modulus; one that was reset without a modulus adds nothing there", () => {
    const turning = series(tenths, (s) => (100 * s) % 300, { ...ENERGY, wrapsAt: 300 });
    expect(turning.claim(1 * S, 8 * S).energyJ).toBeCloseTo(700, 6);
    const reset = series(tenths, (s) => (s < 4.95 ? 100 * s : 100 * (s - 5)), ENERGY);
    expect(reset.claim(1 * S, 8 * S).energyJ).toBeCloseTo(690, 6);
  });
});

describe("reads of one value", () => {
  test("the first of them is found, asked in any order", () => {
    const s = series(tenths, (at) => Math.floor((at + 1e-9) / 2));
    const asked = [0, 5, 19, 20, 39, 25, 41, 30, 99, 60, 100, 3];
    expect(asked.map((i) => s.firstAlike(i))).toEqual([
      0, 0, 0, 20, 20, 20, 40, 20, 80, 60, 100, 0,
    ]);
  });
});

describe("what was not read", () => {
  /** 60 W, 300 W from 4 to 5 s. */
  const burst = (s: number): number => (s >= 4 && s < 5 ? 300 : 60);

  test("before the first read and after the last one the power may have been any that was read", () => {
    const read = tenths.filter((s) => s > 0.95 && s < 9.05);
    const { energyJ, intervalJ } = series(read, burst).claim(0, 10 * S);
    expect(energyJ).toBeCloseTo(60 * 10 + 240, 6);
    expect(intervalJ).toEqual([
      expect.closeTo(energyJ - 50, 6),
      expect.closeTo(energyJ + 50 + 2 * 240, 6),
    ]);
  });

  test("so it may in a gap", () => {
    const read = tenths.filter((s) => s < 6.05 || s > 7.95);
    const { energyJ, intervalJ } = series(read, burst).claim(0, 10 * S);
    expect(energyJ).toBeCloseTo(840, 6);
    expect(intervalJ[0]).toBeCloseTo(790, 6);
    expect(intervalJ[1]).toBeCloseTo(890 + 2 * 240, 6);
  });

  test("a short window in a gap has no claim", () => {
    const read = tenths.filter((s) => s < 6.05 || s > 7.95);
    for (const s of [series(read, burst), series(read, (at) => 60 * at, ENERGY)])
      expect(s.claim(7 * S, 7.1 * S)).toMatchObject({ energyJ: NaN, gapFraction: 1 });
    expect(series(read, burst).claim(12 * S, 12.1 * S).energyJ).toBeNaN();
  });

  test("once reads fail to the end of the log the claim has ended", () => {
    const s = series(tenths, (at) => (at > 6.05 ? NaN : burst(at)));
    expect(s.endNs).toBeCloseTo(6 * S, -3);
    const { energyJ, intervalJ } = s.claim(0, 10 * S);
    expect(energyJ).toBeCloseTo(600, 6);
    expect(intervalJ[0]).toBeCloseTo(550, 6);
    expect(intervalJ[1]).toBeCloseTo(650 + 4 * 300, 6);
    expect(s.claim(6.1 * S, 6.2 * S).energyJ).toBeNaN();
    // One read that fails is no end.
    expect(series(tenths, (at) => (at > 9.95 ? NaN : 60)).endNs).toBe(Infinity);
  });
});
