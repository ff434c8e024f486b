// A made run of 1 kHz, compared: what goes into the document from where, each window with its own figures.

import { describe, expect, test } from "@jest/globals";
import { compare, type CompareOptions, prepare } from "../../energy/compare.ts";
import type { Comparison, Prepared } from "../../energy/result.ts";
import { finding } from "../../schema/findings.ts";
import { clockModel, clockOf } from "../support/clocks.ts";
import { type MadeRun, withRun } from "../support/made-run.ts";
import { every } from "../support/telemetry.ts";

const flat = (watts: number) => (): number => watts;
const compared = (
  run: MadeRun,
  o: CompareOptions = {},
  edit = (p: Prepared): Prepared => p,
): Comparison => withRun(run, (path) => compare(edit(prepare(path)), o));

/** A GPU's power, read each 10 ms. */
const GPU = (watts: number, seconds: number): NonNullable<MadeRun["telemetry"]> => [
  {
    channel: { name: "nvml.power_usage", quantity: "power", unit: "W" },
    atS: every(0.01, 0, seconds),
    value: flat(watts),
  },
];

test("windows in the order of the list, each with its Joules, what telemetry claims, and its summary", () => {
  const windows = [["b", 2, 3], ["a", 0.5, 2.5], ["a", 3, 3.5]] as const; // prettier-ignore
  const c = compared({ seconds: 4, powerW: flat(100), windows, telemetry: GPU(90, 4) });
  expect(c.windows.map(({ window, physical }) => [window.name, physical!.energyJ])).toEqual([
    ["session", expect.closeTo(400, 6)],
    ["a-1", expect.closeTo(200, 6)],
    ["b-1", expect.closeTo(100, 6)],
    ["a-2", expect.closeTo(50, 6)],
  ]);
  const [plain] = c.windows[1]!.telemetry;
  expect(plain).toMatchObject({ channel: "nvml.power_usage", method: "trapezoid" });
  expect(plain!.energyJ).toBeCloseTo(180, 6);
  expect(plain!.errorPct).toBeCloseTo(-10, 6);
  expect(c.byName.map(({ name, n, totalJ }) => [name, n, totalJ])).toEqual([
    ["a", 2, expect.closeTo(250, 6)],
    ["b", 1, expect.closeTo(100, 6)],
  ]);
  // 0 … 0.5 and 3.5 … 4 s.
  expect(c.idle?.powerW).toBeCloseTo(100, 6);
  expect(c.windows[1]!.physical!.operationalJ).toBeCloseTo(0, 6);
  expect(c.counts).toMatchObject({ rows: 4001, gaps: 0 });
  expect([c.kernels, c.list.count, c.figures!.energyJ.length]).toEqual([null, 4, 4]);
});

test("who asks for a window's name, for every row, or for progress, gets it", () => {
  let rows = 0;
  const done: number[] = [];
  compared(
    { seconds: 2, powerW: flat(100) },
    { onRun: (r) => (rows += r.to - r.from), onProgress: (at, of) => done.push(at / of) },
  );
  expect(rows).toBe(2001);
  expect(done.at(-1)).toBe(1);
});

test("marks that do not pair are said, and the run is degraded by them", () => {
  const c = compared({ seconds: 2, powerW: flat(100), windows: [["a", 1, 1.5]] }, {}, (p) => ({
    ...p,
    pairing: [finding("marks-unpaired", "x", "1 x end mark", 1)],
  }));
  expect(c.findings.map((f) => f.code)).toContain("marks-unpaired");
  expect(c.warnings).toContain("1 x end mark");
  expect(c.degraded).toBe(true);
});

test("beyond 64 windows nobody forecasts a strobe", () => {
  const windows = Array.from({ length: 66 }, (_, i) => [`w${i}`, 0.1 + i * 0.01, 2.9] as const);
  const { windows: results } = compared({ seconds: 3, powerW: flat(100), windows });
  expect(results).toHaveLength(67);
  // 100 W, whatever the phase.
  const forecast = [expect.closeTo(100 * (2.9 - 0.1), 6), expect.closeTo(100 * (2.9 - 0.1), 6)];
  expect(results[1]!.strobe!.counterJ).toEqual(forecast);
  expect(results.map((w) => w.strobe !== null)).toEqual(results.map((_, i) => i < 64));
});

