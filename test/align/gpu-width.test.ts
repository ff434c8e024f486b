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

test("from one exchange on the offset may run off by a thousandth, and its rate change", () => {
  const clock = fitGpuClock("gpu", [exchange(1e9, 700, 900)], SESSION);
  const x = 0.5e9;
  // 0.1 ppm a second over half a second: 12.5 ns.
  const wander = (0.1e-6 * x * x) / 2e9;
  for (const sign of [1, -1]) {
    const [lo, hi] = gpuToSession(clock, sign * x);
    expect(lo - sign * x).toBeCloseTo(1e9 - 1 - 0.5e6 - wander, 2);
    expect(hi - sign * x).toBeCloseTo(1e9 + 1600 + 1 + 0.5e6 + wander, 2);
  }
});

describe("exchanges and bursts of it", () => {
  /** Two exchanges at each instant, ms; the host's clock is set on by so much from an instant on. */
  const pairsAt = (ms: readonly number[], setFromMs = Infinity, byNs = 0): ClockExchange[] =>
    ms.flatMap((t) =>
      [t * 1e6, t * 1e6 + 4000].map((at) => {
        const e = exchange(at, 500, 600);
        if (t < setFromMs) return e;
        const later = (x: typeof e.sent) => instant<"host">(x + BigInt(byNs));
        return { ...e, sent: later(e.sent), received: later(e.received) };
      }),
    );
  const fit = (list: readonly ClockExchange[]) => fitGpuClock("gpu", list, SESSION);

  test("a burst ends 5 ms after its last exchange was sent; its middle is half-way between first and last", () => {
    const single = (ns: readonly number[]) => fit(ns.map((at) => exchange(1e9 + at, 500, 600)));
    expect(single([0, 4_999_999]).segments).toHaveLength(1);
    expect(single([0, 5e6]).segments).toHaveLength(2);
    expect(single([0, 4e6, 8e6, 20e6]).centresNs).toEqual(Float64Array.of(4e6, 20e6));
  });

  test("exactly a second away a burst still serves, either way", () => {
    // 1 with 1.5 and 2 s; 1.5 with 1 and 2; 2 with all but 3.001; that one with none.
    expect(fit(pairsAt([1000, 1500, 2000, 3001])).segments.map((s) => s.exchanges)).toEqual([
      ...[6, 6, 6, 2],
    ]);
  });

  test("where the host's clock was set bursts serve each other as far as they agree", () => {
    // Set on by 1 ms between 1.5 and 2 s: more than a thousandth of half a second, and no line through three.
    const { segments, contradictions } = fit(
      pairsAt([500, 1000, 1500, 2000, 2500, 3000], 2000, 1e6),
    );
    expect(segments.map((s) => [s.exchanges, s.alone])).toEqual([
      [6, false],
      [6, true], // 0.5 … 1.5 s
      [2, true],
      [2, true],
      [6, true],
      [6, false],
    ]);
    expect(contradictions).toBe(0);
  });

  test("in whatever order they come the host's clock puts them; times count from the first that came", () => {
    const list = pairsAt([1000, 1500]);
    const turned = [list[3]!, list[0]!, list[2]!, list[1]!];
    const clock = fit(turned);
    expect(clock.epoch).toBe(list[3]!.deviceReceived);
    expect(clock.centresNs).toEqual(Float64Array.of(2000 - 500_004_000, 2000 - 4000));
    expect([clock.clock, clock.exchanges]).toEqual(["gpu", 4]);
  });

  test("a burst that no line passes through is left out and counted", () => {
    // Readings of one instant 2 µs apart by the GPU, within 1.1 µs by the host; one of 1 ns shows its step.
    const wrong = [7500n, 9501n, 7501n].map((gpuNs) => ({
      ...exchange(3e9, 500, 600),
      deviceReceived: BigInt(3e9) + gpuNs,
    }));
    const clock = fit([...pairsAt([1000]), ...wrong]);
    expect([clock.segments.length, clock.contradictions]).toEqual([1, 1]);
    expect(() => fit(wrong)).toThrow(
      "no map from the GPU's clock to the host's fits its 3 exchanges",
    );
    expect(() => fit([])).toThrow("fits its 0 exchanges");
  });
});

test("the nearest of ascending values", () => {
  const x = Float64Array.of(1, 4, 10);
  expect([-5, 1, 2.5, 2.6, 6.9, 7, 7.1, 99].map((v) => nearest(x, v))).toEqual([
    0, 0, 0, 1, 1, 1, 2, 2,
  ]);
  expect(nearest(Float64Array.of(3), 9)).toBe(0);
});
