import { expect, test } from "@jest/globals";
import { random } from "../../stats/random.ts";
import { firstAbove, firstAtOrAfter, firstWhere, nearest } from "../../stats/search.ts";

/** Ascending, with values that repeat, and what is looked for: among them, between them, beyond them. */
function* trials(): Generator<[Float64Array, number]> {
  const r = random(1, "search");
  for (let n = 0; n < 40; n++) {
    const list = Float64Array.from({ length: n }, () => r.integer(20)).sort();
    for (let x = -1; x <= 20.5; x += 0.5) yield [list, x];
  }
}

test("the first of ascending values above, and at or after", () => {
  for (const [list, x] of trials()) {
    const above = list.findIndex((v) => v > x);
    const atOrAfter = list.findIndex((v) => v >= x);
    expect(firstAbove(list, x)).toBe(above < 0 ? list.length : above);
    expect(firstAtOrAfter(list, x)).toBe(atOrAfter < 0 ? list.length : atOrAfter);
  }
});

test("searches keep to the stretch they are given", () => {
  const list = Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  expect(firstAtOrAfter(list, 0, 3)).toBe(3);
  expect(firstAtOrAfter(list, 9, 3, 5)).toBe(5);
  expect(firstAtOrAfter(list, 4.5, 2, 7)).toBe(4);
  expect(firstWhere(2, 5, () => true)).toBe(2);
  expect(firstWhere(2, 5, () => false)).toBe(5);
  expect(firstWhere(5, 5, () => true)).toBe(5);
});

test("the nearest of ascending values, the earlier of two as near", () => {
  for (const [list, x] of trials()) {
    const found = nearest(list, x);
    if (list.length === 0) expect(found).toBe(-1);
    else {
      const least = Math.min(...list.map((v) => Math.abs(v - x)));
      expect(Math.abs(list[found]! - x)).toBe(least);
      expect(list[found]! <= x || !list.includes(x - least)).toBe(true);
    }
  }
});
