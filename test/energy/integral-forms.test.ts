// Running integrals of ramps, steps and constants against their closed forms, at rows and between them.

import { describe, expect, test } from "@jest/globals";
import { weighted } from "../../energy/integrals.ts";
import { Sum } from "../../energy/integrate.ts";
import { PowerPrefix } from "../../energy/claims/prefix.ts";
import { quality } from "../../energy/quality.ts";
import { rigOf, sensor } from "../support/rig.ts";
import { integralsOf, type Piece, type RailRow, runsOf } from "../support/rows.ts";

const HZ = 1000;
type At = (s: number, row: number) => readonly RailRow[];
interface Case {
  readonly sampling?: "instant" | "interval_mean";
  readonly pieces?: readonly Piece[];
  readonly window: readonly [number, number];
  readonly isEven?: boolean;
}

/** Of a window in s. */
function sums(
  at: At,
  { sampling = "instant", pieces = [{ from: 0, to: 5001 }], window, isEven }: Case,
) {
  const rails = at(0, 0).map((_, r) => ({
    name: `r${r}`,
    voltage: sensor(`v${r}`),
    current: sensor(`i${r}`),
  }));
  const runs = runsOf(HZ, pieces, at).map((r) => (isEven ? { ...r, periodNs: 1e9 / HZ } : r));
  const [a, b] = window.map((s) => s * 1e9) as [number, number];
  const s = integralsOf(rigOf({ rails, sampling }), runs, [a, b]);
  return (k: number): number => s.between(a, b, k);
}

describe.each([true, false])("rows timed by their index: %s", (isEven) => {
  test.each([
    [1, 3],
    [1.0004, 2.9997],
    [1.0001, 1.0002],
    [0, 5],
  ])("a ramp from %d to %d s is exact by straight lines, between rows too", (a, b) => {
    const of = sums((s) => [{ w: 60 * s, v: 12, i: 5 * s }], { window: [a, b], isEven });
    expect(of(Sum.energyJ)).toBeCloseTo(30 * (b * b - a * a), 9);
    expect(of(Sum.rails)).toBeCloseTo(30 * (b * b - a * a), 9);
    expect(of(Sum.rails + 1)).toBeCloseTo(2.5 * (b * b - a * a), 9);
    expect(of(Sum.rails + 2)).toBeCloseTo(12 * (b - a), 9);
    expect(of(Sum.coveredS)).toBeCloseTo(b - a, 12);
  });

  test("a step between two rows is a straight line from one to the other", () => {
    const at: At = (s) => [{ w: s < 2 ? 100 : 300, v: 1, i: 1 }];
    // The row of 1.999 s is the last of 100 W.
    expect(sums(at, { window: [1.5, 2.5], isEven })(Sum.energyJ)).toBeCloseTo(
      0.499 * 100 + 0.001 * 200 + 0.5 * 300,
      9,
    );
    expect(sums(at, { window: [1.5, 1.9995], isEven })(Sum.energyJ)).toBeCloseTo(
      0.499 * 100 + 0.0005 * 150,
      9,
    );
  });

  test("rows that are means over their time are rectangles, up to the end of the last one", () => {
    const at: At = (s) => [{ w: s < 1.9995 ? 100 : 300, v: 1, i: 1 }];
    const of = (a: number, b: number) =>
      sums(at, { sampling: "interval_mean", window: [a, b], isEven });
    expect(of(1.5, 2.5)(Sum.energyJ)).toBeCloseTo(0.5 * 100 + 0.5 * 300, 9);
    expect(of(1.9994, 2.0003)(Sum.energyJ)).toBeCloseTo(0.0006 * 100 + 0.0003 * 300, 9);
    expect(of(4.5, 9)(Sum.energyJ)).toBeCloseTo(0.501 * 300, 9);
    expect(of(4.5, 9)(Sum.coveredS)).toBeCloseTo(0.501, 12);
    expect(of(4.5, 5.0004)(Sum.energyJ)).toBeCloseTo(0.5004 * 300, 9);
  });

  test("rows are counted by their instants: (from, to]", () => {
    const at: At = () => [{ w: 1, v: 1, i: 1 }];
    const count = (a: number, b: number) => sums(at, { window: [a, b], isEven })(Sum.samples);
    expect([count(1, 2), count(1.0005, 2.0005), count(-1, 9), count(1.0002, 1.0007)]).toEqual([
      1000, 1000, 5001, 0,
    ]);
  });

  test("steps are those of the total", () => {
    const at: At = (_, k) => [
      { w: 10 + (k % 2), v: 1, i: 1 },
      { w: 5, v: 1, i: 1 },
    ];
    const of = sums(at, { window: [1, 3], isEven });
    expect(of(Sum.stepSquareW2)).toBeCloseTo(2000, 9);
    expect(of(Sum.rails + 3)).toBeCloseTo(10, 9);
  });
});

