// Side by side, or not at all.

import { expect, test } from "@jest/globals";
import { zip } from "../../stats/zip.ts";

test("two lists in step", () => {
  expect([...zip(["a", "b"], Uint8Array.of(0, 2))]).toEqual([
    ["a", 0],
    ["b", 2],
  ]);
});

test.each([
  [["a"], [1, 2]],
  [["a", "b"], [1]],
])("lists of two lengths have no pairs: %j and %j", (a, b) => {
  expect(() => [...zip<string, number>(a, b)]).toThrow(RangeError);
});
