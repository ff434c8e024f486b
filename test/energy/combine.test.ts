// Sums and differences of windows whose errors are in part the same.

import { expect, test } from "@jest/globals";
import { combinedU } from "../../energy/budget/combine.ts";

const term = (name: string, correlation: 1 | -1 | 0 | null, contributionJ: number) => ({
  term: name,
  correlation,
  contributionJ,
});
const long = [term("gain", 1, 4), term("offset", 1, 1), term("noise", 0, 3)];
const short = [term("gain", 1, 1), term("noise", 0, 0.5)];

test("one window is what it was", () => {
  const { common, independent } = combinedU([{ weight: 1, terms: long }]);
  expect([common, independent]).toEqual([expect.closeTo(Math.sqrt(17), 12), 3]);
});

test("a sum: common errors add, others in quadrature", () => {
  const { common, independent } = combinedU([
    { weight: 1, terms: long },
    { weight: 1, terms: short },
  ]);
  expect(common).toBeCloseTo(Math.hypot(5, 1), 12);
  expect(independent).toBeCloseTo(Math.hypot(3, 0.5), 12);
});

test("a difference of what is alike: common errors are gone", () => {
  const { common, independent } = combinedU([
    { weight: 1, terms: long },
    { weight: -4, terms: short },
  ]);
  expect(common).toBeCloseTo(1, 12);
  expect(independent).toBeCloseTo(Math.hypot(3, 2), 12);
});

test("an error of the other sign in one of them cancels in the sum, and not in the difference", () => {
  const [rise, fall] = [[term("lag", 1, 3)], [term("lag", -1, 2)]];
  const of = (weight: number) =>
    combinedU([
      { weight: 1, terms: rise },
      { weight, terms: fall },
    ]).common;
  expect([of(1), of(-1)]).toEqual([1, 5]);
});

test("where nobody knows what two errors have to do with each other, they add in both", () => {
  const gaps = [term("gaps", null, 3)];
  for (const weight of [1, -1])
    expect(
      combinedU([
        { weight: 1, terms: gaps },
        { weight, terms: gaps },
      ]),
    ).toEqual({ common: 6, independent: 0 });
});

test("nothing is known of nothing", () => {
  expect(combinedU([])).toEqual({ common: 0, independent: 0 });
});