test.each([1, 2, 3, 4, 5, 8, 11])("%i rows, weighted: each counts once", (n) => {
  // 1, 2, 4, … tell every row apart; rows before and after are not to be seen.
  const c = Float64Array.from({ length: n + 2 }, (_, i) => (i === 0 || i > n ? NaN : 2 ** (i - 1)));
  expect(weighted(c, 1, n, new Float64Array(n).fill(3))).toBe(3 * (2 ** n - 1));
});

describe("gaps", () => {
  const pieces = [
    { from: 0, to: 2001 },
    { from: 2500, to: 5001 },
  ];
  const at: At = (s) => [{ w: s < 2.2 ? 100 : 300, v: 1, i: 1 }];

  test("nothing is added to the Joules; the bridge is the straight line between its ends", () => {
    const of = sums(at, { pieces, window: [1, 3] });
    expect(of(Sum.energyJ)).toBeCloseTo(100 + 150, 9);
    expect(of(Sum.gapJ)).toBeCloseTo(0.5 * 200, 9);
    expect([of(Sum.gapS), of(Sum.gapSquareS2)]).toEqual([
      expect.closeTo(0.5, 9),
      expect.closeTo(0.25, 9),
    ]);
    expect(of(Sum.coveredS)).toBeCloseTo(1.5, 9);
    expect(of(Sum.samples)).toBe(1501);
  });

  test("a window that ends in a gap has its part of the bridge", () => {
    const of = sums(at, { pieces, window: [1, 2.2] });
    // 0.2 s from 100 W up to 180 W.
    expect(of(Sum.gapJ)).toBeCloseTo(0.2 * 140, 9);
    expect(of(Sum.gapS)).toBeCloseTo(0.2, 9);
  });

  test("a row that is a mean covers its own period before the gap begins", () => {
    const of = sums(at, { pieces, window: [1, 3], sampling: "interval_mean" });
    expect(of(Sum.energyJ)).toBeCloseTo(100 * 1.001 + 300 * 0.5, 9);
    expect(of(Sum.gapS)).toBeCloseTo(0.499, 9);
  });
});

test("ten million joules lose nothing to a microjoule", () => {
  // A sum of doubles alone would be off by some 1e-5 here.
  const runs = runsOf(HZ, [{ from: 0, to: 3001 }], (s) => [{ w: s < 1 ? 1e12 : 1e-3, v: 1, i: 1 }]);
  const s = integralsOf(
    rigOf({ rails: [{ name: "a", power: sensor("p") }] }),
    runs.flatMap((r) =>
      Array.from({ length: 3001 }, (_, i) => ({ ...r, from: i, to: i + 1, gapBefore: false })),
    ),
    [1.5e9, 2.5e9],
  );
  expect(s.between(1.5e9, 2.5e9, Sum.energyJ)).toBeCloseTo(1e-3, 4);
});

describe("the trace by prefix sums", () => {
  const t = Float64Array.of(1e9, 2e9, 2e9, 4e9);
  const trace = new PowerPrefix(t, Float64Array.of(0, 100, 300, 300));

  test("energy between any two instants, by straight lines; nothing beyond the ends", () => {
    expect(trace.energyJ(1e9, 2e9)).toBeCloseTo(50, 9);
    expect(trace.energyJ(1.5e9, 3e9)).toBeCloseTo(37.5 + 300, 9);
    expect(trace.energyJ(0, 9e9)).toBeCloseTo(50 + 600, 9);
    expect(trace.meanW(2e9, 4e9)).toBeCloseTo(300, 9);
    expect([trace.startNs, trace.endNs, trace.rangeW]).toEqual([1e9, 4e9, [0, 300]]);
  });

  test("power at an instant; of two rows at one time the later; the ends hold", () => {
    expect([0, 1.5e9, 2e9, 3e9, 9e9].map((x) => trace.at(x))).toEqual([0, 50, 300, 300, 300]);
  });

  test("asked in any order it answers the same", () => {
    const many = new PowerPrefix(
      Float64Array.from({ length: 1000 }, (_, i) => i * 1e6),
      Float64Array.from({ length: 1000 }, (_, i) => i),
    );
    for (const i of [5, 900, 3, 4, 5, 6, 7, 8, 500, 499, 0, 999, 998, 250])
      expect(many.upTo(i * 1e6)).toBeCloseTo((i * i) / 2 / 1000, 9);
  });
});

test("how far a figure can be used, by what was observed of its window", () => {
  expect([quality(1, 5, 0), quality(100, 5, 0.11), quality(2, 5, 0)]).toEqual([
    "no_data",
    "gappy",
    "estimate",
  ]);
  expect([
    quality(9, 1.01, 0.049),
    quality(9, 1.01, 0.05),
    quality(9, 1, 0),
    quality(8, 5, 0),
    quality(3, 0.1, 0),
  ]).toEqual(["billable", "good", "good", "good", "good"]);
  expect(quality(100, 5, 0.1)).toBe("good");
});
