// Of every term: its type, and where its own rule ends.

import { describe, expect, test } from "@jest/globals";
import type { DaqClock } from "../../align/clocks/segments.ts";
import { Budget } from "../../energy/budget/budget.ts";
import { shiftedEnds } from "../../energy/budget/clocks.ts";
import type { BudgetTerm } from "../../energy/budget/term.ts";
import { outsideOf } from "../../energy/unobserved.ts";
import type { Window } from "../../energy/window.ts";
import type { RowField } from "../../schema/records.ts";
import type { Rig } from "../../schema/rig.ts";
import { clockModel, clockOf } from "../support/clocks.ts";
import { powerRail, rigOf, sensor } from "../support/rig.ts";
import { integralsOf, type Piece, runsOf } from "../support/rows.ts";

const HZ = 1000;
const FINE = { perCount: 1e-9 };

interface Case {
  readonly rig?: Rig;
  readonly w: (s: number) => number;
  readonly pieces?: readonly Piece[];
  readonly window: readonly [number, number];
  readonly uNs?: number;
  readonly clock?: DaqClock;
  readonly fields?: readonly RowField[];
}

function termsOf(c: Case): { terms: readonly BudgetTerm[]; outsideJ: number } {
  const { rig = rigOf({ rails: [powerRail("a", FINE)] }), uNs = 0 } = c;
  const clock = c.clock ?? clockOf([clockModel(HZ), 0, 6000]);
  const [t0Ns, t1Ns] = [c.window[0] * 1e9, c.window[1] * 1e9];
  const w: Window = { name: "w", kind: "mark", t0Ns, t1Ns, u0Ns: uNs, u1Ns: uNs };
  const shifted = shiftedEnds(w, clock);
  const runs = runsOf(HZ, c.pieces ?? [{ from: 0, to: 6001 }], (s) =>
    rig.rails.map(() => ({ w: c.w(s), v: 12, i: c.w(s) / 12 })),
  );
  const s = integralsOf(rig, runs, [t0Ns, t1Ns, ...shifted.offset, ...shifted.rate]);
  const layout = { stream: "main", rowBytes: 16, fields: c.fields ?? [] };
  const budget = new Budget(rig, layout, clock, {
    load: { meanW: 0, sdW: 0, bridgeErrorW: (lengthS) => 20 * lengthS },
    noise: { rowW: 0.04, meanU: (lengthS) => 0.1 / lengthS, runU: 1e-3, dof: 30 },
    runS: 6,
  });
  budget.of(w, s);
  return { terms: budget.terms(), outsideJ: outsideOf(w, s).energyJ };
}
const sizeOf = (c: Case, term: string): number =>
  termsOf(c).terms.find((t) => t.term === term)?.contributionJ ?? 0;

test("what rests on statistics of the run is of type A, all else of type B", () => {
  const voltage = sensor("v", { perCount: 1, gainU: 0.1, offsetU: 1 });
  const current = sensor("i", {
    ...{ perCount: 1, gainU: 0.1, offsetU: 1, codeErrors: { table: [], u: 1 } },
    disciplined: { pivot: 1, levelU: 1, slopeU: 1, driftU: 1 },
  });
  const rig = rigOf({
    rails: [
      { name: "a", voltage, current },
      { name: "b", current: sensor("j"), assumedVoltage: { valueV: 12, u: 1 } },
    ],
    missingRails: [{ name: "slot", maxPowerW: 75 }],
  });
  const model = (uOffsetNs: number) => clockModel(HZ, { uOffsetNs, uRate: 1e-3 });
  const c: Case = {
    ...{
      rig,
      w: (s) => 100 + 40 * s + (Math.round(s * 1000) % 2),
      window: [1.0004, 6.5],
      uNs: 1e6,
    },
    pieces: [
      { from: 0, to: 2001 },
      { from: 2200, to: 6001 },
    ],
    clock: clockOf([model(1e6), 0, 2000], [model(2e6), 2200, 6000]),
  };
  const types = new Map(termsOf(c).terms.map((t) => [t.term, t.type]));
  const a = [
    "noise",
    "noise (mean of the run)",
    "gaps",
    "a current level to reference",
    "a current slope to reference",
  ];
  const b = [
    ...["voltage", "current"].flatMap((q) =>
      ["gain", "offset", "quantisation"].map((t) => `a ${q} ${t}`),
    ),
    ...["a current code errors", "a current drift", "b assumed voltage"],
    ...["clock offset", "clock rate", "clock between segments", "sampling (steps between rows)"],
    ...["window edges (sampling)", "window edges (marks)", "not observed"],
  ];
  for (const term of a) expect([term, types.get(term)]).toEqual([term, "A"]);
  for (const term of b) expect([term, types.get(term)]).toEqual([term, "B"]);
});

test("a sensor is quantised by its own field, by that of no other", () => {
  const of = (name: string, kind: RowField["kind"]): RowField => ({
    name,
    bitOffset: 0,
    bits: 16,
    kind,
  });
  const rig = rigOf({ rails: [powerRail("a", { perCount: 0.1 })] });
  const c: Case = { rig, w: () => 100, window: [1, 5] };
  const expected = (0.1 / Math.sqrt(12)) * 4;
  const fields = [of("other", "float"), of("ap", "uint"), of("last", "float")];
  expect(sizeOf({ ...c, fields }, "a power quantisation")).toBeCloseTo(expected, 9);
  const float = [of("other", "uint"), of("ap", "float"), of("last", "uint")];
  expect(sizeOf({ ...c, fields: float }, "a power quantisation")).toBe(0);
  // Of a field that the stream does not have, one count.
  expect(sizeOf(c, "a power quantisation")).toBeCloseTo(expected, 9);
});

