// Against closed forms (none or all found), and scipy's quantiles of the beta distribution (`beta.ppf`).

import { expect, test } from "@jest/globals";
import { clopperPearson } from "../../stats/binomial.ts";

test("none and all found: closed forms", () => {
  for (const n of [1, 7, 2000]) {
    const edge = 1 - Math.pow(0.0005, 1 / n);
    expect(clopperPearson(0, n, 0.999)[0]).toBe(0);
    expect(clopperPearson(0, n, 0.999)[1]).toBeCloseTo(edge, 12);
    expect(clopperPearson(n, n, 0.999)[1]).toBe(1);
    expect(clopperPearson(n, n, 0.999)[0]).toBeCloseTo(1 - edge, 12);
  }
});

test.each([
  [10, 100, 0.95, 0.04900468922148596, 0.17622259774002266],
  [1900, 2000, 0.999, 0.9319581621523088, 0.9645783296750399],
  [1, 2000, 0.999, 2.5006248957551964e-7, 0.004988107440103642],
  [57, 60, 0.999, 0.7879242835810432, 0.9974656114962386],
] as const)("%d of %d at %d", (found, count, confidence, lo, hi) => {
  const interval = clopperPearson(found, count, confidence);
  expect(interval[0]).toBeCloseTo(lo, 11);
  expect(interval[1]).toBeCloseTo(hi, 11);
});

test("it holds the probability at least as often as it says", () => {
  // All outcomes of 30 trials, each weighed by its probability.
  for (const p of [0.05, 0.3, 0.5, 0.93]) {
    let held = 0;
    let term = (1 - p) ** 30;
    for (let k = 0; k <= 30; k++) {
      const [lo, hi] = clopperPearson(k, 30, 0.95);
      if (lo <= p && p <= hi) held += term;
      term *= (((30 - k) / (k + 1)) * p) / (1 - p);
    }
    expect(held).toBeGreaterThanOrEqual(0.95);
  }
});

test("what cannot be is refused", () => {
  for (const [k, n] of [
    [-1, 5],
    [6, 5],
    [0, 0],
  ] as const)
    expect(() => clopperPearson(k, n, 0.95)).toThrow(RangeError);
});
