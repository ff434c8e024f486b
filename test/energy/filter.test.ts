// The filter that is fitted to a telemetry channel against the one that made it: the virtual sensor's own window,
// delay, gain and offset; and what a channel so filtered claims, against closed forms.

import { describe, expect, test } from "@jest/globals";
import {
  delayRange,
  fitFilter,
  type FilterFit,
  isDetermined,
  rangeAmong,
} from "../../energy/claims/filter-fit.ts";
import { idealJ, shownIn } from "../../energy/claims/filtered.ts";
import { strobeRangeJ } from "../../energy/claims/strobe.ts";
import { PowerPrefix } from "../../energy/claims/prefix.ts";
import { knownSensor, type SensorModel } from "../../energy/claims/sensors.ts";
import { Series } from "../../energy/claims/series.ts";
import { powerTrace, type PowerTrace } from "../../virtual/bench/power.ts";
import type { Schedule } from "../../virtual/bench/schedule.ts";
import { type BoardSensor, virtualTelemetry } from "../../virtual/bench/telemetry.ts";
import { random } from "../../stats/random.ts";
import { every, readsOf } from "../support/telemetry.ts";

const MS = 1e6;
const END_NS = 30e9;

/** What an ideal channel would have claimed, J: lowest and highest. */
const idealOf = (
  series: Series,
  trace: PowerPrefix,
  filter: SensorModel,
  ends: readonly [number, number],
): readonly [number, number] => idealJ(shownIn(series, ...ends, filter.updateNs), trace, filter);

/** Between 80 and 400 W at random, every 37 to 400 ms: no period that a filter could be mistaken by. */
function load(seed: number): PowerTrace {
  const r = random(seed, "load");
  const [tNs, fromW]: [number[], number[]] = [[0], [100]];
  for (let t = 37 * MS; t < END_NS; t += 37 * MS + 363 * MS * r.uniform()) {
    tNs.push(t);
    fromW.push(80 + 320 * r.uniform());
  }
  const watts = Float64Array.from(fromW);
  const pieces = { tNs: Float64Array.from(tNs), fromW: watts, toW: watts };
  const schedule: Schedule = { ...pieces, endNs: END_NS, spans: [], kernels: [] };
  return powerTrace(schedule, 1 * MS);
}

/** As a shunt sees it, a row each millisecond. */
function seenBy(power: PowerTrace): PowerPrefix {
  const t = Float64Array.from(every(1 * MS, 0, END_NS));
  return new PowerPrefix(
    t,
    t.map((at) => power.at(at)),
  );
}

interface Channel {
  readonly windowMs: number;
  readonly delayMs: number;
  readonly periodMs?: number;
  readonly board?: BoardSensor;
}

function reads(
  { windowMs, delayMs, periodMs = 100, board = EXACT }: Channel,
  power: PowerTrace,
  everyMs = 10,
) {
  const kind = {
    kind: "windowed",
    name: "nvml.power_usage",
    periodNs: periodMs * MS,
    windowNs: windowMs * MS,
    delayNs: delayMs * MS,
  } as const;
  const channel = virtualTelemetry(kind, power, board, 5);
  return new Series(readsOf(every(everyMs * MS, 2e9, 29e9), (t) => channel.valueAt(t)));
}

const EXACT: BoardSensor = { gain: 1, offsetW: 0 };
const power = load(1);
const trace = seenBy(power);
const fitted = (c: Channel): FilterFit => fitFilter(reads(c, power).updates, trace, undefined)!;

describe("the fit finds the virtual sensor's own filter", () => {
  test.each<Channel>([
    { windowMs: 25, delayMs: 8 },
    { windowMs: 25, delayMs: 60 },
    { windowMs: 100, delayMs: 30 },
    { windowMs: 100, delayMs: 30, periodMs: 20 },
    { windowMs: 250, delayMs: 120 },
    { windowMs: 1000, delayMs: 8 },
    { windowMs: 1000, delayMs: 45 },
  ])("window $windowMs ms, delay $delayMs ms", (c) => {
    const fit = fitted(c);
    // An update falls between two reads 10 ms apart: half of that is not known.
    expect(Math.abs(fit.windowNs / MS - c.windowMs)).toBeLessThan(2);
    expect(Math.abs(fit.delayNs / MS - c.delayMs)).toBeLessThan(6);
    const [least, most] = delayRange(fit);
    expect(least / MS).toBeLessThanOrEqual(c.delayMs);
    expect(most / MS).toBeGreaterThanOrEqual(c.delayMs);
    expect(isDetermined(fit)).toBe(true);
    expect(fit.gain).toBeCloseTo(1, 1.5);
    expect(fit.updateNs / MS).toBeCloseTo(c.periodMs ?? 100, 6);
    expect(fit.r2).toBeGreaterThan(0.97);
    expect([fit.fitted, fit.origin]).toEqual([true, "fitted to this capture"]);
  });

  test("gain and offset of the board's sensor", () => {
    const fit = fitted({ windowMs: 100, delayMs: 20, board: { gain: 0.92, offsetW: 7 } });
    expect(Math.abs(fit.gain - 0.92)).toBeLessThan(0.01);
    expect(Math.abs(fit.offsetW - 7)).toBeLessThan(3);
  });
});