describe("windows that are in doubt", () => {
  test("across a restart, and as near to it as its two ends are known", () => {
    // The device pauses from 1.999 to 2.5 s, and either end may lie 10 ms elsewhere: 20 ms with k = 2.
    const model = clockModel(1000, { uOffsetNs: 10e6 });
    const next = { ...model, refNs: model.refNs + 0.5e9 };
    const daq = clockOf([model, 0, 1999], [next, 2000, 4000]);
    const windows = [["near", 1.5, 1.98], ["far", 1.5, 1.978], ["after", 2.519, 3], ["late", 2.521, 3], ["across", 1, 3]] as const; // prettier-ignore
    const { windows: results } = compared({ seconds: 4, powerW: flat(100), windows }, {}, (p) => ({
      ...p,
      clocks: { ...p.clocks, daq },
    }));
    const doubted = results.filter(({ window: w }) =>
      w.doubts?.some((d) => d.code === "window-across-restart"),
    );
    expect(doubted.map(({ window: w }) => w.name).sort()).toEqual([
      ...["across-1", "after-1", "near-1", "session"],
    ]);
  });

  test("where it reaches beyond the trace", () => {
    const windows = [["in", 0.5, 1.9], ["out", 1, 3]] as const; // prettier-ignore
    const c = compared({ seconds: 2, powerW: flat(100), windows });
    expect(c.windows.map(({ window: w }) => w.doubts?.map((d) => d.code))).toEqual([
      ...[undefined, undefined, ["window-unobserved"]],
    ]);
    expect(c.findings.map((f) => f.code)).toContain("window-unobserved");
  });
});

describe("kernels", () => {
  const kernels = [
    ["long", 1, 1.5],
    ["short", 1.6, 1.601],
    ["long", 2, 3],
  ] as const;
  const run: MadeRun = {
    ...{ seconds: 4, powerW: flat(100), kernels, telemetry: GPU(90, 4) },
    windows: [["a", 0.5, 3.5]],
  };

  test("all have Joules; those of two rows or more have a window, and their budgets speak for the name", () => {
    const c = compared(run);
    const { energyJ, rows, byName } = c.kernels!;
    expect([...energyJ]).toEqual([50, 0.1, 100].map((j) => expect.closeTo(j, 9)));
    expect(rows).toEqual([0, 2]);
    const own = c.windows.filter((w) => w.window.kind === "kernel");
    expect(own.map(({ physical }) => physical!.energyJ)).toEqual([
      expect.closeTo(50, 6),
      expect.closeTo(100, 6),
    ]);
    // No telemetry speaks of a kernel.
    expect(own.map((w) => w.telemetry)).toEqual([[], []]);
    expect(c.windows[1]!.telemetry).not.toEqual([]);
    const sumU = own.reduce((u, { physical }) => u + physical!.expandedUncertaintyJ, 0);
    const [long, short] = byName;
    expect(long).toMatchObject({ name: "long", count: 2, tooShort: 0 });
    expect(long!.expandedUncertaintyJ).toBeCloseTo(sumU, 9);
    expect(short).toMatchObject({
      name: "short",
      count: 1,
      tooShort: 1,
      expandedUncertaintyJ: null,
    });
  });

  test("without a rig or a clock nothing physical is known: no figures, no Joules, no kernels", () => {
    for (const edit of [
      (p: Prepared) => ({ ...p, scan: { ...p.scan, rig: null } }),
      (p: Prepared) => ({ ...p, clocks: { ...p.clocks, daq: null } }),
    ]) {
      const c = compared(run, {}, edit);
      expect([c.kernels, c.figures, c.counts, c.idle]).toEqual([null, null, null, null]);
      expect(c.windows[1]!.physical).toBeNull();
      expect(c.byName.map(({ name, withoutEnergy }) => [name, withoutEnergy])).toEqual([["a", 1]]);
    }
  });
});
