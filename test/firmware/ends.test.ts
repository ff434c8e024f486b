// When an INA226's conversion ended, as the image says it, against the emulated chip's own: several chips of
// unequal clocks on one alert line, on none, and some on it. Every end lies inside its stated bound.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { buildImage } from "../../firmware/image.ts";
import type { Scenario } from "../../firmware/emulator/trial.ts";
import { endBoundTicks } from "../../schema/wire/ina226.ts";
import { type Trial, trial, whyNot } from "./trial.ts";

const suite = whyNot ? describe.skip : describe;
const MINUTES = 60_000;
const ADDRESSES = [0x40, 0x41, 0x44, 0x45];
const base: Scenario = { rowHz: 100_000, mask: 15, seconds: 1.5, edgesHz: 300, seed: 1 };

interface Account {
  readonly readings: number;
  readonly outside: number;
  /** Conversions that no reading is of. */
  readonly missed: number;
  readonly uncertain: number;
  readonly widestUs: number;
}

function account(t: Trial): Account {
  let [readings, outside, missed, uncertain, widestUs] = [0, 0, 0, 0, 0];
  for (const { address, endsNs } of t.truth.conversionsNs) {
    const mine = t.readings.filter((r) => r.address === address);
    readings += mine.length;
    const ends = endsNs.map((ns) => ns / 1e3);
    const of = mine.map((r) => nearest(ends, Number(r.endTick)));
    mine.forEach((r, i) => {
      const bound = endBoundTicks(r.status);
      if (bound > 64) uncertain++;
      widestUs = Math.max(widestUs, bound);
      const off = Math.abs(Number(r.endTick) - ends[of[i]!]!);
      // A conversion is read once: a reading that looks like its neighbour's is outside too.
      if (!(off <= bound) || (i > 0 && of[i]! <= of[i - 1]!)) outside++;
    });
    missed += of.at(-1)! - of[0]! + 1 - mine.length;
  }
  return { readings, outside, missed, uncertain, widestUs };
}

function nearest(sorted: readonly number[], x: number): number {
  let best = 0;
  sorted.forEach((v, i) => {
    if (Math.abs(v - x) < Math.abs(sorted[best]! - x)) best = i;
  });
  return best;
}

suite(`ends of INA226 conversions${whyNot ? ` (skipped: ${whyNot})` : ""}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "truejoule-ends-"));
  let image = "";
  beforeAll(() => {
    image = buildImage(folder).bin;
  }, MINUTES);
  afterAll(() => rmSync(folder, { recursive: true }));

  const yes = true;
  const no = false;
  test.each([
    ["one chip, its alert wired", [0.91], [yes], 0, 64],
    ["two chips on one alert line", [0.99, 1.01], [yes, yes], 0.2, 512],
    ["two chips of almost one clock on one line", [1, 1.0001], [yes, yes], 1, 1024],
    ["four chips on one alert line", [0.98, 0.985, 1.0, 1.03], [yes, yes, yes, yes], 0.3, 2048],
    ["one chip, no alert", [1.0], [no], 1, 512],
    ["one fast chip, no alert", [0.91], [no], 1, 1024],
    ["one slow chip, no alert", [1.09], [no], 1, 512],
    ["two chips, no alert", [0.95, 1.04], [no, no], 1, 1024],
    ["four chips, no alert", [0.91, 0.985, 1.0, 1.09], [no, no, no, no], 1, 2048],
    ["two wired, two not", [0.99, 1.01, 0.97, 1.03], [yes, yes, no, no], 1, 2048],
  ])(
    "%s",
    async (_, clocks, wired, share, widest) => {
      const sensors = clocks.map((slowness, i) => ({
        address: ADDRESSES[i]!,
        slowness,
        alerts: wired[i]!,
      }));
      const t = await trial(image, { ...base, sensors });
      const a = account(t);
      expect(a.readings).toBeGreaterThan(100 * clocks.length);
      expect(a).toMatchObject({ outside: 0, missed: 0 });
      expect(t.readings.every((r) => (r.status & 3) === 0)).toBe(true);
      expect(a.uncertain).toBeLessThanOrEqual(share * a.readings);
      expect(a.widestUs).toBeLessThanOrEqual(widest);
      expect(t.decoder.counts).toMatchObject({ rowsLost: 0, framesLost: 0 });
    },
    5 * MINUTES,
  );
});
