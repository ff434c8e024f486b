// Channels that say little of the load, or nothing: which of them a filter is found for, and what it leaves open.

import { describe, expect, test } from "@jest/globals";
import {
  delayRange,
  fitFilter,
  type FilterFit,
  isDetermined,
  rangeAmong,
} from "../../energy/claims/filter-fit.ts";
import { PowerPrefix } from "../../energy/claims/prefix.ts";
import { knownSensor } from "../../energy/claims/sensors.ts";
import { Series } from "../../energy/claims/series.ts";
import { compare, prepare } from "../../energy/compare.ts";
import type { Comparison } from "../../energy/result.ts";
import { random } from "../../stats/random.ts";
import { readsOf } from "../support/telemetry.ts";
import { withRun } from "../support/made-run.ts";

const NAME = "nvml.power_usage";
/** The last digit of a reading that is never twice the same. */
const DITHER_W = 0.001;
type PowerW = (s: number) => number;

interface Channel {
  readonly windowS?: number;
  readonly delayS?: number;
  readonly readS?: number;
  /** What it shows instead of the load. */
  readonly shown?: PowerW;
}

/** Renewed each 100 ms, 43 ms after the full tenth. */
function channelOf(powerW: PowerW, { windowS = 0.1, delayS = 0.03, shown }: Channel): PowerW {
  const parts = Math.round(windowS * 1000);
  const mean = (end: number): number => {
    let sum = 0;
    for (let k = 0; k < parts; k++) sum += powerW(end - (k + 0.5) / 1000);
    return sum / parts;
  };
  const known = new Map<number, number>();
  return (s) => {
    const k = Math.floor(10 * (s - 0.043));
    const at = k / 10 + 0.043;
    if (!known.has(k)) known.set(k, shown ? shown(at) : mean(at - delayS) + DITHER_W * (k & 1));
    return known.get(k)!;
  };
}

function seen(powerW: PowerW, channel: Channel = {}, seconds = 20): Comparison {
  const { readS = 0.01 } = channel;
  const atS = Array.from({ length: Math.floor(seconds / readS) }, (_, i) => (i + 0.31) * readS);
  const value = channelOf(powerW, channel);
  const telemetry = [
    { channel: { name: NAME, quantity: "power", unit: "W" }, atS, value },
  ] as const;
  return withRun({ seconds, powerW, telemetry }, (path) => compare(prepare(path)));
}

const filterOf = (c: Comparison): FilterFit | undefined => c.filters.get(NAME);

/** Between 80 and 400 W, anew every 37 to 400 ms or so much longer. */
function levels(slower = 1): PowerW {
  const r = random(7, "levels");
  const begin: number[] = [];
  const watts: number[] = [];
  for (let s = -5; s < 60; s += slower * (0.037 + 0.363 * r.uniform())) {
    begin.push(s);
    watts.push(80 + 320 * r.uniform());
  }
  return (s) => watts[begin.findLastIndex((from) => from <= s)] ?? 100;
}

function expectHeld(f: FilterFit | undefined, windowMs: number, delayMs: number): void {
  const [least, most] = rangeAmong(f!, (x) => x.windowNs / 1e6);
  expect(least).toBeLessThanOrEqual(windowMs);
  expect(most).toBeGreaterThanOrEqual(windowMs);
  const [early, late] = delayRange(f!).map((ns) => ns / 1e6);
  expect(early).toBeLessThanOrEqual(delayMs);
  expect(late).toBeGreaterThanOrEqual(delayMs);
}

describe("rows that are no measurement", () => {
  test.each([
    ["no number", NaN],
    ["a spike", 1e9],
  ])("%s: claims and filters as without the row", (_, badW) => {
    const load = levels();
    const { filters, windows } = withRun(
      {
        seconds: 20,
        powerW: (s) => (Math.abs(s - 7) < 0.0004 ? badW : load(s)),
        telemetry: [
          {
            channel: { name: NAME, quantity: "power", unit: "W" },
            atS: Array.from({ length: 1990 }, (_, i) => (i + 0.31) / 100),
            value: channelOf(load, {}),
          },
        ],
      },
      (path) => compare(prepare(path)),
    );
    expectHeld(filters.get(NAME), 100, 30);
    for (const { intervalJ, energyJ } of windows[0]!.telemetry) {
      expect(intervalJ[0]).toBeLessThan(energyJ);
      expect(intervalJ[1]).toBeGreaterThan(energyJ);
    }
  });
});

