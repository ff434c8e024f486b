// The line to the reference on seeded pairs with known truth: does the stated interval hold it as often as
// it says, where the readings fix the line, where they fix one point of it, and where both sides are noisy?

import { describe, expect, test } from "@jest/globals";
import {
  fitToReference,
  type LineToReference,
  type Pairing,
} from "../../align/reference/discipline-fit.ts";
import { random } from "../../stats/random.ts";

interface Case {
  /** True currents of the readings, A. */
  readonly truth: (k: number, uniform: number) => number;
  readonly uFast: number;
  readonly uReference: number;
  /** Scatter beyond what is stated. */
  readonly more?: number;
  /** Fixed error of the fast path; else drawn from what is stated. */
  readonly fast?: { readonly gain: number; readonly offset: number };
  readonly readings: number;
  /** What the rig states of the fast path. */
  readonly stated?: { readonly gainU: number; readonly offsetU: number };
}

const FAST = { gainU: 3e-3, offsetU: 0.03 };
const REFERENCE = { gainU: 1e-3, offsetU: 0.01 };
const TRIALS = 1500;

interface Outcome {
  readonly covered: number;
  /** Mean over trials of (corrected − truth), A, and its standard error. */
  readonly bias: number;
  readonly biasU: number;
  readonly fits: readonly LineToReference[];
}

/** Corrects `probeA` amperes by a fit of each trial and holds it against the truth. */
function trials(c: Case, probeA: number): Outcome {
  const errors: number[] = [];
  const fits: LineToReference[] = [];
  let inside = 0;
  for (let seed = 1; seed <= TRIALS; seed++) {
    const r = random(seed, "pairs");
    const gain = c.fast?.gain ?? 1 / (1 + FAST.gainU * r.normal());
    const offset = c.fast?.offset ?? FAST.offsetU * r.normal();
    const [gamma, omega] = [REFERENCE.gainU * r.normal(), REFERENCE.offsetU * r.normal()];
    const scale = c.more ?? 1;
    const pairs = Array.from({ length: c.readings }, (_, k): Pairing => {
      const i = c.truth(k, r.uniform());
      return {
        at: k,
        fast: i * gain + offset + scale * c.uFast * r.normal(),
        uFast: c.uFast,
        reference: i * (1 + gamma) + omega + scale * c.uReference * r.normal(),
        uReference: c.uReference,
        code: k,
      };
    });
    const fit = fitToReference(pairs, c.stated ?? FAST, REFERENCE)!;
    const x = probeA * gain + offset;
    const error = x + fit.level + fit.slope * (x - fit.pivot) - probeA;
    const own = Math.hypot(fit.levelU, fit.slopeU * (x - fit.pivot));
    const u = Math.hypot(own, REFERENCE.gainU * probeA, REFERENCE.offsetU);
    if (Math.abs(error) <= 1.96 * u) inside++;
    errors.push(error);
    fits.push(fit);
  }
  const bias = errors.reduce((a, b) => a + b, 0) / TRIALS;
  const spread = errors.reduce((a, e) => a + (e - bias) ** 2, 0) / (TRIALS - 1);
  return { covered: inside / TRIALS, bias, biasU: Math.sqrt(spread / TRIALS), fits };
}

/** Within three standard errors of 95 %, 1,500 trials. */
function expectHonest({ covered, bias, biasU }: Outcome): void {
  expect(covered).toBeGreaterThan(0.933);
  expect(covered).toBeLessThan(0.967);
  expect(Math.abs(bias)).toBeLessThan(4 * biasU);
}

const busy = (_k: number, uniform: number): number => (uniform < 0.5 ? 5 : 35 * uniform);

