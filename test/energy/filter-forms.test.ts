// A telemetry channel's filter where its arithmetic shows: ends of the trace and of the reads, fits between the grid's
// points, and what a strobe samples.

import { beforeAll, describe, expect, test } from "@jest/globals";
import { fitFilter } from "../../energy/claims/filter-fit.ts";
import { idealJ, shownIn } from "../../energy/claims/filtered.ts";
import { strobeRangeJ } from "../../energy/claims/strobe.ts";
import { PowerPrefix } from "../../energy/claims/prefix.ts";
import type { KnownSensor, SensorModel } from "../../energy/claims/sensors.ts";
import { Series } from "../../energy/claims/series.ts";
import { random } from "../../stats/random.ts";
import { every, readsOf } from "../support/telemetry.ts";

const MS = 1e6;
const S = 1e9;

/** What an ideal channel would have claimed, J: lowest and highest. */
const idealOf = (
  series: Series,
  trace: PowerPrefix,
  filter: SensorModel,
  ends: readonly [number, number],
): readonly [number, number] => idealJ(shownIn(series, ...ends, filter.updateNs), trace, filter);
const filterOf = (windowMs: number, delayMs: number): KnownSensor => ({
  ...{ updateNs: 100 * MS, windowNs: windowMs * MS, delayNs: delayMs * MS },
  ...{ windowUNs: 5 * MS, delayUNs: 25 * MS },
  origin: "stated",
});
const traceOf = (...points: readonly (readonly [s: number, watts: number])[]): PowerPrefix =>
  new PowerPrefix(
    Float64Array.from(points, ([s]) => s * S),
    Float64Array.from(points, ([, watts]) => watts),
  );

