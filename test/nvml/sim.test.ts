// The simulated driver against what it is to imitate: windows, update period, strobing counter, refusals.

import { describe, expect, test } from "@jest/globals";
import { NvmlCode } from "../../nvml/codes.ts";
import { readEnvironment } from "../../nvml/environment.ts";
import { probeFeatures } from "../../nvml/features.ts";
import type { NvmlLibrary, Quantity } from "../../nvml/library.ts";
import { nvmlProvider } from "../../nvml/nvml-provider.ts";
import { H100_SENSOR, type SimOptions, simulateNvml } from "../../virtual/driver/sim.ts";

const UNIX_OFFSET_NS = 1.7e18;

/** A simulated library and the hand on its clock; it starts at 10 s. */
function sim(
  powerW: (tS: number) => number,
  options: Partial<SimOptions> = {},
): {
  nvml: NvmlLibrary;
  at(tS: number): void;
  read(q: Quantity): number;
  code(q: Quantity): number;
} {
  let nowNs = 10e9;
  const nvml = simulateNvml({
    powerW: (tNs) => powerW(tNs / 1e9),
    nowNs: () => nowNs,
    unixOffsetNs: UNIX_OFFSET_NS,
    ...options,
  });
  let value = NaN;
  let code = 0;
  const sink = { put: (v: number, c: number) => void ([value, code] = [v, c]) };
  return {
    nvml,
    at: (tS) => void (nowNs = tS * 1e9),
    read: (q) => (nvml.devices[0]!.read[q](sink), value),
    code: (q) => (nvml.devices[0]!.read[q](sink), code),
  };
}

const square =
  (periodS: number, onS: number, phaseS = 0) =>
  (t: number): number =>
    (((t - phaseS) % periodS) + periodS) % periodS < onS ? 600 : 100;

describe("simulated driver", () => {
  test("power_usage and average are a 1 s mean, instant is 25 ms, all refreshed every 100 ms", () => {
    const s = sim((t) => (t < 20 ? 100 : 600));
    s.at(20.55);
    expect(s.read("power_usage")).toBeCloseTo(350, 6); // half of the second up to 20.5
    expect(s.read("power_average")).toBeCloseTo(350, 6);
    expect(s.read("power_instant")).toBe(600);
    s.at(20.59);
    expect(s.read("power_usage")).toBeCloseTo(350, 6);
    s.at(20.61);
    expect(s.read("power_usage")).toBeCloseTo(400, 6);
  });

  test("a load locked to the update period strobes the instant field", () => {
    const claims = [0, 0.02, 0.05, 0.08].map((phase) => {
      const s = sim(square(0.1, 0.025, phase));
      s.at(20.01);
      return s.read("power_instant");
    });
    expect(Math.min(...claims)).toBe(100);
    expect(Math.max(...claims)).toBeGreaterThan(400);
  });

  test("a load locked to 20 ms strobes the counter; another period does not", () => {
    const meanW = (periodS: number, phaseS: number): number => {
      const s = sim(square(periodS, periodS / 4, phaseS));
      const start = s.read("energy_counter");
      s.at(20);
      return (s.read("energy_counter") - start) / 10;
    };
    const locked = [0, 0.005, 0.01, 0.015].map((phase) => meanW(0.02, phase)); // truth: 225 W
    expect(Math.max(...locked) / Math.min(...locked)).toBeGreaterThan(1.5);
    for (const phase of [0, 0.005, 0.01]) expect(meanW(0.0213, phase) / 225).toBeCloseTo(1, 1);
  });

  test("the counter is right for a slow load, and wraps where told", () => {
    const s = sim(() => 300, { counterWrapsAtJ: 1000 });
    const start = s.read("energy_counter");
    s.at(13);
    expect(s.read("energy_counter") - start).toBeCloseTo(900, 6);
    s.at(14);
    expect(s.read("energy_counter")).toBeCloseTo((start + 1200) % 1000, 6);
  });

  test("the ring gives each 20 ms sample once, in Unix time", () => {
    const s = sim((t) => t);
    const stamps: number[] = [];
    const sink = { put: (_v: number, _c: number, stampUs: number) => void stamps.push(stampUs) };
    const device = s.nvml.devices[0]!;
    for (let t = 10; t < 12; t += 0.137) {
      s.at(t);
      device.read.power_samples(sink);
    }
    expect(stamps.length).toBeGreaterThan(90);
    const steps = new Set(stamps.slice(1).map((t, i) => t - stamps[i]!));
    expect([...steps]).toEqual([20_000]);
    expect(stamps[0]! - (10e9 + UNIX_OFFSET_NS) / 1e3).toBeLessThan(1e5);
  });

  test("gain and offset bend every claim", () => {
    const s = sim(() => 200, { sensor: { ...H100_SENSOR, gain: 0.95, offsetW: 3 } });
    s.at(12);
    expect(s.read("power_instant")).toBeCloseTo(193, 9);
  });

  test("permanent refusals remove a channel, others stay", () => {
    const { nvml } = sim(() => 1, { refuse: { power_average: 3, temperature: 10 } });
    const features = probeFeatures(nvml.devices[0]!);
    const supported = (q: Quantity): boolean => features.find((f) => f.quantity === q)!.supported;
    expect([supported("power_average"), supported("temperature")]).toEqual([false, true]);
    expect(nvmlProvider(nvml, "fast").missing).toEqual([
      "nvml.power_average: not supported (code 3)",
    ]);
  });

  test("a lost GPU answers its code everywhere, and never a number", () => {
    const s = sim(() => 300, { lostAtNs: 11e9 });
    expect(s.read("power_usage")).toBe(300);
    s.at(11.5);
    const features = probeFeatures(s.nvml.devices[0]!);
    expect(new Set(features.map((f) => f.code))).toEqual(new Set([NvmlCode.gpuIsLost]));
    expect(s.read("power_usage")).toBeNaN();
  });

  test("under MIG utilisation is refused and the environment warns of whole-GPU power", async () => {
    const s = sim(() => 300, { mig: true });
    expect(s.code("utilization_gpu")).toBe(NvmlCode.notSupported);
    expect(s.code("power_usage")).toBe(0);
    const { warnings, nvml } = await readEnvironment({ nvml: s.nvml });
    expect(nvml?.simulated).toBe(true);
    expect(warnings.some((w) => w.includes("MIG is on"))).toBe(true);
  });

  test("several GPUs have their index in the channel name", () => {
    const provider = nvmlProvider(sim(() => 1, { gpus: 2 }).nvml, "fast");
    expect(provider.channels.map((c) => c.name)).toEqual([
      "nvml.0.power_usage",
      "nvml.1.power_usage",
      "nvml.0.power_average",
      "nvml.1.power_average",
      "nvml.0.power_instant",
      "nvml.1.power_instant",
    ]);
    expect(provider.description).toMatch(/^simulated NVML/);
  });
});
