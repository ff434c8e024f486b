// Bounds of the DAQ's clock by a few bracketed edges, in closed form.

import { describe, expect, test } from "@jest/globals";
import { type BracketedEdge, boundClock, NoSteadyClock } from "../../align/clocks/daq-bounds.ts";
import type { ClockModel } from "../../align/clocks/clock.ts";
import { clockModel } from "../support/clocks.ts";

const S = 1e9;
const INPUT_NS = 500;
/** Rows of a microsecond from 0 s on: a clock without error. */
const model = (known: Partial<ClockModel> = {}): ClockModel => clockModel(1e6, known);
/** An edge at an instant, s; the host's clock is so much ahead of the model there, ns. */
const edge = (s: number, aheadNs = 0, hostHalfNs = 1000, deviceHalfNs = 0): BracketedEdge => ({
  ...{ device: s * 1e6, deviceHalfNs, hostNs: s * S + aheadNs, hostHalfNs },
});
const bounds = (edges: readonly BracketedEdge[], m = model()): number[][] => {
  const { atNs, loNs, hiNs } = boundClock(m, edges);
  return [...atNs].map((at, i) => [at, loNs[i]!, hiNs[i]!]);
};
const near = (x: number): unknown => expect.closeTo(x, 2);

test("one edge: its bracket, its row, and the input, either way", () => {
  expect(bounds([edge(3, 70, 1000, 200)])).toEqual([
    [3 * S, near(70 - 1000 - 200 - INPUT_NS), near(70 + 1000 + 200 + INPUT_NS)],
  ]);
});

test("of a model that wanders what the wander has taken is no error any more", () => {
  const wander = { device: Float64Array.of(0, 4e6), ns: Float64Array.of(0, 400) };
  expect(bounds([edge(3, 70)], model({ wander }))).toEqual([
    [3 * S + 300, near(70 - 300 - 1500), near(70 - 300 + 1500)],
  ]);
});

test("bounds stand at the first edge, at each that is a second on, and at the last", () => {
  const at = (...seconds: readonly number[]): number[] =>
    bounds(seconds.map((s) => edge(s))).map(([t]) => t! / S);
  expect(at(1.4, 0.5, 2.3, 1, 2.1, 0)).toEqual([0, 1, 2.1, 2.3]);
  expect(at(0, 1)).toEqual([0, 1]);
  expect(at(0, 0.3)).toEqual([0, 0.3]);
  expect(at(7)).toEqual([7]);
});

describe("edges around one say where its clock was", () => {
  /** Bounds at 5 s, whose own edge says little, from edges so far to either side. */
  const between = (s: number, before = 0, after = 0): number[] =>
    bounds([edge(5 - s, before), edge(5, 0, 100e3), edge(5 + s, after)]).find(
      ([t]) => t === 5 * S,
    )!;

  test("half-way between them on a straight line, wider by what a changing rate bends it", () => {
    // 0.25 ppm a second: 151 ns over 1.1 s, 281 ns over 1.5 s.
    expect(between(1.1, 40, 60)).toEqual([5 * S, near(50 - 1651.25), near(50 + 1651.25)]);
    expect(between(1.5, 40, 60)).toEqual([5 * S, near(50 - 1781.25), near(50 + 1781.25)]);
  });

  test("up to two seconds away, and no farther", () => {
    expect(between(2)).toEqual([5 * S, near(-2000), near(2000)]);
    expect(between(2.000001)).toEqual([5 * S, near(-100e3 - INPUT_NS), near(100e3 + INPUT_NS)]);
  });

  test("as far as it says more than its own", () => {
    const list = [edge(4, 0, 9000), edge(5, 0, 2000), edge(6, 0, 9000)];
    expect(bounds(list)[1]).toEqual([5 * S, near(-2500), near(2500)]);
  });
});

describe("no steady clock", () => {
  test("changes its rate by more than a two-hundredth", () => {
    // A millisecond apart: 5 µs by the rate, 0.5 µs at either edge.
    const apart = (ns: number) => (): unknown => boundClock(model(), [edge(5, 0, 0), edge(5.001, ns, 0)]); // prettier-ignore
    for (const sign of [1, -1]) {
      expect(apart(sign * 5990)).not.toThrow();
      expect(apart(sign * 6010)).toThrow(NoSteadyClock);
    }
  });

  test("jumps between two edges of one line: told where, and of how many", () => {
    const list = [1, 1.5, 2, 2.5, 3, 3.5].map((s) => edge(s, s > 2.2 ? 30e3 : 0));
    // Around the first lie those up to 3 s.
    expect(() => boundClock(model(), list)).toThrow(
      /^no steady clock passes through the brackets of the 5 trigger edges around 1\.0 s; /,
    );
  });

  test("but a rate that is merely another is steady", () => {
    const list = [1, 1.5, 2, 2.5, 3].map((s) => edge(s, s * 1e6));
    expect(bounds(list).every(([t, lo, hi]) => lo! <= t! / 1000 && t! / 1000 <= hi!)).toBe(true);
  });
});
