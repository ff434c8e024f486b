import { expect, test } from "@jest/globals";
import {
  deviationOf,
  leastOf,
  meanOf,
  mostOf,
  quantileOf,
  rootSquares,
  upperMedian,
} from "../../stats/summary.ts";

test("means, deviations and extremes", () => {
  expect(meanOf([1, 2, 6])).toBe(3);
  expect(deviationOf([1, 2, 6])).toBeCloseTo(Math.sqrt(7), 12);
  expect(rootSquares([3, 4])).toBe(5);
  expect([leastOf([3, 1, 2]), mostOf([3, 1, 2])]).toEqual([1, 3]);
  expect([leastOf([3], 2), mostOf([3], 4)]).toEqual([2, 4]);
});

test("of nothing, or of one, what cannot be said is no number", () => {
  expect(meanOf([])).toBeNaN();
  expect([deviationOf([]), deviationOf([5])]).toEqual([NaN, NaN]);
  expect([leastOf([]), mostOf([]), rootSquares([])]).toEqual([Infinity, -Infinity, 0]);
  expect(upperMedian([])).toBeUndefined();
});

test("the median is the middle one of the numbers, not of the order they come in", () => {
  expect(upperMedian([10, 9, 100])).toBe(10);
  expect(upperMedian([4, 1, 3, 2])).toBe(3);
  const list = [3, 1, 2];
  upperMedian(list);
  expect(list).toEqual([3, 1, 2]);
});

test("quantiles lie on straight lines between neighbours", () => {
  expect([0, 0.25, 0.5, 0.9, 1].map((p) => quantileOf([10, 20, 40], p))).toEqual([
    10, 15, 20, 36, 40,
  ]);
  expect(quantileOf([7], 0.95)).toBe(7);
});

test("a list of a million is no longer than one of three", () => {
  const long = new Float64Array(1_000_000).map((_, i) => i);
  expect([leastOf(long), mostOf(long), upperMedian(long)]).toEqual([0, 999_999, 500_000]);
});