describe("a window without a length", () => {
  test("has no Joules, and no rule divides by its length", () => {
    for (const { contributionJ } of termsOf({ w: () => 100, window: [2, 2], uNs: 1e6 }).terms)
      expect(contributionJ).toBeGreaterThan(0);
    const marks = sizeOf({ w: () => 100, window: [2, 2], uNs: 1e6 }, "window edges (marks)");
    expect(marks).toBeCloseTo(Math.SQRT2 * 100 * 1e-3, 9);
  });
});

describe("a clock of two segments", () => {
  const pieces = [
    { from: 0, to: 2001 },
    { from: 3000, to: 6001 },
  ];
  const clock = (known: object): DaqClock =>
    clockOf([clockModel(HZ, known), 0, 2000], [clockModel(HZ, known), 3000, 6000]);

  test("each end moves the worse way", () => {
    // 500 W before 1 s and after 5 s, else 100: earlier at the begin, later at the end.
    const w = (s: number): number => (s < 1 || s > 5 ? 500 : 100);
    const c: Case = { w, window: [1, 5], pieces, clock: clock({ uOffsetNs: 20e6 }) };
    expect(sizeOf(c, "clock offset") / (500 * 0.02 * Math.SQRT2)).toBeCloseTo(1, 1);
  });

  test("a pause counts for windows that hold a part of it, at the power of its bridge", () => {
    const w = (s: number): number => (s <= 2 ? 100 : 300);
    const c = { w, pieces, clock: clock({ uOffsetNs: 4e6 }) };
    const term = "clock between segments";
    expect(sizeOf({ ...c, window: [1, 5] }, term)).toBeCloseTo(200 * Math.SQRT2 * 4e-3, 6);
    expect(sizeOf({ ...c, window: [0.5, 1.5] }, term)).toBe(0);
    expect(sizeOf({ ...c, window: [3.5, 4.5] }, term)).toBe(0);
  });

  test("of three segments only the pause inside counts", () => {
    const three = clockOf(
      [clockModel(HZ, { uOffsetNs: 4e6 }), 0, 1000],
      [clockModel(HZ, { uOffsetNs: 3e6 }), 1500, 3000],
      [clockModel(HZ, { uOffsetNs: 12e6 }), 4000, 6000],
    );
    const all = [
      { from: 0, to: 1001 },
      { from: 1500, to: 3001 },
      { from: 4000, to: 6001 },
    ];
    const c = { w: () => 100, pieces: all, clock: three };
    const term = "clock between segments";
    expect(sizeOf({ ...c, window: [0.5, 2] }, term)).toBeCloseTo(100 * 5e-3, 6);
    expect(sizeOf({ ...c, window: [2, 5] }, term)).toBeCloseTo(100 * Math.hypot(3e-3, 12e-3), 6);
    expect(sizeOf({ ...c, window: [0.5, 5] }, term)).toBeCloseTo(
      100 * Math.hypot(5e-3, 3e-3, 12e-3),
      6,
    );
  });

  test("where no gap is bridged, at the mean of what was observed", () => {
    // Rows without a gap between them, the device's clock started again.
    const c: Case = {
      ...{ w: () => 80, window: [1, 5], pieces: [{ from: 0, to: 6001 }] },
      clock: clockOf(
        [clockModel(HZ, { uOffsetNs: 5e6 }), 0, 2000],
        [clockModel(HZ, { uOffsetNs: 5e6 }), 2001, 6000],
      ),
    };
    expect(sizeOf(c, "clock between segments")).toBeCloseTo(80 * Math.SQRT2 * 5e-3, 6);
  });

  test("a rate moves an end by its distance from the reference, whichever side it lies", () => {
    const known = { uRate: 1e-3, refNs: 4e9, refDevice: 4000 };
    const one = clockOf([clockModel(HZ, known), 0, 6000]);
    // 3 and 1 s off: the window is longer or shorter by 4 ms.
    const c: Case = { w: () => 70, window: [1, 5], clock: one };
    expect(sizeOf(c, "clock rate")).toBeCloseTo(70 * 4e-3, 9);
    const shifted = shiftedEnds(
      { name: "w", kind: "mark", t0Ns: 1e9, t1Ns: 5e9, u0Ns: 0, u1Ns: 0 },
      one,
    );
    expect(shifted.rate).toEqual([1.003e9, 4.999e9, 0.997e9, 5.001e9]);
    expect(shifted.offset).toEqual([1e9, 5e9, 1e9, 5e9]);
  });
});

describe("what lies outside the trace", () => {
  test("a millisecond is a hole, less than a microsecond is rounding", () => {
    const c = (end: number): Case => ({ w: () => 100, window: [1, end] });
    expect(termsOf(c(6.001)).outsideJ).toBeCloseTo(0.1, 9);
    expect(termsOf(c(6 + 0.8e-6)).outsideJ).toBe(0);
    expect(termsOf(c(6 + 1.2e-6)).outsideJ).toBeCloseTo(1.2e-4, 9);
  });

  test("a window that the trace does not touch is not made up", () => {
    expect(termsOf({ w: () => 100, window: [7, 9] }).outsideJ).toBe(0);
    expect(sizeOf({ w: () => 100, window: [7, 9] }, "not observed")).toBe(0);
  });
});
