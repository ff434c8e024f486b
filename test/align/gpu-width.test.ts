// A GPU's clock by exchanges of stated latency: how wide its bounds are, in closed form.

import { describe, expect, test } from "@jest/globals";
import {
  fitGpuClock,
  gpuToSession,
  RATE_CHANGE,
  segmentFigures,
} from "../../align/clocks/gpu-clock.ts";
import { nearest } from "../../stats/search.ts";
import type { ClockExchange } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { SESSION } from "../support/evidence.ts";

/** A GPU whose clock reads host time plus a constant; `there` and `back` in ns. */
const exchange = (atNs: number, there: number, back: number): ClockExchange => {
  const host = (ns: number) => instant<"host">(SESSION.hostEpoch + BigInt(ns));
  const g = BigInt(atNs + there) + 7_000n;
  return {
    stream: "gpu",
    sent: host(atNs),
    deviceReceived: g,
    deviceSent: g,
    received: host(atNs + there + back),
  };
};
/** Host time of a GPU reading less the clock's epoch. */
const hostOf = (epoch: bigint, gpuNs: number): number => Number(epoch) - 7000 + gpuNs;

test("one exchange: the offset lies within the round trip, and no nearer", () => {
  const clock = fitGpuClock("gpu", [exchange(1e9, 700, 900)], SESSION);
  const [lo, hi] = gpuToSession(clock, 0);
  expect([lo, hi]).toEqual([expect.closeTo(1e9 - 1, 3), expect.closeTo(1e9 + 1600 + 1, 3)]);
  const [a, b] = segmentFigures(clock.segments[0]!).offsetNs;
  expect(b - a).toBeCloseTo(1600 + 1, 3);
});

test("of many the latest send and the earliest receive bound it", () => {
  const list = Array.from({ length: 30 }, (_, k) =>
    exchange(1e9 + 5000 * k, 500 + 37 * (k % 7), 600 + 53 * (k % 5)),
  );
  const clock = fitGpuClock("gpu", list, SESSION);
  const [lo, hi] = gpuToSession(clock, clock.segments[0]!.centreNs);
  const truth = hostOf(clock.epoch, clock.segments[0]!.centreNs);
  expect(lo).toBeLessThanOrEqual(truth);
  expect(hi).toBeGreaterThanOrEqual(truth);
  // Least there 500, least back 600, the readings' own 1 ns, and what a line may tilt within a burst of 150 µs.
  expect(hi - lo).toBeGreaterThanOrEqual(1100);
  expect(hi - lo).toBeLessThan(1100 + 2 + 150e3 * 2e-3);
});

test("away from its burst it widens with the rates that are allowed and with their change", () => {
  const list = [0, 1, 2, 3].flatMap((n) => [
    exchange(1e9 + n * 1e6, 500, 600),
    exchange(1e9 + n * 1e6 + 3001, 500, 600),
  ]);
  const clock = fitGpuClock("gpu", list, SESSION);
  const width = (x: number) => {
    const [lo, hi] = gpuToSession(clock, clock.segments[0]!.centreNs + x);
    return hi - lo;
  };
  const [r0, r1] = segmentFigures(clock.segments[0]!).rate;
  // The clock's rate by its 3 ms: ± 1.1 µs over 3 ms at the widest.
  expect(r1 - r0).toBeLessThan((2.4 * 1100) / 3e6);
  const far = 1e9;
  const wander = 2 * ((RATE_CHANGE * far * far) / 2e9);
  expect(width(far)).toBeGreaterThan(wander);
  expect(width(far)).toBeLessThanOrEqual(wander + (r1 - r0) * far + width(0) + 1);
});

describe("what a reading means", () => {
  test("a clock that steps by 32 ns: [g, g + 32)", () => {
    const list = Array.from({ length: 20 }, (_, k) =>
      exchange(1e9 + 3200 * k, 640 + 32 * (k % 3), 640),
    );
    const coarse = fitGpuClock("gpu", list, SESSION);
    expect(coarse.stepNs).toBe(32);
    const one = fitGpuClock("gpu", [list[0]!], SESSION);
    // Nothing shows a step of a single reading, nor one beyond 65 µs.
    expect(one.stepNs).toBe(1);
    const seldom = fitGpuClock(
      "gpu",
      [exchange(1e9, 640, 640), exchange(1e9 + 65_568, 640, 640)],
      SESSION,
    );
    expect(seldom.stepNs).toBe(1);
    const just = fitGpuClock(
      "gpu",
      [exchange(1e9, 640, 640), exchange(1e9 + 65_536, 640, 640)],
      SESSION,
    );
    expect(just.stepNs).toBe(65_536);
  });
});

describe("bursts", () => {
  const at = (ms: readonly number[]) =>
    fitGpuClock(
      "gpu",
      ms.flatMap((t) => [exchange(t * 1e6, 500, 600), exchange(t * 1e6 + 4000, 500, 600)]),
      SESSION,
    );

  test("exchanges 5 ms apart and more are different ones", () => {
    expect(at([1000, 1004.9]).segments).toHaveLength(1);
    expect(at([1000, 1005.1]).segments).toHaveLength(2);
  });

  test("those within a second serve each other", () => {
    expect(at([1000, 1990]).segments.map((s) => s.exchanges)).toEqual([4, 4]);
    expect(at([1000, 2010]).segments.map((s) => s.exchanges)).toEqual([2, 2]);
  });
});

test("the nearest of ascending values", () => {
  const x = Float64Array.of(1, 4, 10);
  expect([-5, 1, 2.5, 2.6, 6.9, 7, 7.1, 99].map((v) => nearest(x, v))).toEqual([
    0, 0, 0, 1, 1, 1, 2, 2,
  ]);
  expect(nearest(Float64Array.of(3), 9)).toBe(0);
});
