// Rows whose own sums are known add the same steps as rows that are looked at one by one, however they are cut.

import { expect, test } from "@jest/globals";
import { addSteps, noSteps, spread } from "../../energy/integrals.ts";
import { random } from "../../stats/random.ts";

const PERIOD_NS = 1e6;

/** A stretch's own Σ d², Σ d·d′, Σ d·d″ and Σ p² of all but its last row, as align/columns.ts hands them over. */
function ownOf(p: Float64Array, a: number, b: number): Float64Array {
  const own = new Float64Array(4);
  const d = (i: number): number => (i > a ? p[i]! - p[i - 1]! : 0);
  for (let i = a + 1; i <= b; i++) {
    own[0]! += d(i) ** 2;
    own[1]! += d(i) * d(i - 1);
    own[2]! += i - 2 > a ? d(i) * d(i - 2) : 0;
    own[3]! += p[i - 1]! ** 2;
  }
  return own;
}

test("in stretches of one interval, two and more", () => {
  const r = random(5, "steps");
  const p = Float64Array.from({ length: 40 }, () => 100 + 30 * r.normal());
  const t = Float64Array.from(p, (_, i) => i * PERIOD_NS);
  for (const cuts of [
    [0, 39],
    [0, 1, 2, 3, 39],
    [0, 2, 4, 5, 9, 39],
    [0, 20, 21, 23, 39],
    [3, 4, 6],
  ]) {
    // Steps of the rows before.
    const before = { last: 7, before: -5 };
    const [known, seen] = [
      { ...noSteps(), ...before },
      { ...noSteps(), ...before },
    ];
    for (let k = 1; k < cuts.length; k++) {
      const [a, b] = [cuts[k - 1]!, cuts[k]!];
      addSteps({ totalW: p, from: a, to: b + 1 }, ownOf(p, a, b), PERIOD_NS, known);
      spread({ tNs: t, totalW: p }, a, b, seen);
      for (const sum of Object.keys(seen) as (keyof typeof seen)[])
        expect(known[sum] / seen[sum]).toBeCloseTo(1, 9);
    }
  }
});