describe("the fit", () => {
  /** Levels of 60 to 90 ms at random between 100 and 400 W, a point each millisecond, 20 s. */
  const r = random(11, "levels");
  const levels: number[] = [];
  while (levels.length < 20_000)
    levels.push(...new Array<number>(60 + r.integer(30)).fill(100 + 300 * r.uniform()));
  const watts = Float64Array.from(levels.slice(0, 20_000));
  const atMs = watts.map((_, ms) => ms * MS);
  let trace: PowerPrefix;
  beforeAll(() => {
    trace = new PowerPrefix(atMs, watts);
  });
  /** What a channel shows: the mean of so many ms, so late, renewed every 50 ms; read each 2 ms. */
  const channel = (windowMs: number, delayMs: number, of = trace, shiftNs = 0): Series =>
    new Series(
      readsOf(every(2 * MS, 2 * S, 18 * S), (t) => {
        const end = Math.floor(t / (50 * MS)) * 50 * MS - delayMs * MS - shiftNs;
        return of.meanW(end - windowMs * MS, end);
      }),
    );

  test.each([
    [60, 20],
    [42, 6],
    [127, 33],
    [77, 90],
    [92, 3],
  ])("between the grid's points: a window of %i ms, %i ms late, to a millisecond", (w, d) => {
    const { windowNs, delayNs, gain, offsetW, r2 } = fitFilter(
      channel(w, d).updates,
      trace,
      undefined,
    )!;
    // An update lies half-way between two reads, a millisecond before the one that shows it.
    expect(Math.abs(delayNs / MS - (d - 1))).toBeLessThanOrEqual(0.5);
    expect(Math.abs(windowNs / MS - w)).toBeLessThanOrEqual(1);
    expect(gain).toBeCloseTo(1, 2);
    expect(Math.abs(offsetW)).toBeLessThan(2);
    expect(r2).toBeGreaterThan(0.999);
  });

  test("no window is shorter than a millisecond, and a host's stamp may be late: a delay below zero", () => {
    const { windowNs } = fitFilter(channel(0.1, 20).updates, trace, undefined)!;
    expect(windowNs / MS).toBeGreaterThanOrEqual(1);
    expect(windowNs / MS).toBeLessThan(5);
    expect(
      fitFilter(channel(60, 0, trace, -15 * MS).updates, trace, undefined)!.delayNs / MS,
    ).toBeCloseTo(-16, 0);
  });

  test("on a load that all but repeats, far from where the search begins", () => {
    // 25 ms up in each 83 ms, from 50 W by some 150 to 250.
    const heights = Array.from({ length: 250 }, () => 150 + 100 * r.uniform());
    const pulses = new PowerPrefix(
      atMs,
      watts.map((_, ms) => 50 + (ms % 83 < 25 ? heights[Math.floor(ms / 83)]! : 0)),
    );
    const { windowNs, delayNs, fitted } = fitFilter(
      channel(20, 240, pulses).updates,
      pulses,
      undefined,
    )!;
    expect(fitted).toBe(true);
    expect(Math.abs(delayNs / MS - 239)).toBeLessThanOrEqual(1);
    expect(Math.abs(windowNs / MS - 20)).toBeLessThanOrEqual(1);
  });

  test("eight updates are enough, seven are not; those after the trace's end do not count", () => {
    const known = filterOf(100, 0);
    const steps = new Series(readsOf(every(0.1 * S, 2 * S, 3 * S), (t) => t));
    expect(steps.tNs.length).toBe(10);
    const upTo = (s: number): boolean => {
      const points = Math.round(s * 1000) + 1;
      const cut = new PowerPrefix(atMs.subarray(0, points), watts.subarray(0, points));
      return fitFilter(steps.updates, cut, known) !== undefined;
    };
    // Updates at 2.05, 2.15, … 2.85 s: the eighth is at 2.75, and a stamp may be 0.1 s late.
    expect([upTo(2.85), upTo(2.849)]).toEqual([true, false]);
    // The trace reaches back 1.8 s from the second of them on, and then from the third.
    const from = (ms: number): boolean =>
      fitFilter(steps.updates, new PowerPrefix(atMs.subarray(ms), watts.subarray(ms)), known) !==
      undefined;
    expect([from(350), from(351)]).toEqual([true, false]);
  });

  test("the period is the median of the updates' distances", () => {
    // 100 ms apart but for two of 300; stamps once go back.
    const at = [2, 2.1, 2.2, 2.5, 2.6, 2.7, 3, 3.1, 2.95, 3.05, 3.15, 3.25].map((s) => s * S);
    const fit = fitFilter(new Series(readsOf(at, (t) => t)).updates, trace, filterOf(100, 0))!;
    expect(fit.updateNs).toBe(100 * MS); // of the table
    const fitted = fitFilter(channel(60, 20).updates, trace, undefined)!;
    expect(fitted.updateNs).toBeCloseTo(50 * MS, 6);
  });
});

