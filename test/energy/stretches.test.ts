// A channel's good reads, and where its stamps jump by more than a late read explains.

import { describe, expect, test } from "@jest/globals";
import { GoodReads } from "../../energy/claims/stretches.ts";
import { readsOf } from "../support/telemetry.ts";

const MS = 1e6;
const good = (atMs: readonly number[], value: (ms: number, i: number) => number = (ms) => ms) =>
  new GoodReads(readsOf(atMs.map((ms) => ms * MS), (t) => value(t / MS, atMs.indexOf(t / MS)))); // prettier-ignore
/** Reads 10 ms apart, but for the steps that are told: before which read, and how long, ms. */
function steps(n: number, told: Readonly<Record<number, number>>): number[] {
  let at = 1000;
  return Array.from({ length: n }, (_, i) => (i === 0 ? at : (at += told[i] ?? 10)));
}

test("good reads keep their places in the series", () => {
  const reads = good([0, 10, 20, 30, 40], (ms, i) => (i === 1 || i === 3 ? NaN : ms));
  expect([...reads.tNs].map((t) => t / MS)).toEqual([0, 20, 40]);
  expect([0, 1, 2].map((k) => reads.indexOf(k))).toEqual([0, 2, 4]);
});

test("a place is known to a read and an update of the value, or two reads where that is faster", () => {
  const of = (value: (ms: number) => number): number[] => {
    const { periodNs, resolutionNs } = good(steps(60, {}), value);
    return [periodNs / MS, resolutionNs / MS];
  };
  expect(of((ms) => Math.floor(ms / 50))).toEqual([10, 60]);
  expect(of((ms) => ms)).toEqual([10, 20]);
  expect(of(() => 7)[0]).toBe(10);
});

describe("stretches", () => {
  const cuts = (told: Readonly<Record<number, number>>, n = 60): number[][] =>
    good(steps(n, told)).stretches().map((s) => [s.from, s.to, s.jumpNs / MS]); // prettier-ignore

  test("without a jump all is one", () => {
    expect(cuts({})).toEqual([[0, 60, 0]]);
    expect(good([]).stretches()).toEqual([{ from: 0, to: 0, jumpNs: 0 }]);
  });

  test("end where stamps jump by more than two resolutions beyond a step, on or back", () => {
    // Two resolutions of two reads: 40 ms.
    expect(cuts({ 20: 50 })).toHaveLength(1);
    expect(cuts({ 20: 51 })).toEqual([[0, 20, 0], [20, 60, 41]]); // prettier-ignore
    expect(cuts({ 20: -30 })).toHaveLength(1);
    expect(cuts({ 20: -31, 40: 500 })).toEqual([[0, 20, 0], [20, 40, -41], [40, 60, 490]]); // prettier-ignore
  });

  test("of many jumps the 32 largest cut, of equals the earlier", () => {
    const told = Object.fromEntries(Array.from({ length: 34 }, (_, k) => [5 * (k + 1), 100]));
    const from = (changed: Readonly<Record<number, number>>): number[] =>
      cuts({ ...told, ...changed }, 200).map(([at]) => at!);
    const all = Array.from({ length: 35 }, (_, k) => 5 * k);
    expect(from({})).toEqual(all.slice(0, 33));
    // The last is larger, and the third the least.
    expect(from({ 170: 200, 15: 90 })).toEqual(all.filter((at) => at !== 15 && at !== 165));
    expect(from({ 170: -200 })).toEqual(all.filter((at) => at !== 160 && at !== 165));
  });
});
