// How far straight lines over stretches of a load are off, in closed form.

import { describe, expect, test } from "@jest/globals";
import { OutlinedLoad } from "../../energy/load.ts";

const COUNT = 2000;
const rows = Float64Array.from({ length: COUNT }, (_, i) => i);
/** Cells 1 ms apart. */
const load = (at: (i: number) => number, t = rows): OutlinedLoad =>
  new OutlinedLoad({ t, powerW: rows.map(at), step: 1, stepS: 1e-3 });

describe("straight lines", () => {
  test("over a ramp are right at every length", () => {
    const ramp = load((i) => 100 + 0.25 * i);
    for (const s of [0.5e-3, 1e-3, 0.01, 0.3]) expect(ramp.bridgeErrorW(s)).toBeCloseTo(0, 9);
  });

  test("from one of two powers to the same hide the other; over pairs they are right", () => {
    const alternating = load((i) => (i % 2 === 0 ? 0 : 100));
    expect(alternating.bridgeErrorW(1e-3)).toBeCloseTo(100, 9);
    for (const s of [2e-3, 4e-3, 0.128]) expect(alternating.bridgeErrorW(s)).toBeCloseTo(0, 9);
  });

  test("over a burst of 4 of 40 ms, 100 W above the rest: stretches of 8 ms that hold it are 50 W off", () => {
    const bursts = load((i) => (i % 40 < 4 ? 150 : 50));
    // From the cell before 8 cells to the one after: of 40 places 5 hold the whole burst with no end in it; 3 at
    // either side hold 1 to 3 cells of it and end in the rest of it; in 1 + 1 an end touches it.
    let squares = 0;
    for (let from = 0; from < 40; from++) {
      const p = (i: number) => ((from + i) % 40 < 4 ? 150 : 50);
      let mean = 0;
      for (let i = 1; i <= 8; i++) mean += p(i) / 8;
      squares += (mean - (p(0) + p(9)) / 2) ** 2 / 40;
    }
    expect(bursts.bridgeErrorW(8e-3) / Math.sqrt(squares)).toBeCloseTo(1, 1);
  });

  test("where half the load's cells are lost, those that are left stand for it", () => {
    // 40 ms of 50 W, 40 ms of 150 W, of which only every tenth cell is seen.
    const seen = (i: number) => i % 80 < 40 || i % 10 === 5;
    const t = rows.filter(seen);
    const powerW = t.map((i) => (i % 80 < 40 ? 50 : 150));
    const lossy = new OutlinedLoad({ t, powerW, step: 1, stepS: 1e-3 });
    const whole = load((i) => (i % 80 < 40 ? 50 : 150));
    const ratio = lossy.bridgeErrorW(0.016) / whole.bridgeErrorW(0.016);
    expect(ratio).toBeGreaterThan(0.8);
    expect(ratio).toBeLessThan(2);
  });

  test("of lengths that were never seen: the load's whole spread", () => {
    const steps = load((i) => (i < COUNT / 2 ? 1 : 99));
    expect(steps.bridgeErrorW(10)).toBeCloseTo(steps.sdW, 9);
    expect(steps.sdW).toBeCloseTo(49, 1);
    expect(steps.meanW).toBeCloseTo(50, 9);
  });
});

test("cells that are no numbers are as if they were not there", () => {
  const powerW = rows.map((i) => (i % 40 < 4 ? 150 : 50));
  const kept = rows.filter((i) => i % 7 !== 3);
  const sparse = new OutlinedLoad({
    ...{ t: kept, step: 1, stepS: 1e-3 },
    powerW: kept.map((i) => powerW[i]!),
  });
  const holed = load((i) => (i % 7 === 3 ? NaN : powerW[i]!));
  expect(holed.bridgeErrorW(8e-3)).toBe(sparse.bridgeErrorW(8e-3));
  expect([holed.meanW, holed.sdW]).toEqual([sparse.meanW, sparse.sdW]);
  expect(holed.sdW).toBeGreaterThan(10);
});

test("a run without rows, or with one, has no spread", () => {
  for (const n of [0, 1]) {
    const none = new OutlinedLoad({
      t: rows.slice(0, n),
      powerW: rows.slice(0, n),
      step: 1,
      stepS: 1e-3,
    });
    expect([none.meanW, none.sdW, none.bridgeErrorW(1)]).toEqual([0, 0, 0]);
  }
});
