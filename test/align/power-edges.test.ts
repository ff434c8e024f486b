// Steps of made power traces: where they are timed, which count, and what they are not.

import { describe, expect, test } from "@jest/globals";
import { powerEdges } from "../../align/clocks/power-edges.ts";
import { random } from "../../stats/random.ts";

/** One sample a unit of time. */
function edgesOf(n: number, power: (t: number) => number, stretch = 20, step = 1) {
  const t = Float64Array.from({ length: n }, (_, i) => i * step);
  const { t: at, polarity } = powerEdges(t, t.map(power), stretch);
  return { t: [...at], polarity: [...polarity] };
}

/** From 100 W up to `high` between two instants, in a straight line, and down again later. */
const pulse = (high: number, up: number, down: number, rise: number) => (t: number) => {
  const part = (at: number): number => Math.min(1, Math.max(0, (t - at + rise / 2) / rise));
  return 100 + (high - 100) * (part(up) - part(down));
};

describe("an edge is timed half-way between the levels on both its sides", () => {
  test.each([
    ["within two samples", 0.5, 1],
    ["over ten samples", 10, 1],
    ["over twelve samples, every 0.25 of a unit", 3, 0.25],
  ])("%s", (_, rise, step) => {
    const { t, polarity } = edgesOf(400 / step, pulse(300, 120.3, 250.6, rise), 20, step);
    expect(polarity).toEqual([1, -1]);
    expect(Math.abs(t[0]! - 120.3)).toBeLessThan(rise < 1 ? 0.5 : 1e-6);
    expect(Math.abs(t[1]! - 250.6)).toBeLessThan(rise < 1 ? 0.5 : 1e-6);
  });

  test("each load between levels of its own", () => {
    const a = pulse(150, 60, 110, 8);
    const b = pulse(400, 200, 290, 8);
    const { t, polarity } = edgesOf(400, (at) => a(at) + b(at) - 100);
    expect(polarity).toEqual([1, -1, 1, -1].slice(0, polarity.length));
    for (const edge of t)
      expect(Math.min(...[60, 110, 200, 290].map((x) => Math.abs(x - edge)))).toBeLessThan(1e-6);
  });

  test("noise moves it by no more than its share of the slope", () => {
    const r = random(2, "noise");
    const clean = pulse(300, 120, 250, 4);
    const { t, polarity } = edgesOf(400, (at) => clean(at) + 4 * r.normal());
    expect(polarity).toEqual([1, -1]);
    expect(Math.abs(t[0]! - 120)).toBeLessThan(0.5);
    expect(Math.abs(t[1]! - 250)).toBeLessThan(0.5);
  });
});

describe("what counts as an edge", () => {
  test("a step of a fifth of the trace's span, no less", () => {
    const both = (small: number) => (t: number) =>
      pulse(300, 100, 180, 2)(t) + pulse(100 + small, 250, 330, 2)(t) - 100;
    expect(edgesOf(400, both(44)).polarity).toEqual([1, -1, 1, -1]);
    expect(edgesOf(400, both(36)).polarity).toEqual([1, -1]);
  });

  test("a step of six times the noise of two means, no less", () => {
    // σ = 10 W, means of 20: 6 · 10 · √(2/20) = 19 W.
    const steps = (high: number, seed: number): number => {
      const r = random(seed, "noise");
      return edgesOf(2000, (t) => (t < 1000 ? 100 : high) + 10 * r.normal()).t.length;
    };
    for (let seed = 1; seed <= 20; seed++) expect(steps(140, seed)).toBe(1);
    for (let seed = 1; seed <= 20; seed++) expect(steps(100, seed)).toBe(0);
  });

  test("steps nearer than a stretch are one, at the larger", () => {
    const { t, polarity } = edgesOf(400, (at) => (at < 200 ? 100 : at < 210 ? 180 : 400));
    expect(polarity).toEqual([1]);
    expect(Math.abs(t[0]! - 209.5)).toBeLessThanOrEqual(1);
  });

  test("a steady trace, a short one and a stretch of less than two samples have none", () => {
    for (const watts of [0, 100, 100.1]) expect(edgesOf(400, () => watts).t).toEqual([]);
    expect(edgesOf(80, pulse(300, 30, 60, 2)).t).toEqual([]);
    expect(edgesOf(81, pulse(300, 40, 1000, 2)).t).toHaveLength(1);
    expect(edgesOf(400, pulse(300, 120, 250, 2), 1.4).t).toEqual([]);
    expect(edgesOf(400, pulse(300, 120, 250, 2), 2).t).not.toEqual([]);
  });

  test("the very first stretch has nothing before it to step from, nor the last after it", () => {
    expect(edgesOf(400, (t) => (t < 19 ? 300 : 100)).t.every((t) => t > 5)).toBe(true);
    expect(edgesOf(400, (t) => (t < 200 ? 100 : 300)).t).toHaveLength(1);
  });
});