describe("where the load tells nothing", () => {
  const flat = new PowerPrefix(Float64Array.of(0, 30e9), Float64Array.of(200, 200));
  const series = reads({ windowMs: 100, delayMs: 8 }, power);
  const known = knownSensor("NVIDIA H100 PCIe", "nvml.power_instant")!;

  test("the table's filter is taken and says that it was not fitted", () => {
    const fit = fitFilter(series.updates, flat, known)!;
    expect(fit).toMatchObject({ ...known, fitted: false, gain: 1, offsetW: 0 });
    // Two standard uncertainties to either side.
    expect(rangeAmong(fit, (f) => f.windowNs / MS)).toEqual([21, 29]);
    expect(delayRange(fit).map((ns) => ns / MS)).toEqual([-50, 50]);
  });

  test("without a word of the table there is none; nor from fewer than eight updates", () => {
    expect(fitFilter(series.updates, flat, undefined)).toBeUndefined();
    const few = new Series(readsOf(every(10 * MS, 2e9, 2.6e9), (t) => power.at(t)));
    const seven = new Series(readsOf(every(100 * MS, 2e9, 2.8e9), (t) => power.at(t)));
    expect(fitFilter(few.updates, trace, known)).toBeDefined();
    expect(seven.tNs.length).toBe(8);
    expect(fitFilter(seven.updates, trace, known)).toBeUndefined();
  });

  test("updates of which the trace shows less than the longest filter looks back do not count", () => {
    const late = new PowerPrefix(trace.tNs.subarray(27_700), trace.powerW.subarray(27_700));
    expect(fitFilter(series.updates, late, known)).toBeUndefined();
  });
});

describe("what an ideal channel would have claimed", () => {
  const filter = (windowMs: number, delayMs: number): SensorModel => ({
    updateNs: 100 * MS,
    windowNs: windowMs * MS,
    delayNs: delayMs * MS,
    origin: "stated",
  });

  test.each([
    [25, 8],
    [100, 60],
    [1000, 30],
  ])("a window of %i ms, %i ms late: what the virtual sensor claims, at any place", (w, d) => {
    const series = reads({ windowMs: w, delayMs: d }, power, 1);
    for (const [t0, t1] of [
      [3e9, 5e9],
      [7.123e9, 7.9e9],
      [10e9, 13e9],
    ] as const) {
      const [low, high] = idealOf(series, trace, filter(w, d), [t0, t1]);
      const { energyJ } = series.claim(t0, t1);
      expect(low).toBe(high);
      // An update is known to 0.5 ms, and each counts for 100 ms.
      expect(Math.abs(low - energyJ)).toBeLessThan(320 * 2e-3);
    }
  });

  test("a ramp seen late by its delay and half its window: P falls short by slope · (delay + window/2)", () => {
    const t = Float64Array.of(0, 30e9);
    const ramp = new PowerPrefix(t, Float64Array.of(0, 3000));
    const value = (at: number) => Math.floor(at / (100 * MS));
    const series = new Series(readsOf(every(100 * MS, 1.95e9, 29e9), value));
    // Reads 100 ms apart see each update half a step late: at 2.0, 2.1, … it is put, read at 2.05, 2.15, …
    const [low, high] = idealOf(series, ramp, filter(200, 50), [10e9, 12e9]);
    const mean = 100 * (11 - 0.05 - 0.05 - 0.1);
    expect(low).toBeCloseTo(2 * mean, 6);
    expect(high).toBeCloseTo(low, 9);
  });

  test("where the filter looks back beyond the trace its power may be the least or the most", () => {
    // 100 W, then 300 W; a window of 1 s at 0.4 s after the begin has seen 0.4 s of the trace.
    const t = Float64Array.of(0, 2e9, 2.001e9, 9e9);
    const short = new PowerPrefix(t, Float64Array.of(100, 100, 300, 300));
    const series = new Series(readsOf([0.3e9, 0.5e9, 0.7e9], (at) => at));
    const [low, high] = idealOf(series, short, filter(1000, 0), [0.5e9, 0.5e9 + 1]);
    expect(low * 1e9).toBeCloseTo(0.4 * 100 + 0.6 * 100, 4);
    expect(high * 1e9).toBeCloseTo(0.4 * 100 + 0.6 * 300, 4);
  });

  test("the same beyond its end", () => {
    const t = Float64Array.of(0, 2e9, 2.001e9, 9e9);
    const short = new PowerPrefix(t, Float64Array.of(100, 100, 300, 300));
    const series = new Series(readsOf([9.1e9, 9.3e9, 9.5e9], (at) => at));
    const [low, high] = idealOf(series, short, filter(1000, 0), [9.3e9, 9.3e9 + 1]);
    expect(low * 1e9).toBeCloseTo(0.8 * 300 + 0.2 * 100, 4);
    expect(high * 1e9).toBeCloseTo(0.8 * 300 + 0.2 * 300, 4);
  });
});