describe("95 % intervals hold the truth in 93 to 97 % of trials", () => {
  test("a load that moves, a fast path 2 % and 0.3 A off", () => {
    const fast = { gain: 1.02, offset: 0.3 };
    const found = trials({ truth: busy, uFast: 7e-3, uReference: 2e-3, readings: 200, fast }, 28);
    expectHonest(found);
    expect(Math.min(...found.fits.map((f) => f.slopeFromReadings))).toBeGreaterThan(0.99);
    // Far beyond what the rig states, and said so every time.
    expect(Math.min(...found.fits.map((f) => f.contradiction))).toBeGreaterThan(9.21);
  });

  test("a steady load: the level is the reference's, the gain the rig's", () => {
    const found = trials({ truth: () => 20, uFast: 7e-3, uReference: 2e-3, readings: 200 }, 5);
    // Off the only level seen the rig's own gain decides; at 5 A from 20 A that is 45 mA. A contradiction by
    // chance makes that wider, so the interval errs to the safe side.
    expect(found.covered).toBeGreaterThan(0.933);
    expect(found.covered).toBeLessThan(0.99);
    expect(Math.abs(found.bias)).toBeLessThan(4 * found.biasU);
    expect(Math.max(...found.fits.map((f) => f.slopeFromReadings))).toBeLessThan(0.01);
    // Gain and offset together are known at 20 A, so each a little better than stated.
    const conditional = (FAST.gainU * FAST.offsetU) / Math.hypot(FAST.offsetU, 20 * FAST.gainU);
    expect(Math.min(...found.fits.map((f) => f.slopeU))).toBeGreaterThan(0.99 * conditional);
  });

  test("fast means as noisy as the load's own movement: the slope is not pulled down", () => {
    const truth = (_k: number, uniform: number): number => 20 + 2 * uniform;
    const fast = { gain: 1.05, offset: 0 };
    const stated = { gainU: 0.5, offsetU: 5 };
    const noisy = { truth, uFast: 0.5, uReference: 0.05, readings: 500, fast, stated };
    const { fits } = trials(noisy, 20);
    const slopes = fits.map((f) => 1 + f.slope);
    const mean = slopes.reduce((a, b) => a + b, 0) / slopes.length;
    // Plain least squares would find 0.57 of it: 1 / (1 + 0.5² · 12 / 2.1²).
    expect(Math.abs(mean * 1.05 - 1)).toBeLessThan(0.01);
  });

  test("scatter three times what is stated widens the interval", () => {
    const found = trials({ truth: busy, uFast: 0.05, uReference: 0.02, readings: 60, more: 3 }, 30);
    expect(found.covered).toBeGreaterThan(0.933);
    expect(found.covered).toBeLessThan(0.975);
    const birge = found.fits.map((f) => f.birge).sort((a, b) => a - b)[TRIALS >> 1]!;
    expect(birge).toBeGreaterThan(2.5);
    expect(birge).toBeLessThan(3.5);
  });
});

test("rounding does not average: two levels, each always rounded to one side", () => {
  const COUNT = 0.05;
  let [inside, levels] = [0, 0];
  for (let seed = 1; seed <= TRIALS; seed++) {
    const r = random(seed, "rounding");
    const [low, high, e] = [5 + r.uniform(), 6.5 + r.uniform(), 0.02 * r.normal()];
    const pairs = Array.from({ length: 300 }, (_, k): Pairing => {
      const i = k % 3 === 0 ? high : low;
      const code = Math.round((i * (1 + e)) / COUNT);
      const uReference = COUNT / Math.sqrt(12);
      return {
        at: k,
        fast: i + 1e-3 * r.normal(),
        uFast: 1e-3,
        reference: code * COUNT,
        uReference,
        code,
      };
    });
    const fit = fitToReference(pairs, { gainU: 1, offsetU: 10 }, { gainU: 0, offsetU: 0 })!;
    if (Math.abs(fit.slope - e) <= 1.96 * fit.slopeU) inside++;
    levels += fit.slopeU / TRIALS;
  }
  // Two roundings differ by a triangular distribution: a little more than 95 % of it within 1.96 sigma.
  expect(inside / TRIALS).toBeGreaterThan(0.94);
  expect(inside / TRIALS).toBeLessThan(0.985);
  expect(levels).toBeGreaterThan(COUNT / 6 / 1.7);
});

test("a fast path that is what the rig says is called a contradiction in about one run of a hundred", () => {
  const { fits } = trials({ truth: busy, uFast: 7e-3, uReference: 2e-3, readings: 100 }, 20);
  const share = fits.filter((f) => f.contradiction > 9.21).length / TRIALS;
  expect(share).toBeGreaterThan(0.002);
  expect(share).toBeLessThan(0.02);
});

test("a level that runs away is found, whatever the load does meanwhile", () => {
  const pairs = Array.from({ length: 400 }, (_, k): Pairing => {
    const r = random(k, "drift");
    const i = 10 + 15 * (k / 400) + 5 * r.uniform();
    const fast = i - 0.2 * (k / 399) + 5e-3 * r.normal();
    return {
      at: 100 * k,
      fast,
      uFast: 5e-3,
      reference: i + 2e-3 * r.normal(),
      uReference: 2e-3,
      code: k,
    };
  });
  const fit = fitToReference(pairs, FAST, REFERENCE)!;
  expect(Math.abs(fit.drift - 0.2)).toBeLessThan(4 * fit.driftU);
  expect(Math.abs(fit.slope)).toBeLessThan(5 * fit.slopeU);
});

test("too few readings correct nothing", () => {
  const pair = { at: 0, fast: 1, uFast: 1, reference: 1, uReference: 1, code: 1 };
  expect(fitToReference(Array<Pairing>(7).fill(pair), FAST, REFERENCE)).toBeUndefined();
});
