// The polygon of lines against its definition: every pair of bounds gives a candidate line.

import { describe, expect, test } from "@jest/globals";
import { FeasibleLines } from "../../stats/feasible-lines.ts";
import { random } from "../../stats/random.ts";

interface Bound {
  readonly x: number;
  readonly y: number;
  readonly sign: 1 | -1;
}

/** Extremes at x over all lines that keep every bound: they lie where two bounds meet. */
function bruteForce(bounds: readonly Bound[], at: number): [number, number] | undefined {
  let [lo, hi] = [Infinity, -Infinity];
  for (const p of bounds)
    for (const q of bounds) {
      if (p.x === q.x) continue;
      const b = (q.y - p.y) / (q.x - p.x);
      const a = p.y - b * p.x;
      if (!bounds.every((c) => c.sign * (a + b * c.x - c.y) >= -1e-9)) continue;
      lo = Math.min(lo, a + b * at);
      hi = Math.max(hi, a + b * at);
    }
  return lo <= hi ? [lo, hi] : undefined;
}

describe("lines between bounds", () => {
  test("200 seeded sets: the same range as by brute force, or both infeasible", () => {
    let infeasible = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const r = random(seed, "bounds");
      const [a, b] = [r.normal(), r.normal() / 5];
      const slack = seed % 4 === 0 ? 0.3 : 0;
      const bounds = Array.from({ length: 12 }, (_, i): Bound => {
        const x = 4 * r.uniform() - 2;
        const sign = i % 2 === 0 ? 1 : -1;
        // With slack some bounds cross the true line, so that sets without a line occur.
        return { x, y: a + b * x - sign * (r.exponential(0.5) - slack), sign };
      });
      const lines = new FeasibleLines(-50, 50, 50);
      for (const { x, y, sign } of bounds) lines[sign === 1 ? "above" : "below"](x, y);
      const at = 6 * r.uniform() - 3;
      const expected = bruteForce(bounds, at);
      expect(lines.empty).toBe(expected === undefined);
      infeasible += lines.empty ? 1 : 0;
      const got = lines.range(at);
      if (!expected) expect(got).toEqual([NaN, NaN]);
      else got.forEach((y, i) => expect(y).toBeCloseTo(expected[i]!, 6));
    }
    expect(infeasible).toBeGreaterThan(5);
    expect(infeasible).toBeLessThan(60);
  });

  test("slopes are those of the steepest lines left", () => {
    const lines = new FeasibleLines(-10, 10, 10);
    lines.above(-1, 0);
    lines.below(-1, 1);
    lines.above(1, 0);
    lines.below(1, 1);
    expect(lines.slopes()).toEqual([-0.5, 0.5]);
    expect(lines.range(0)).toEqual([0, 1]);
  });
});