describe("what a strobe could have claimed, by phase alone", () => {
  /** 300 W for 5 ms of each 20 ms, else 100 W. */
  const t = Float64Array.from(every(0.1 * MS, 0, 4e9));
  const square = new PowerPrefix(
    t,
    t.map((at) => (at % (20 * MS) < 5 * MS ? 300 : 100)),
  );

  test("point samples at the load's own period see one level for ever", () => {
    expect(strobeRangeJ(square, 1e9, 3e9, 20 * MS, 0)).toEqual([
      expect.closeTo(200, 6),
      expect.closeTo(600, 6),
    ]);
  });

  test("a window of one period sees the mean, whatever the phase", () => {
    const [low, high] = strobeRangeJ(square, 1e9, 3e9, 100 * MS, 20 * MS);
    expect(low).toBeCloseTo(300, 1);
    expect(high).toBeCloseTo(300, 1);
  });

  test("a window of 25 ms sees 5 or 10 ms of the load", () => {
    const [low, high] = strobeRangeJ(square, 1e9, 3e9, 100 * MS, 25 * MS);
    expect(low).toBeCloseTo(2 * (100 + 200 * (5 / 25)), -0.5);
    expect(high).toBeCloseTo(2 * (100 + 200 * (10 / 25)), -0.5);
  });

  test("beyond a million updates no forecast is made", () => {
    expect(strobeRangeJ(square, 0, 20e9 * MS, 20 * MS, 0)).toEqual([NaN, NaN]);
    expect(strobeRangeJ(square, 0, NaN, 20 * MS, 0)).toEqual([NaN, NaN]);
  });
});

describe("the table of known sensors", () => {
  test.each([
    ["NVIDIA H100 PCIe", "nvml.power_instant", 25, 100],
    ["NVIDIA H200", "nvml.power_instant", 25, 100],
    ["NVIDIA H200", "nvml.1.power_instant", 25, 100],
    ["NVIDIA H100 PCIe", "nvml.power_average", 1000, 100],
    ["NVIDIA A100-PCIE-40GB", "nvml.power_usage", 24, 104],
    ["NVIDIA GeForce RTX 3090", "nvml.power_instant", 100, 100],
    ["NVIDIA GeForce RTX 4090", "nvidia_smi.power_draw_instant", 111, 100],
    ["NVIDIA RTX A5000", "nvml.power_instant", 78, 100],
    ["NVIDIA GeForce RTX 2080 Ti", "nvidia_smi.power_draw", 102, 101],
    ["NVIDIA GeForce GTX 1080 Ti", "nvidia_smi.power_draw", 11, 20],
  ])("%s, %s: a mean of %i ms every %i ms", (gpu, channel, windowMs, updateMs) => {
    const { windowNs, updateNs, delayNs, origin } = knownSensor(gpu, channel)!;
    expect([windowNs / MS, updateNs / MS, delayNs]).toEqual([windowMs, updateMs, 0]);
    expect(origin).not.toBe("");
  });

  test.each([
    ["NVIDIA H100 PCIe", "rapl.package-0"],
    ["NVIDIA H100 PCIe", "rocm.power_average"],
    ["NVIDIA H100 PCIe", "hwmon.amdgpu.power1_average"],
    ["NVIDIA H100 PCIe", "nvml.temperature"],
    ["", "nvml.power_usage"],
    ["a card of tomorrow", "nvml.power_instant"],
    ["NVIDIA GeForce RTX 2080", "nvidia_smi.power_draw"],
  ])("%s, %s: nobody measured it, nothing is known", (gpu, channel) => {
    expect(knownSensor(gpu, channel)).toBeUndefined();
  });
});
