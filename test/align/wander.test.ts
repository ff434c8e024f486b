// What a straight line leaves of a clock: told from scatter, and followed.

import { describe, expect, test } from "@jest/globals";
import {
  type ClockPairing,
  fitLine,
  type LineFit,
  mapColumn,
  mapEach,
  toSessionNs,
} from "../../align/clocks/clock.ts";
import { modelOf } from "../../align/clocks/fit-model.ts";
import { fitWander } from "../../align/clocks/wander.ts";
import { random } from "../../stats/random.ts";

/** A line of 1.01 ns a unit through 0. */
const LINE: LineFit = {
  refDevice: 0,
  refNs: 0,
  nsPerUnit: 1.01,
  uOffsetNs: 0,
  uRate: 0,
  residualRmsNs: 0,
  rateFromEdges: 1,
  findings: [],
};

/** A pair each 1.01 s, so that 20 of them span 20 s and a little. */
const pairsOf = (n: number, offNs: (s: number) => number, uNs = 100): ClockPairing[] =>
  Array.from({ length: n }, (_, s) => ({ device: s * 1e9, sessionNs: s * 1.01e9 + offNs(s), uNs }));

describe("wander is told from scatter", () => {
  test("of 300 clocks that run straight, less than 1 % get one", () => {
    let kept = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const r = random(seed, "straight");
      const pairs = pairsOf(120, () => 100 * r.normal());
      if (fitWander(pairs, LINE)) kept++;
    }
    expect(kept).toBeLessThan(3);
  });

  test("χ² of the knots three times their number, no less", () => {
    // Every stretch of 20 pairs is off by z standard uncertainties of its mean: χ² = knots · z².
    const off = (z: number) =>
      pairsOf(100, (s) => ((Math.floor(s / 20) % 2 ? 1 : -1) * z * 100) / Math.sqrt(20));
    expect(fitWander(off(1.72), LINE)).toBeNull();
    expect(fitWander(off(1.74), LINE)).not.toBeNull();
  });

  test("fewer than three stretches of 20 s never get one", () => {
    const off = (s: number): number => 1e5 * Math.sin(s / 5);
    expect(fitWander(pairsOf(51, off), LINE)).toBeNull();
    expect(fitWander(pairsOf(52, off), LINE)).not.toBeNull();
    expect(fitWander([], LINE)).toBeNull();
  });

  test("a knot stands on twelve pairs and 20 s at least; a short rest joins the one before", () => {
    const knots = (pairs: readonly ClockPairing[]): number[] =>
      [...fitWander(pairs, LINE)!.device].map((d) => Math.round(d / 1e8) / 10);
    const off = (s: number): number => 1e4 * s;
    // 0 … 19 s, 20 … 39 s, 40 … 70 s: eleven more are too few for one of their own.
    expect(knots(pairsOf(71, off))).toEqual([9.5, 29.5, 55]);
    expect(knots(pairsOf(72, off))).toEqual([9.5, 29.5, 49.5, 65.5]);
    // A pair each 5 s: twelve of them.
    const sparse = Array.from({ length: 36 }, (_, i) => ({
      device: 5e9 * i,
      sessionNs: 5.05e9 * i + off(i),
      uNs: 1,
    }));
    expect(knots(sparse)).toEqual([27.5, 87.5, 147.5]);
    // In any order.
    expect(knots(pairsOf(71, off).reverse())).toEqual([9.5, 29.5, 55]);
  });

  test("a knot is the weighted mean of its pairs", () => {
    const pairs = pairsOf(60, (s) => (s % 2 ? 3000 : 1000)).map((p, s) => ({
      ...p,
      uNs: s % 2 ? 200 : 100,
    }));
    // 1000 with weight 4, 3000 with weight 1.
    for (const ns of fitWander(pairs, LINE)!.ns) expect(ns).toBeCloseTo(1400, 9);
  });
});

describe("a clock that wanders is followed", () => {
  const HZ = 1e4;
  const prior = { hz: HZ, uRel: 5e-5, startNs: 0, startUNs: 20e6 };
  /** Seconds of the DAQ's clock → session ns: warms up, and swings by 30 µs over five minutes. */
  const truth = (s: number): number => s * 1e9 + 30e3 * Math.sin((2 * Math.PI * s) / 300);
  const r = random(6, "pairs");
  const pairs = Array.from({ length: 1200 }, (_, i) => ({
    device: i * HZ * 0.5,
    sessionNs: truth(i * 0.5) + 1e3 * r.normal(),
    uNs: 1e3,
  }));
  const fitted = () =>
    modelOf(
      { clock: "daq:main", method: "sync-edges", prior },
      { pairs, fit: fitLine(pairs, prior) },
      500,
    );

  test("within a tenth of its swing, where a line alone is off by all of it", () => {
    const model = fitted();
    expect(model.wander).not.toBeNull();
    const [off, straight] = [model, { ...model, wander: null }].map((m) =>
      Math.max(
        ...pairs
          .slice(40, -40)
          .map(({ device }) => Math.abs(toSessionNs(m, device) - truth(device / HZ))),
      ),
    );
    expect(off).toBeLessThan(3e3);
    expect(straight).toBeGreaterThan(20e3);
    // Residuals are those of the line with its wander.
    expect(model.residualRmsNs).toBeLessThan(2e3);
    expect(model.residuals).toHaveLength(1200);
    expect(model.startDelayNs).toBe(toSessionNs(model, 0));
  });

  test("a column of rows is mapped as its rows are, one by one or at a time", () => {
    const model = fitted();
    const device = Float64Array.from({ length: 100 }, (_, i) => 2e6 + 25 * i);
    const one = device.map((d) => toSessionNs(model, d));
    expect([...mapEach(model, device)]).toEqual([...one]);
    const column = device.slice();
    mapColumn(model, column, column.length);
    column.forEach((t, i) => expect(Math.abs(t - one[i]!)).toBeLessThan(1e-3 + 5));
    expect(column[0]).toBeCloseTo(one[0]!, 3);
    expect(column[99]).toBeCloseTo(one[99]!, 3);
  });

  test("beyond its knots the wander stays what it was", () => {
    const model = fitted();
    const { wander } = model;
    const last = wander!.device.length - 1;
    const line = (d: number): number => model.refNs + (d - model.refDevice) * model.nsPerUnit;
    for (const [d, k] of [
      [-1e6, 0],
      [wander!.device[last]! + 1e7, last],
    ] as const)
      expect(toSessionNs(model, d) - line(d)).toBeCloseTo(wander!.ns[k]!, 3);
  });
});
