// Noise of a run that is known: white, 1/f, none, under a load, in gaps; against what means of it do.

import { describe, expect, test } from "@jest/globals";
import { NO_NOISE, type Noise, noiseIn } from "../../energy/noise.ts";
import { random } from "../../stats/random.ts";
import { deviationOf, meanOf } from "../../stats/summary.ts";

const STEP_S = 1e-3;

function noiseOf(powerW: Float64Array, rowsPerCell = 1): Noise {
  const t = powerW.map((_, i) => i);
  return noiseIn({ t, powerW, step: 1, stepS: STEP_S }, rowsPerCell);
}

/** @param sigma of each of `octaves` octaves, each a deviate that stands for twice as many cells as the one before. */
function made(cells: number, sigma: number, octaves: number, seed = 7): Float64Array {
  const powerW = new Float64Array(cells);
  for (let k = 0; k < octaves; k++) {
    const r = random(seed, `octave ${k}`);
    for (let from = 0; from < cells; from += 2 ** k)
      for (let [i, x] = [from, sigma * r.normal()]; i < Math.min(cells, from + 2 ** k); i++)
        powerW[i]! += x;
  }
  return powerW;
}

/** Spread of the trace's own means over so many cells about zero. */
function spreadOfMeans(powerW: Float64Array, cells: number): number {
  const means = Array.from({ length: Math.floor(powerW.length / cells) }, (_, i) =>
    meanOf(powerW.subarray(i * cells, (i + 1) * cells)),
  );
  return Math.sqrt(meanOf(means.map((m) => m * m)));
}

describe("white noise of 3 W a row", () => {
  const powerW = made(1 << 16, 3, 1);
  const noise = noiseOf(powerW);

  test("a row's own spread", () => {
    expect(noise.rowW / 3).toBeCloseTo(1, 1);
    expect(noiseOf(powerW, 25).rowW / (3 * 5)).toBeCloseTo(1, 1); // a cell is the mean of 25 rows
  });

  test.each([1, 4, 16, 64])("a mean over %d cells is less uncertain by the root of that", (n) => {
    const ratio = noise.meanU(n * STEP_S) / (3 / Math.sqrt(n));
    expect(ratio).toBeGreaterThan(0.95);
    expect(ratio).toBeLessThan(n < 64 ? 1.3 : 2.2);
  });

  test("it never grows with the length, between the octaves either", () => {
    const lengths = Array.from({ length: 70 }, (_, i) => STEP_S * 1.2 ** (i - 10));
    const us = lengths.map((s) => noise.meanU(s));
    us.slice(1).forEach((u, i) => expect(u).toBeLessThanOrEqual(us[i]! * (1 + 1e-12)));
  });

  test("over less than a cell a mean is as uncertain as of as many fewer rows", () => {
    expect(noise.meanU(STEP_S / 9) / 9).toBeCloseTo(1, 0);
  });

  test("longer than was seen whole it is a bound", () => {
    const whole = noise.meanU(powerW.length * STEP_S);
    expect(whole).toBeGreaterThan(3 / Math.sqrt(powerW.length));
    // Of a sixteenth of the run, 8 pairs: beyond means of a 256th it may go on as strong, here for eight octaves.
    expect(whole).toBeLessThan(3 * Math.sqrt((4 * 256) / powerW.length));
  });
});

test.each([1, 16, 256, 4096])("1/f noise: a mean over %d cells lies as far off as it says", (n) => {
  // As strong in each octave, up to twice the run.
  const ratios = Array.from({ length: 12 }, (_, seed) => {
    const powerW = made(1 << 14, 1, 15, seed);
    return noiseOf(powerW).meanU(n * STEP_S) / spreadOfMeans(powerW, n);
  });
  const typical = ratios.sort((a, b) => a - b)[6]!;
  expect(typical).toBeGreaterThan(0.75);
  expect(typical).toBeLessThan(2);
});

describe("a load is no noise", () => {
  const noise = made(4096, 0.5, 1);
  const alone = noiseOf(noise).meanU(0.016);

  test.each<[string, (i: number) => number]>([
    [
      "a long load of its own turns, then rest",
      (i) => (i < 3400 ? 100 + 80 * ((i >> 3) % 2) + i / 50 : 60),
    ],
    [
      "bursts, never a sixteenth of the run at rest",
      (i) => ((i >> 7) % 3 === 0 ? 0 : 50 + 20 * ((i >> 5) % 2)),
    ],
    ["steps now and then", (i) => 100 * Math.floor(i / 150)],
  ])("%s: u is that of the noise, or a bound of less than three times that", (_, load) => {
    const loaded = noise.map((x, i) => x + load(i));
    const ratio = noiseOf(loaded).meanU(0.016) / alone;
    expect(ratio).toBeGreaterThan(0.7);
    expect(ratio).toBeLessThan(3);
  });

  test("where it never rests, what cannot be told from noise is a bound", () => {
    const loaded = noise.map((x, i) => x + 80 * ((i >> 2) % 2));
    expect(noiseOf(loaded).meanU(0.004)).toBeGreaterThan(alone);
  });
});

test("rows that are no numbers are not looked at", () => {
  const powerW = made(4096, 1, 1).map((x, i) => (i % 400 < 40 ? NaN : x));
  const { rowW } = noiseOf(powerW);
  expect(rowW / deviationOf(powerW.filter(Number.isFinite))).toBeCloseTo(1, 0);
  expect(noiseOf(new Float64Array(4096).fill(NaN))).toBe(NO_NOISE);
});

test("a run too short to show noise shows none, nor does one that stands still", () => {
  expect(noiseOf(made(63, 3, 1))).toBe(NO_NOISE);
  expect(noiseOf(made(64, 3, 1)).rowW).toBeGreaterThan(2);
  expect(noiseOf(new Float64Array(500).fill(120)).meanU(0.1)).toBe(0);
  expect([NO_NOISE.rowW, NO_NOISE.meanU(1)]).toEqual([0, 0]);
});
