// A place that is not there is refused, and said.

import { expect, test } from "@jest/globals";
import { endsOf, neighbours, valueAt } from "../../stats/places.ts";

test("what stands at a place, in lists and columns", () => {
  expect(valueAt(["a", "b"], 1)).toBe("b");
  expect(valueAt(Float64Array.of(0, NaN), 0)).toBe(0);
  expect(valueAt(Float64Array.of(0, NaN), 1)).toBeNaN();
});

test.each([-1, 2, 0.5, NaN])("there is no place %p in two", (place) => {
  expect(() => valueAt(Float64Array.of(5, 6), place)).toThrow(
    new RangeError(`no place ${place} in a list of 2`),
  );
});

test("the ends of one are the same; none has none", () => {
  expect(endsOf([3, 4, 5])).toEqual([3, 5]);
  expect(endsOf([7])).toEqual([7, 7]);
  expect(() => endsOf([])).toThrow(RangeError);
});

test("neighbours, one fewer than there are", () => {
  expect([...neighbours([1, 2, 4])]).toEqual([
    [1, 2],
    [2, 4],
  ]);
  expect([...neighbours([undefined, null])]).toEqual([[undefined, null]]);
  expect([...neighbours([1])]).toEqual([]);
  expect([...neighbours([])]).toEqual([]);
});
