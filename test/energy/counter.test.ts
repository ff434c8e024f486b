// An energy counter that does not rise as it should: what it counted, what was left out, and where nobody knows. The
// card draws 60 W, or another steady power that a test names; the counter is read each 0.1 s from 100 kJ on.

import { describe, expect, test } from "@jest/globals";
import { Series } from "../../energy/claims/series.ts";
import { every, readsOf } from "../support/telemetry.ts";

const S = 1e9;
const LIFETIME = 100e3;
const tenths = every(0.1, 0, 10.05).map((s) => Math.round(s * 10) / 10);
const CARD_W = 5600;

const counter = (value: (s: number) => number, of: { atS?: number[]; wrapsAt?: number } = {}) =>
  new Series(
    readsOf(
      (of.atS ?? tenths).map((s) => s * S),
      (t) => value(t / S),
      {
        name: "nvml.energy_counter",
        quantity: "energy",
        unit: "J",
        ...(of.wrapsAt === undefined ? {} : { wrapsAt: of.wrapsAt }),
      },
    ),
    CARD_W,
  );
const between = (s: number, from: number, to: number): boolean => s > from - 0.01 && s < to - 0.01;
const CLEAN = { strays: 0, fell: 0, leapt: 0, stoodNs: 0, open: [] };

describe("a read that is none", () => {
  test("0 once, or for a second, and back at its lifetime: left out, and nothing is lost", () => {
    for (const [to, strays] of [
      [5.1, 1],
      [6, 10],
    ] as const) {
      const s = counter((at) => (between(at, 5, to) ? 0 : LIFETIME + 60 * at));
      expect(s.count).toMatchObject({ ...CLEAN, strays });
      expect(s.claim(0, 10 * S).energyJ).toBeCloseTo(600, 6);
    }
  });

  test("also where the lifetime is less than what a card can draw at once", () => {
    for (const wrapsAt of [undefined, 262e3]) {
      const s = counter(
        (at) => (between(at, 5, 5.1) ? 0 : 30 + 60 * at),
        wrapsAt === undefined ? {} : { wrapsAt },
      );
      expect(s.count).toMatchObject({ ...CLEAN, strays: 1 });
      expect(s.claim(0, 10 * S).energyJ).toBeCloseTo(600, 6);
    }
  });

  test("a value far above, or a little, and back", () => {
    for (const above of [1e13, 300])
      for (const to of [5.1, 5.5]) {
        const s = counter((at) => LIFETIME + 60 * at + (between(at, 5, to) ? above : 0));
        expect(s.count).toMatchObject({ ...CLEAN, strays: Math.round((to - 5) * 10) });
        expect(s.claim(0, 10 * S).energyJ).toBeCloseTo(600, 6);
      }
  });
});

describe("a counter that begins anew", () => {
  test("at 0: the step is in the interval alone", () => {
    const s = counter((at) => (at < 4.95 ? LIFETIME + 300 * at : 300 * (at - 4.95)));
    expect(s.count).toMatchObject({ ...CLEAN, fell: 1, open: [[4.9 * S, 5 * S]] });
    const { energyJ, intervalJ } = s.claim(0, 10 * S);
    expect(energyJ).toBeCloseTo(2970, 6);
    expect(intervalJ[1]).toBeGreaterThan(3000);
    expect(intervalJ[1]).toBeLessThan(3200);
    // Beside it nothing is open.
    const [lo, hi] = s.claim(6 * S, 8 * S).intervalJ;
    expect([lo, hi]).toEqual([expect.closeTo(540, 6), expect.closeTo(660, 6)]);
  });

  test("with less behind it than it counts until it is there again: no read is left out", () => {
    const s = counter((at) => (at < 0.95 ? 60 * at : 60 * (at - 0.95)));
    expect(s.count).toMatchObject({ strays: 0, fell: 1 });
    expect(s.claim(0, 10 * S).energyJ).toBeCloseTo(594, 6);
  });

  test("above where it was, by more than a card can draw", () => {
    const s = counter((at) => (at < 4.95 ? 60 * at : LIFETIME + 60 * at));
    expect(s.count).toMatchObject({ ...CLEAN, fell: 0, leapt: 1, open: [[4.9 * S, 5 * S]] });
    expect(s.claim(0, 10 * S).energyJ).toBeCloseTo(594, 6);
  });

  test("though a modulus is known, where a whole turn cannot have been drawn", () => {
    const s = counter((at) => (at < 4.95 ? 1000 + 60 * at : 60 * (at - 4.95)), { wrapsAt: 262e3 });
    expect(s.count).toMatchObject({ fell: 1 });
    expect(s.claim(0, 10 * S).energyJ).toBeCloseTo(594, 6);
    const turned = counter((at) => (262e3 - 200 + 60 * at) % 262e3, { wrapsAt: 262e3 });
    expect(turned.count).toMatchObject(CLEAN);
    expect(turned.claim(0, 10 * S).energyJ).toBeCloseTo(600, 6);
  });
});

describe("a counter that stands still", () => {
  test("from some read on: what was drawn there is in the interval", () => {
    const s = counter((at) => LIFETIME + 60 * Math.min(at, 6));
    expect(s.count).toMatchObject({ ...CLEAN, stoodNs: 4 * S, open: [[6 * S, 10 * S]] });
    const { energyJ, intervalJ } = s.claim(0, 10 * S);
    expect(energyJ).toBeCloseTo(360, 6);
    expect(intervalJ[1]).toBeGreaterThan(600);
    expect(intervalJ[1]).toBeLessThan(660);
  });

  test("on the way, and goes on from there; where it makes up for it nothing is missing", () => {
    const lost = counter((at) => LIFETIME + 60 * (at < 4 ? at : Math.max(4, at - 3)));
    expect(lost.count).toMatchObject({ fell: 0, open: [[4 * S, expect.closeTo(7.1 * S, -3)]] });
    const later = counter((at) => LIFETIME + 60 * (between(at, 4, 7) ? 4 : at));
    expect(later.count).toMatchObject(CLEAN);
  });

  test("as it often does of a small load in large units: nothing is told", () => {
    const atS = every(0.1, 0, 60.05);
    const s = counter((at) => 10 * Math.floor((at < 30 ? 300 * at : 9000 + 4 * (at - 30)) / 10), {
      atS,
    });
    expect(s.count).toMatchObject(CLEAN);
  });
});

test("where it may have gone round unseen the interval holds its turns", () => {
  const atS = [...every(0.1, 0, 5), ...every(0.1, 30, 35)];
  const s = counter((at) => (60 * at) % 1000, { atS, wrapsAt: 1000 });
  const { energyJ, intervalJ } = s.claim(0, 34.9 * S);
  expect(energyJ).toBeCloseTo(60 * 34.9 - 1000, 6);
  expect(intervalJ[1]).toBeGreaterThan(60 * 34.9);
});

test("what was drawn before its first read and after its last is in the interval", () => {
  const s = counter((at) => LIFETIME + 60 * at, { atS: tenths.filter((at) => between(at, 1, 9)) });
  const { energyJ, intervalJ } = s.claim(0, 10 * S);
  expect(energyJ).toBeCloseTo(60 * 7.9, 6);
  expect(intervalJ[0]).toBeLessThanOrEqual(energyJ);
  expect(intervalJ[1]).toBeGreaterThan(600);
  expect(intervalJ[1]).toBeLessThan(640);
});
