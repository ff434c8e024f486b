// Which windows touch a stretch in which the trace is not to be trusted, and which reach beyond what was observed.

import { describe, expect, test } from "@jest/globals";
import { Doubts } from "../../energy/doubts.ts";
import type { Window } from "../../energy/window.ts";
import { observed } from "../../schema/findings.ts";

type Stretches = readonly (readonly [number, number])[];
const window = (t0Ns: number, t1Ns: number): Window => ({
  ...{ name: "w", kind: "mark", t0Ns, t1Ns, u0Ns: 0, u1Ns: 0 },
});
const codes = (d: Doubts, t0Ns: number, t1Ns: number): string[] =>
  d.of(window(t0Ns, t1Ns)).map((o) => o.code);

test("what holds everywhere is every window's reason, and told once of the run", () => {
  const all = observed("window-undersampled", "too slow");
  const doubts = new Doubts({ clipped: [[10, 20]], everywhere: [all] });
  expect(doubts.everywhere).toEqual([all]);
  expect(doubts.on(window(0, 5)).doubts).toEqual([all]);
  expect(doubts.allOf(window(12, 13)).map((o) => o.code)).toEqual([
    "window-undersampled",
    "window-clipped",
  ]);
  expect(codes(doubts, 0, 5)).toEqual([]);
});

describe("stretches that are clipped", () => {
  const touches = (list: Stretches, from: number, to: number): boolean =>
    codes(new Doubts({ clipped: list }), from, to).length > 0;

  test("a window touches one from its first to its last instant", () => {
    const list: Stretches = [[10, 20], [40, 50]]; // prettier-ignore
    const windows = [[0, 9], [0, 10], [12, 13], [20, 30], [21, 39], [30, 40], [50, 60], [51, 60]] as const; // prettier-ignore
    expect(windows.map(([a, b]) => touches(list, a, b))).toEqual([
      ...[false, true, true, true, false, true, true, false],
    ]);
  });

  test("in any order, and inside one another", () => {
    const list: Stretches = [[200, 300], [10, 20], [0, 100]]; // prettier-ignore
    expect(touches(list, 50, 60)).toBe(true);
    expect(touches(list, 101, 199)).toBe(false);
    expect(touches(list, 250, 251)).toBe(true);
    expect(touches([], 0, 1e9)).toBe(false);
  });
});

test("a window has every reason to doubt it, its own first; without any it stays as it is", () => {
  const doubts = new Doubts({ clipped: [[10, 20]], pauses: [[30, 40]] });
  const own = observed("window-edge-missing", "no edge");
  const w = window(0, 50);
  expect(codes(doubts, 15, 16)).toEqual(["window-clipped"]);
  expect(codes(doubts, 35, 36)).toEqual(["window-across-restart"]);
  expect(doubts.on({ ...w, doubts: [own] })).toEqual({
    ...w,
    doubts: [own, ...doubts.of(w)],
  });
  expect(doubts.of(w).map((o) => o.code)).toEqual(["window-clipped", "window-across-restart"]);
  const sound = window(21, 29);
  expect(doubts.on(sound)).toBe(sound);
});

describe("beyond what was observed", () => {
  const doubts = new Doubts({ observed: [100e9, 1000e9] });
  const said = (fromS: number, toS: number): string[] =>
    doubts.of(window(fromS * 1e9, toS * 1e9)).map((o) => `${o.code}: ${o.text}`);
  const says = (parts: string): string[] => [
    `window-unobserved: it reaches ${parts}: what lies there was not observed`,
  ];

  test("a tenth of a window may be, and no more", () => {
    expect(said(99.5, 104.5)).toEqual([]);
    expect(said(99.4, 104.4)).toEqual(says("0.600 s before the recording"));
    expect(said(996, 1000.5)).toEqual(says("0.500 s beyond its end"));
    expect(said(996, 1000.4)).toEqual([]);
  });

  test("a second of a long one may be, and no more", () => {
    expect(said(99, 200)).toEqual([]);
    expect(said(98.9, 200)).toEqual(says("1.10 s before the recording"));
    expect(said(900, 1001)).toEqual([]);
  });

  test("both ends count together", () => {
    expect(said(99.4, 1000.6)).toEqual(
      says("0.600 s before the recording and 0.600 s beyond its end"),
    );
    expect(said(99.6, 1000.4)).toEqual([]);
  });

  test("long stretches are said in whole seconds", () => {
    expect(said(100, 1250.4)).toEqual(says("250 s beyond its end"));
    expect(said(100, 1099.96)).toEqual(says("100 s beyond its end"));
    expect(said(100, 2500.4)).toEqual(says("1500 s beyond its end"));
  });

  test("where nothing says what was observed, nothing is beyond it", () => {
    expect(new Doubts({}).of(window(0, 1e12))).toEqual([]);
  });
});
