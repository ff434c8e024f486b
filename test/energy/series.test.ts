import { describe, expect, test } from "@jest/globals";
import { ReadColumn } from "../../align/read-column.ts";
import type { TelemetrySeries } from "../../align/scanned.ts";
import { quality } from "../../energy/quality.ts";
import { Series } from "../../energy/claims/series.ts";

const MS = 1e6;

function series(
  quantity: "power" | "energy",
  points: [number, number][],
  wrapsAt?: number,
): Series {
  const s: TelemetrySeries = {
    channel: {
      name: "c",
      quantity,
      unit: quantity === "power" ? "W" : "J",
      ...(wrapsAt ? { wrapsAt } : {}),
    },
    tNs: ReadColumn.of(points.map((p) => p[0] * MS)),
    halfNs: ReadColumn.of(points.map(() => 0)),
    value: ReadColumn.of(points.map((p) => p[1])),
    code: ReadColumn.of(points.map((p) => (Number.isNaN(p[1]) ? 4 : 0))),
  };
  return new Series(s);
}

describe("telemetry claims", () => {
  test("trapezoid with partial edges", () => {
    const s = series("power", [
      [0, 0],
      [100, 100],
      [200, 200],
      [300, 300],
    ]);
    // a straight line: exact at any cut
    expect(s.claim(50 * MS, 250 * MS).energyJ).toBeCloseTo((0.05 + 0.25) * 0.5 * 0.2 * 1000, 9);
  });

  test("a failed read is neither 0 W nor the last value", () => {
    const s = series("power", [
      [0, 100],
      [100, NaN],
      [200, 100],
      [300, 100],
    ]);
    const c = s.claim(0, 300 * MS);
    expect(c.energyJ).toBeCloseTo(30, 9);
    expect(c.failedReads).toBe(1);
    expect(c.samples).toBe(3);
  });

  test("a long silence is a gap, not a sample", () => {
    const points: [number, number][] = [];
    for (let t = 0; t <= 1000; t += 50) if (t <= 300 || t >= 700) points.push([t, 100]);
    const c = series("power", points).claim(0, 1000 * MS);
    expect(c.gapFraction).toBeCloseTo(0.4, 9);
  });

  test("a window that lies wholly in a gap has no claim, one between two reads has", () => {
    const points = Array.from({ length: 60 }, (_, i): [number, number] => [50 * i, 100]);
    const s = series(
      "power",
      points.filter(([t]) => t < 1000 || t > 2000),
    );
    expect(s.claim(1200 * MS, 1700 * MS)).toMatchObject({ energyJ: NaN, samples: 0 });
    expect(s.claim(510 * MS, 540 * MS).energyJ).toBeCloseTo(3, 9);
  });

  test("the counter is an interval that holds the truth whatever its phase", () => {
    // 100 W truly; the counter moves every 100 ms, read every 10 ms, at ten phases
    for (let phase = 0; phase < 100; phase += 10) {
      const points: [number, number][] = [];
      for (let t = 0; t <= 2000; t += 10) points.push([t, Math.floor((t + phase) / 100) * 10]);
      const c = series("energy", points).claim(500 * MS, 1500 * MS);
      expect(c.intervalJ[0]).toBeLessThanOrEqual(100 + 1e-9);
      expect(c.intervalJ[1]).toBeGreaterThanOrEqual(100 - 1e-9);
      expect(c.intervalJ[1] - c.intervalJ[0]).toBeLessThanOrEqual(41);
    }
  });

  test("a counter that wraps goes on; one that was reset adds nothing", () => {
    const wrapped = series(
      "energy",
      [
        [0, 90],
        [100, 99],
        [200, 5],
        [300, 10],
      ],
      100,
    );
    expect(wrapped.claim(0, 300 * MS).energyJ).toBeCloseTo(20, 9);
    const reset = series("energy", [
      [0, 90],
      [100, 99],
      [200, 5],
      [300, 10],
    ]);
    expect(reset.claim(0, 300 * MS).energyJ).toBeCloseTo(14, 9);
  });

  test("a read written twice is one read, and no gap", () => {
    const twice = series(
      "power",
      [0, 100, 200, 300].flatMap((t) => [[t, t] as [number, number], [t, t] as [number, number]]),
    );
    expect(twice.periodNs).toBe(100 * MS);
    expect(twice.claim(0, 300 * MS)).toMatchObject({ samples: 4, gapFraction: 0 });
  });

  test("where the clock was set back, two claims to one time are a gap; jitter of a period is not", () => {
    const steady = Array.from({ length: 100 }, (_, i): [number, number] => [10 * i, 100]);
    const setBack = series(
      "power",
      steady.map(([t, w], i) => (i < 60 ? [t, w] : [t - 300, w])),
    );
    const claim = setBack.claim(0, 690 * MS);
    expect(claim.gapFraction).toBeGreaterThan(0.4);
    expect(claim.samples).toBeLessThan(45);
    const jitter = series(
      "power",
      steady.map(([t, w], i) => (i === 60 ? [t - 15, w] : [t, w])),
    );
    expect(jitter.claim(0, 990 * MS)).toMatchObject({ samples: 100, gapFraction: 0 });
  });

  test("quality tiers", () => {
    expect(quality(1, 10, 0)).toBe("no_data");
    expect(quality(100, 10, 0.11)).toBe("gappy");
    expect(quality(2, 10, 0.02)).toBe("estimate");
    expect(quality(8, 10, 0.02)).toBe("good");
    expect(quality(9, 1, 0.02)).toBe("good");
    expect(quality(9, 1.1, 0.02)).toBe("billable");
    expect(quality(100, 10, 0.07)).toBe("good");
  });
});
