// A clock of several segments: which one a row or an instant belongs to, and what is not known of the pauses between.

import { expect, test } from "@jest/globals";
import {
  clockTotals,
  pausesOf,
  placeColumn,
  placeNs,
  placeUNs,
  segmentAt,
  segmentOf,
  steadyClock,
} from "../../align/clocks/segments.ts";
import { clockModel, clockOf } from "../support/clocks.ts";

const HZ = 1000;
/** Rows 0 … 1000 from 0 s, 3000 … 4000 from 3.5 s, 4000 … 5000 overlapping it by 10 ms. */
const clock = clockOf(
  [clockModel(HZ, { uOffsetNs: 3e6, uRate: 4e-3 }), 0, 1000],
  [clockModel(HZ, { uOffsetNs: 5e6, refDevice: 3000, refNs: 3.5e9 }), 3000, 4000],
  [clockModel(HZ, { uOffsetNs: 1e6, refDevice: 4001, refNs: 4.491e9 }), 4001, 5000],
);
const indexOf = (s: object): number => clock.segments.indexOf(s as (typeof clock.segments)[0]);

test("a row belongs to the last segment that had begun by then, else to the first", () => {
  const rows = [-5, 0, 1000, 2999, 3000, 4000, 4001, 9999];
  expect(rows.map((d) => indexOf(segmentOf(clock, d)))).toEqual([0, 0, 0, 0, 1, 1, 2, 2]);
});

test("an instant between two segments belongs to the one before", () => {
  const at = [-1, 0, 1e9, 3.4e9, 3.5e9, 4.49e9, 4.491e9, 9e9];
  expect(at.map((t) => indexOf(segmentAt(clock, t)))).toEqual([0, 0, 0, 0, 1, 1, 2, 2]);
});

test("rows are placed by their own segment's line, and never go back in time", () => {
  expect([0, 500, 3000, 3500, 4000].map((d) => placeNs(clock, d))).toEqual([
    0, 0.5e9, 3.5e9, 4e9, 4.5e9,
  ]);
  const rows = Float64Array.of(3999, 4000, 4001, 4002, 4011);
  expect([...placeColumn(clock, rows)]).toEqual([4.499e9, 4.5e9, 4.5e9, 4.5e9, 4.501e9]);
  expect([...placeColumn(steadyClock(clockModel(HZ)), Float64Array.of(1, 2))]).toEqual([1e6, 2e6]);
});

test("an instant is as uncertain as its segment's model there", () => {
  expect(placeUNs(clock, 0)).toBe(3e6);
  expect(placeUNs(clock, 1e9)).toBeCloseTo(5e6, 3);
  expect(placeUNs(clock, 3.6e9)).toBe(5e6);
});

test("a pause is as long as the lines say, give or take both its ends", () => {
  const [pause, overlap] = pausesOf(clock);
  expect(pause).toMatchObject({ fromNs: 1e9, toNs: 3.5e9, toUNs: 5e6 });
  // 3 ms of offset and 4e-3 of a second's rate, against 5 ms.
  expect(pause!.fromUNs).toBeCloseTo(5e6, 3);
  expect(pause!.lengthUNs).toBeCloseTo(Math.hypot(5e6, 5e6), 3);
  expect(overlap!.lengthUNs).toBeCloseTo(Math.hypot(5e6, 1e6), 3);
  expect(pausesOf(steadyClock(clockModel(HZ)))).toEqual([]);
});

test("edges of all segments add; their residuals in the mean square", () => {
  const model = (edgesUsed: number, residualRmsNs: number) =>
    clockModel(HZ, {
      ...{ edgesUsed, edgesMissing: 1, edgesExtra: 2, residualRmsNs },
      residuals: Array.from({ length: edgesUsed }, () => ({ tNs: 0, residualNs: 0 })),
    });
  expect(clockTotals(clockOf([model(3, 10), 0, 1], [model(1, 50), 2, 3]))).toEqual({
    ...{ edgesUsed: 4, edgesMissing: 2, edgesExtra: 4 },
    residualRmsNs: Math.sqrt((3 * 100 + 2500) / 4),
  });
  expect(clockTotals(steadyClock(clockModel(HZ))).residualRmsNs).toBe(0);
});