describe("what an ideal channel would have claimed", () => {
  /** 10 W a second from 0 on, 20 s. */
  const ramp = (): PowerPrefix => traceOf([0, 0], [20, 200]);
  const second = filterOf(1000, 0);

  test("before its first read and after its last a channel holds what it shows", () => {
    // Reads at 5, 6, 7 s show means of the second before updates at 4.95 (half a period old), 5.5 and 6.5 s: 44.5, 50 and 60 W.
    const series = new Series(readsOf([5 * S, 6 * S, 7 * S], (t) => t));
    const of = (a: number, b: number): number => idealOf(series, ramp(), second, [a * S, b * S])[0];
    expect(of(3, 5)).toBeCloseTo(2 * 44.5, 9);
    expect(of(3, 6)).toBeCloseTo(2 * 44.5 + (44.5 + 50) / 2, 9);
    expect(of(7, 9)).toBeCloseTo(2 * 60, 9);
    expect(of(6.5, 9)).toBeCloseTo((55 + 60) / 4 + 2 * 60, 9);
    expect(of(5, 7)).toBeCloseTo((44.5 + 50) / 2 + (50 + 60) / 2, 9);
    expect(of(5.5, 6.5)).toBeCloseTo(((44.5 + 50) / 2 + 50) / 4 + (50 + 55) / 4, 9);
    expect(of(5.2, 5.4)).toBeCloseTo(0.2 * (44.5 + 0.3 * 5.5), 9);
  });

  test("of no reads nothing is claimed", () => {
    expect(idealOf(new Series(readsOf([], () => 0)), ramp(), second, [1 * S, 2 * S])).toEqual([
      0, 0,
    ]);
  });

  test("a filter that looks back beyond the trace for its delay alone does not know the power", () => {
    // Half of [0.95, 1.05] s lies before the trace, which begins with 100 W and rises to 300.
    const late = traceOf([1, 100], [9, 100], [9.001, 300], [20, 300]);
    const series = new Series(readsOf([1.45 * S, 1.55 * S, 1.65 * S], (t) => t));
    const [low, high] = idealOf(series, late, filterOf(100, 350), [1.45 * S, 1.45 * S + 2]);
    expect(low / 2e-9).toBeCloseTo(0.5 * 100 + 0.5 * 100, 4);
    expect(high / 2e-9).toBeCloseTo(0.5 * 100 + 0.5 * 300, 4);
    const [a, b] = idealOf(series, late, filterOf(100, 250), [1.45 * S, 1.45 * S + 2]);
    expect([a / 2e-9, b / 2e-9]).toEqual([expect.closeTo(100, 4), expect.closeTo(100, 4)]);
  });
});

describe("what a strobe could have claimed", () => {
  test("on a ramp the first phase the least, the last the most", () => {
    // 20 phases of a 100 ms clock, 20 samples each in 2 s: at t0 + k · 5 ms + j · 100 ms, less half the window.
    const ramp = traceOf([0, 0], [20, 200]);
    const mean = (k: number, windowS: number): number =>
      10 * (5 + k * 0.005 + 9.5 * 0.1 - windowS / 2);
    for (const windowS of [0, 0.04])
      expect(strobeRangeJ(ramp, 5 * S, 7 * S, 100 * MS, windowS * S)).toEqual([
        expect.closeTo(2 * mean(0, windowS), 6),
        expect.closeTo(2 * mean(19, windowS), 6),
      ]);
    // The other way round on one that falls.
    const fall = traceOf([0, 200], [20, 0]);
    expect(strobeRangeJ(fall, 5 * S, 7 * S, 100 * MS, 0)).toEqual([
      expect.closeTo(2 * (200 - mean(19, 0)), 6),
      expect.closeTo(2 * (200 - mean(0, 0)), 6),
    ]);
  });

  test("nothing before the window or at its end is sampled", () => {
    const within = traceOf([0, 100], [0.9999, 100], [1, 300], [2.9999, 300], [3, 500], [9, 500]);
    const [low, high] = strobeRangeJ(within, 1 * S, 3 * S, 100 * MS, 0);
    expect([low, high]).toEqual([expect.closeTo(600, 6), expect.closeTo(600, 6)]);
  });

  test("a window shorter than the clock is seen by the phases that fall into it", () => {
    const step = traceOf([0, 100], [9, 100], [9.001, 700], [20, 700]);
    // 30 ms of 100: the first six phases, from the begin on each 5 ms.
    expect(strobeRangeJ(step, 5 * S, 5.03 * S, 100 * MS, 0)).toEqual([
      expect.closeTo(3, 9),
      expect.closeTo(3, 9),
    ]);
  });

  test("late in a run as well: its length counts, not its place", () => {
    const level = traceOf([0, 100], [1, 100]);
    const at = 2e7 * S;
    expect(strobeRangeJ(level, at, at + 10 * S, 20 * MS, 0)).toEqual([
      expect.closeTo(1000, 6),
      expect.closeTo(1000, 6),
    ]);
  });
});
