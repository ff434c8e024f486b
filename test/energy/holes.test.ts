// The longest gap of any window, as its end goes by: against all gaps looked through.

import { expect, test } from "@jest/globals";
import { Holes } from "../../energy/holes.ts";
import { random } from "../../stats/random.ts";

const S = 1e9;

test.each([1, 2, 3])("of windows that end now, whatever came before (%d)", (seed) => {
  const r = random(seed, "holes");
  const holes = new Holes();
  const gaps: [number, number][] = [];
  let t = 0;
  for (let n = 0; n < 500; n++) {
    const from = t + Math.ceil(10 * r.uniform());
    const to = from + Math.ceil(r.exponential(5));
    holes.enter(from * S, to * S);
    gaps.push([from, to]);
    const longest = (t0: number, t1: number): number =>
      Math.max(0, ...gaps.map(([a, b]) => Math.min(b, t1) - Math.max(a, t0)));
    const t0 = Math.floor(from * r.uniform());
    const inside = from + (to - from) * r.uniform();
    expect(holes.longestS(t0 * S, inside * S)).toBeCloseTo(longest(t0, inside), 6);
    holes.leave();
    for (const begin of [0, t0, from - 1, from, (from + to) / 2, to])
      expect(holes.longestS(begin * S, (to + 1) * S)).toBeCloseTo(longest(begin, to + 1), 6);
    t = to + 1;
  }
});
