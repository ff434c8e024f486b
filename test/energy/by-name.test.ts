// What windows of one name have in common, against means, deviations and quantiles worked out by hand.

import { describe, expect, test } from "@jest/globals";
import { MarkTable } from "../../align/mark-table.ts";
import { type NameSummary, spreadOf, summariesByName } from "../../energy/by-name.ts";
import { FigureColumns } from "../../energy/physical.ts";
import { pairMarks, WindowList } from "../../energy/windows.ts";
import { instant } from "../../schema/time.ts";
import { SESSION } from "../support/evidence.ts";

type Marked = readonly [name: string, fromS: number, toS: number];

/** Windows of marks, and each name's Joules in the order of its windows; NaN for one that is not known. */
function summaries(
  marked: readonly Marked[],
  energies: Readonly<Record<string, readonly number[]>> | null,
): readonly NameSummary[] {
  const marks = new MarkTable(SESSION);
  const at = (s: number) => instant<"host">(SESSION.hostEpoch + BigInt(Math.round(s * 1e9)));
  for (const [name, from, to] of marked) {
    const fields = { span: `${from}-${to}` };
    marks.add({ name, phase: "begin", clock: "host", t: at(from), fields }, 1);
    marks.add({ name, phase: "end", clock: "host", t: at(to), fields }, 1);
  }
  const session = {
    name: "session",
    kind: "session",
    t0Ns: 0,
    t1Ns: 9e9,
    u0Ns: 0,
    u1Ns: 0,
  } as const;
  const list = new WindowList(session, pairMarks(marks));
  if (!energies) return summariesByName(list, null);
  const figures = new FigureColumns(list.count);
  const seen: Record<string, number> = {};
  for (let i = 0; i < list.count; i++) {
    // Sums would be seen in any mean.
    const name = list.family(i);
    if (list.isSum(i)) figures.energyJ[i] = 1e6;
    else figures.energyJ[i] = energies[name]![(seen[name] = (seen[name] ?? -1) + 1)]!;
  }
  return summariesByName(list, figures);
}

const THREE: readonly Marked[] = [
  ["a", 0, 1],
  ["b", 0.5, 1],
  ["a", 1, 3],
  ["a", 4, 7],
];

test("mean, deviation, median and 95 % of Joules and seconds", () => {
  const [a, b, ...rest] = summaries(THREE, { a: [60, 10, 20], b: [5] });
  expect(rest).toEqual([]);
  expect(a).toEqual({
    ...{ name: "a", n: 3, withoutEnergy: 0 },
    // Deviations from 30: 30, −20, −10; 95 % lies 0.9 of the way from 20 to 60.
    energyJ: { mean: 30, sd: expect.closeTo(Math.sqrt(1400 / 2), 9), p50: 20, p95: 56 },
    durationS: { mean: 2, sd: expect.closeTo(1, 9), p50: 2, p95: expect.closeTo(2.9, 9) },
    totalJ: 90,
  });
  expect(b).toEqual({
    ...{ name: "b", n: 1, withoutEnergy: 0, totalJ: 5 },
    energyJ: { mean: 5, sd: null, p50: 5, p95: 5 },
    durationS: { mean: 0.5, sd: null, p50: 0.5, p95: 0.5 },
  });
});

test("windows whose Joules are not known count, and are in no mean", () => {
  const [a, b] = summaries(THREE, { a: [NaN, 10, 20], b: [NaN] });
  expect(a).toMatchObject({ n: 3, withoutEnergy: 1, totalJ: 30, energyJ: { mean: 15, p50: 15 } });
  expect(a!.durationS.mean).toBeCloseTo(2, 9);
  expect(b).toMatchObject({ n: 1, withoutEnergy: 1, totalJ: 0, energyJ: null });
});

test("without a physical trace seconds alone are known", () => {
  const found = summaries(THREE, null);
  expect(found.map((s) => [s.name, s.n, s.withoutEnergy, s.energyJ, s.totalJ])).toEqual([
    ["a", 3, 3, null, 0],
    ["b", 1, 1, null, 0],
  ]);
});

test("sums are nobody's repeats: the load from first on to last off, and the session", () => {
  const loads: readonly Marked[] = [["load", 1, 2], ["load", 5, 7]]; // prettier-ignore
  expect(summaries(loads, { load: [10, 30] })).toMatchObject([
    { name: "load", n: 2, totalJ: 40, durationS: { mean: 1.5 } },
  ]);
});

describe("their order", () => {
  const marked: readonly Marked[] = [["x", 0, 1], ["y", 1, 2], ["y", 2, 3], ["z", 3, 4]]; // prettier-ignore
  const order = (energies: Parameters<typeof summaries>[1]): string[] =>
    summaries(marked, energies).map((s) => s.name);

  test("most Joules first", () => {
    expect(order({ x: [1], y: [1, 1], z: [9] })).toEqual(["z", "y", "x"]);
  });

  test("of as many Joules the more frequent", () => {
    expect(order({ x: [2], y: [1, 1], z: [2] })[0]).toBe("y");
    expect(order(null)).toEqual(["y", "x", "z"]);
  });
});

test("values in any order are sorted for their quantiles", () => {
  expect(spreadOf(Float64Array.of(9, 1, 5, 3))).toEqual({
    ...{ mean: 4.5, p50: 4 },
    // 4.5² + 3.5² + 0.5² + 1.5² = 35, and 0.85 of the way from 5 to 9.
    sd: expect.closeTo(Math.sqrt(35 / 3), 12),
    p95: expect.closeTo(8.4, 12),
  });
});
