// What nobody saw of a window, from sums that are stated: the Joules that bridge it, and how far they may be off.

import { describe, expect, test } from "@jest/globals";
import { Sum } from "../../energy/integrate.ts";
import { Snapshots } from "../../energy/snapshots.ts";
import { gapsU, observedShare, outsideOf } from "../../energy/unobserved.ts";
import type { Window } from "../../energy/window.ts";

type Sums = Partial<Record<Exclude<keyof typeof Sum, "rails">, number>>;
/** Ten seconds from 5 s on. */
const [T0, T1] = [5e9, 15e9];
const window = (t1Ns = T1): Window => ({
  ...{ name: "w", kind: "mark", t0Ns: T0, t1Ns, u0Ns: 0, u1Ns: 0 },
});
/** Of the window: what its integrals come to, counted from some other value. */
function sums(known: Sums): Snapshots {
  const rows = new Float64Array(2 * Sum.rails).fill(7);
  for (const [name, x] of Object.entries(known)) rows[Sum.rails + Sum[name as keyof Sums]]! += x;
  return new Snapshots(Float64Array.of(T0, T1), Sum.rails, rows);
}

test("the share that was observed; all where nothing was, and there is nothing to scale", () => {
  const share = (coveredS: number): number => observedShare(window(), sums({ coveredS }));
  expect([8, 10, 10.5, 0].map(share)).toEqual([0.8, 1, 1, 1]);
  expect(observedShare(window(T0), sums({ coveredS: 8 }))).toBe(1);
});

describe("beyond the trace's ends", () => {
  test("the mean power of the rest, anything from none to twice that", () => {
    // 600 J in 6 s; 1 s of gaps; 3 s are beyond.
    expect(outsideOf(window(), sums({ coveredS: 6, gapS: 1, energyJ: 600 }))).toEqual({
      ...{ energyJ: expect.closeTo(300, 9), uJ: expect.closeTo(300 / Math.sqrt(3), 9) },
    });
    const back = outsideOf(window(), sums({ coveredS: 6, gapS: 1, energyJ: -600 }));
    expect([back.energyJ, back.uJ]).toEqual([near(-300), near(300 / Math.sqrt(3))]);
  });

  test("less than a microsecond is rounding, and of nothing nothing is known", () => {
    const of = (coveredS: number) => outsideOf(window(), sums({ coveredS, energyJ: 1000 }));
    expect(of(10 - 9e-7)).toEqual({ energyJ: 0, uJ: 0 });
    expect(of(10 - 1.1e-6).energyJ).toBeCloseTo(1.1e-4, 9);
    expect(of(0)).toEqual({ energyJ: 0, uJ: 0 });
  });
});

const near = (x: number): unknown => expect.closeTo(x, 9);

describe("gaps", () => {
  /** A straight line over s seconds is off by 20 W a second of it. */
  const load = { meanW: 120, sdW: 30, bridgeErrorW: (s: number): number => 20 * s };
  /** Two gaps of a second beside 6 s of 100 W on average. */
  const known = { coveredS: 6, energyJ: 600, gapS: 2, gapSquareS2: 2, gapJ: 200 };

  test("their length times what a bridge is off by, and the run's spread as much as was not seen", () => {
    // Three quarters of 20² W² and one of 30² + 20²: 25 W, over two seconds.
    expect(gapsU(window(), sums(known), load)).toBeCloseTo(2 * 25, 9);
  });

  test("of unlike length a second counts with the length of its own gap", () => {
    // 0.5 and 1.5 s: 1.25 s, over which a bridge is off by 25 W.
    const unlike = { ...known, gapSquareS2: 0.5 ** 2 + 1.5 ** 2 };
    const variance = 0.75 * 25 ** 2 + 0.25 * (30 ** 2 + 20 ** 2);
    expect(gapsU(window(), sums(unlike), load)).toBeCloseTo(2 * Math.sqrt(variance), 9);
  });

  test("where nothing was seen, their Joules; where there are none, nothing", () => {
    expect(gapsU(window(), sums({ gapS: 10, gapSquareS2: 100, gapJ: -50 }), load)).toBe(50);
    expect(gapsU(window(), sums({ ...known, gapSquareS2: 0 }), load)).toBe(0);
  });
});
