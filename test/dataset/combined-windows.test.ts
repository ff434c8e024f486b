// Sums, differences and ratios of windows as compare.json has them.

import { expect, test } from "@jest/globals";
import { combineWindows, ratioOfWindows } from "../../dataset/documents/combined-windows.ts";
import type { ComparedWindow, Physical } from "../../schema/documents/compare.ts";

type Term = Physical["budget"][number];
const gain = (j: number): Term => ({ term: "gain", type: "B", contribution_j: j, correlation: 1 });
const noise = (j: number): Term => ({
  term: "noise",
  type: "A",
  contribution_j: j,
  correlation: 0,
});

function window(
  name: string,
  energyJ: number | null,
  budget: Term[],
  unmeasuredJ = 0,
): ComparedWindow {
  return {
    ...{ name, kind: "mark", t0_ns: 0, t1_ns: 1e9, duration_s: 1, telemetry: [] },
    physical: {
      ...{ energy_j: energyJ, expanded_uncertainty_j: 1, coverage_factor: 2, mean_power_w: 1 },
      ...{ samples: 9, gap_fraction: 0, quality: "good", budget },
      ...(unmeasuredJ > 0 ? { unmeasured_j: unmeasuredJ } : {}),
    },
  };
}
const a = window("a", 300, [gain(3), noise(0.4)], 30);
const b = window("b", 200, [gain(2), noise(0.3)], 10);

test("a sum: 1 % of both together", () => {
  const { value, expandedUncertainty, interval } = combineWindows([a, b]);
  expect(value).toBe(500);
  expect(expandedUncertainty).toBeCloseTo(2 * Math.hypot(5, 0.5), 9);
  expect(interval[0]).toBeCloseTo(500 - expandedUncertainty, 9);
  expect(interval[1]).toBeCloseTo(540 + expandedUncertainty, 9);
});

test("a difference: 1 % of it alone; what nobody measured may lie on either side", () => {
  const less = combineWindows([b, a], [1, -1]);
  expect(less.value).toBe(-100);
  expect(less.expandedUncertainty).toBeCloseTo(2 * Math.hypot(1, 0.5), 9);
  expect(less.interval[0]).toBeCloseTo(-120 - less.expandedUncertainty, 9);
  expect(less.interval[1]).toBeCloseTo(-100 + less.expandedUncertainty, 9);
});

test("a ratio: the gain is gone", () => {
  const { value, expandedUncertainty, interval } = ratioOfWindows(a, b);
  expect(value).toBe(1.5);
  expect(expandedUncertainty).toBeCloseTo(2 * 1.5 * Math.hypot(0.4 / 300, 0.3 / 200), 9);
  expect(interval).toEqual([
    expect.closeTo(1.5 - expandedUncertainty, 9),
    expect.closeTo(330 / 210 + expandedUncertainty, 9),
  ]);
});

test("terms of a comparison that says nothing of their correlation add by their size", () => {
  const old = (j: number): Term => ({ term: "gain", type: "B", contribution_j: j });
  const [c, d] = [window("c", 100, [old(3)]), window("d", 100, [old(2)])];
  for (const weight of [1, -1])
    expect(combineWindows([c, d], [1, weight]).expandedUncertainty).toBe(10);
});

test("what is not known is refused by its window's name", () => {
  const none = window("none", null, []);
  expect(() => combineWindows([a, none])).toThrow(/^window none: its Joules are not known$/);
  expect(() => combineWindows([{ ...a, physical: null }])).toThrow(/window a/);
  expect(() => ratioOfWindows(a, window("zero", 0, []))).toThrow(
    /window zero: no Joules to divide by/,
  );
});
