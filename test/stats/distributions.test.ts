// Against closed forms (t with 1, 2 and 4 degrees of freedom) and 30-digit arithmetic (mpmath 1.3).

import { expect, test } from "@jest/globals";
import { normalCdf, normalQuantile, tCdf, tQuantile } from "../../stats/distributions.ts";

/** Relative, where `want` is not 0. */
const near = (found: number, want: number, within = 1e-11): void =>
  expect(Math.abs(found / want - 1)).toBeLessThan(within);

test("normal quantiles", () => {
  near(normalQuantile(0.975), 1.9599639845400545);
  near(normalQuantile(0.995), 2.5758293035489004);
  near(normalQuantile(1e-10), -6.361340902404056);
  near(normalQuantile(1e-300), -37.0471, 1e-6);
  expect(normalQuantile(0.5)).toBe(0);
  expect([normalQuantile(0), normalQuantile(1)]).toEqual([-Infinity, Infinity]);
});

test("quantiles of t with 1, 2 and 4 degrees of freedom: their closed forms", () => {
  for (const p of [0.51, 0.6, 0.75, 0.9, 0.975, 0.9995]) {
    near(tQuantile(p, 1), Math.tan(Math.PI * (p - 0.5)));
    near(tQuantile(p, 2), (2 * p - 1) / Math.sqrt(2 * p * (1 - p)));
    const alpha = 4 * p * (1 - p);
    const q = Math.cos(Math.acos(Math.sqrt(alpha)) / 3) / Math.sqrt(alpha);
    near(tQuantile(p, 4), 2 * Math.sqrt(q - 1));
    expect(tQuantile(1 - p, 4)).toBeCloseTo(-tQuantile(p, 4), 10);
  }
});

test("quantiles of t with few, many, broken and endless degrees of freedom", () => {
  const known: [dof: number, t: number][] = [
    [0.5, 164.55767348048853],
    [3.7, 2.8675207071911894],
    [10, 2.2281388519862747],
    [30, 2.0422724563012383],
    [1e6, 1.959966356814107],
  ];
  for (const [dof, t] of known) near(tQuantile(0.975, dof), t);
  expect(tQuantile(0.975, Infinity)).toBe(normalQuantile(0.975));
});

test("probabilities are what the quantiles turn back into, on both sides", () => {
  for (const p of [1e-12, 0.003, 0.3, 0.5, 0.9, 0.999]) {
    near(normalCdf(normalQuantile(p)), p);
    for (const dof of [0.7, 3, 12.5, 400]) near(tCdf(tQuantile(p, dof), dof), p);
  }
});

test("what is no probability, or no degrees of freedom, is refused", () => {
  for (const p of [-0.1, 1.1, NaN]) expect(() => normalQuantile(p)).toThrow("probability");
  for (const dof of [0, -1, NaN]) expect(() => tQuantile(0.9, dof)).toThrow("degrees of freedom");
});