describe("a load that shows little", () => {
  test("one step: no window is excluded by one update on its edge", () => {
    const f = filterOf(seen((s) => (s < 9.3 ? 100 : 300)));
    expectHeld(f, 100, 30);
    expect(isDetermined(f!)).toBe(false);
  });

  test("a square whose edges all fall alike on updates: a longer window explains it with another delay", () => {
    for (const delayS of [0.03, 0.06]) {
      const f = filterOf(seen((s) => (s % 1 < 0.5 ? 100 : 300), { windowS: 0.025, delayS }));
      expectHeld(f, 25, 1000 * delayS);
    }
  });

  test("flat, but for rounding: no filter", () => {
    const flat = 200 / 3;
    const shown = (s: number): number => flat + 3e-14 * Math.sin(1e4 * s);
    expect(filterOf(seen(() => flat, { shown }))).toBeUndefined();
  });

  test("in step with the updates: what falls when the load rises is no channel of it", () => {
    const load = (s: number): number => (s % 0.2 < 0.1 ? 100 : 300);
    const f = filterOf(seen(load, { windowS: 0.025, delayS: 0.01 }));
    if (f) expect(rangeAmong(f, (x) => x.gain)[0]).toBeGreaterThanOrEqual(0);
    const against = filterOf(seen(levels(), { shown: (s) => 500 - levels()(s) }));
    expect(against).toBeUndefined();
  });
});

describe("filters beyond what is tried", () => {
  test.each<[string, Channel, number]>([
    ["a window of 3 s", { windowS: 3, delayS: 0 }, 30],
    ["stamped 0.3 s late", { delayS: -0.3 }, 30],
    ["a second of mean in a capture of 2 s", { windowS: 1 }, 2],
    ["a reading a second", { readS: 1 }, 50],
  ])("%s: none is found", (_, channel, seconds) => {
    expect(filterOf(seen(levels(4), channel, seconds))).toBeUndefined();
  });
});

describe("a card whose field was measured", () => {
  const known = knownSensor("H100 PCIe", "nvml.power_instant")!;
  const isHeld = (f: FilterFit | undefined, ms: number): void => {
    const [least, most] = rangeAmong(f!, (x) => x.windowNs / 1e6);
    expect(least).toBeLessThanOrEqual(ms);
    expect(most).toBeGreaterThanOrEqual(ms);
  };
  const fitOf = (shown: Channel): FilterFit | undefined => {
    const load = levels();
    const atNs = Array.from({ length: 1990 }, (_, i) => (i + 0.31) * 1e7);
    const value = channelOf(load, shown);
    const series = new Series(readsOf(atNs, (t) => value(t / 1e9)));
    const tNs = Float64Array.from({ length: 20_001 }, (_, i) => i * 1e6);
    const trace = new PowerPrefix(
      tNs,
      tNs.map((t) => load(t / 1e9)),
    );
    return fitFilter(series.updates, trace, known);
  };

  test.each([25, 100, 1000])("a load that shows %i ms weighs more than the row", (ms) => {
    const f = fitOf({ windowS: ms / 1000 });
    expect(f?.fitted).toBe(true);
    isHeld(f, ms);
  });

  test("unseen, what it leaves of the updates is left open of a claim", () => {
    const r = random(3, "noise");
    const f = fitOf({ shown: () => 200 + 2 * (r.uniform() - 0.5) });
    expect(f?.fitted).toBe(false);
    expect(f?.residualW).toBeGreaterThan(0.3);
  });
});

describe("plain claims of channels whose window nobody knows", () => {
  const holds = (c: Comparison): void => {
    for (const { physical, telemetry } of c.windows)
      for (const { intervalJ } of telemetry) {
        expect(intervalJ[0]).toBeLessThanOrEqual(physical!.energyJ);
        expect(intervalJ[1]).toBeGreaterThanOrEqual(physical!.energyJ);
      }
  };

  test("pulses in step with its updates: it may have seen any part of them", () => {
    for (const delayS of [0, 0.03, 0.06])
      holds(seen((s) => (s % 0.1 < 0.05 ? 100 : 300), { windowS: 0.025, delayS }));
  });

  test("a mean over a second that a square of a second does not show", () => {
    holds(seen((s) => (s % 1 < 0.5 ? 100 : 300), { windowS: 1 }));
  });
});
