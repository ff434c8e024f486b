// How far a figure can be used, and what is known of sensors: at the edges of each rule.

import { describe, expect, test } from "@jest/globals";
import { inDoubt, QUALITIES, quality } from "../../energy/quality.ts";
import { knownSensor } from "../../energy/claims/sensors.ts";

describe("quality", () => {
  test.each<[samples: number, durationS: number, gap: number, found: string]>([
    [1, 9, 0, "no_data"],
    [2, 9, 0, "estimate"],
    [3, 9, 0, "good"],
    [8, 9, 0, "good"],
    [9, 9, 0, "billable"],
    [9, 1, 0, "good"],
    [9, 1.001, 0, "billable"],
    [9, 9, 0.0499, "billable"],
    [9, 9, 0.05, "good"],
    [9, 9, 0.1, "good"],
    [9, 9, 0.1001, "gappy"],
    [1, 9, 0.9, "no_data"],
    [2, 9, 0.1, "estimate"],
  ])("%d samples in %d s, %d of it not observed: %s", (samples, durationS, gap, found) => {
    expect(quality(samples, durationS, gap)).toBe(found);
  });

  test.each<[maxGapS: number, found: string]>([
    [0.25, "billable"],
    [0.2501, "good"],
    [0.5, "good"],
    [0.5001, "gappy"],
  ])("with one hole of %d s: %s", (maxGapS, found) => {
    expect(quality(9000, 900, 0.001, maxGapS)).toBe(found);
  });

  test("what is in doubt is an estimate at best, and never better than it was", () => {
    const doubted = QUALITIES.map((q) => inDoubt(q, true));
    expect(doubted).toEqual(["no_data", "gappy", "estimate", "estimate", "estimate"]);
    expect(QUALITIES.map((q) => inDoubt(q, false))).toEqual([...QUALITIES]);
  });
});

describe("known sensors", () => {
  test.each<[gpu: string, channel: string, updateMs: number, windowMs: number, origin: RegExp]>([
    ["NVIDIA RTX A5000", "nvml.power_instant", 100, 78, /Yang/],
    ["NVIDIA GeForce RTX 4090", "nvml.power_instant", 100, 111, /Yang/],
    ["NVIDIA GeForce RTX 3090", "power_instant", 100, 100, /Yang/],
    ["NVIDIA GeForce RTX 4070", "power_instant", 100, 100, /Yang/],
    ["NVIDIA GeForce RTX 3050", "power_instant", 100, 100, /Yang/],
    ["NVIDIA GeForce RTX 3090", "power_usage", 100, 1000, /nvml\.h/],
    ["NVIDIA GeForce RTX 2080", "power_draw", 101, 102, /Yang/],
    ["NVIDIA TITAN RTX", "power_usage", 101, 102, /Yang/],
    ["NVIDIA GeForce GTX 1080", "power_usage", 20, 11, /Yang/],
    ["NVIDIA GeForce GTX 1050", "power_draw", 20, 11, /Yang/],
    ["NVIDIA A100-SXM4-40GB", "power_draw", 104, 24, /Yang/],
    ["NVIDIA A100-SXM4-40GB", "power_instant", 104, 24, /Yang/],
    ["NVIDIA A100-SXM4-40GB", "power_average", 100, 1000, /nvml\.h/],
    ["NVIDIA H100 80GB HBM3", "nvml.power_instant", 100, 25, /driver 580/],
    ["NVIDIA H200", "nvml.power_instant", 100, 25, /driver 580/],
    ["NVIDIA GH200 480GB", "nvml.power_instant", 100, 25, /driver 580/],
    ["NVIDIA H100 80GB HBM3", "nvml.power_usage", 100, 1000, /nvml\.h/],
    ["", "nvml.power_instant", 100, 100, /most common/],
    ["", "nvml.power_average", 100, 1000, /nvml\.h/],
  ])("%s, %s: every %d ms, over %d ms", (gpu, channel, updateMs, windowMs, origin) => {
    const found = knownSensor(gpu, channel);
    expect(found).toMatchObject({ updateNs: updateMs * 1e6, windowNs: windowMs * 1e6, delayNs: 0 });
    expect(found!.origin).toMatch(origin);
  });

  test("of a channel that is no power field nothing is known", () => {
    expect(knownSensor("NVIDIA H100 80GB HBM3", "temperature")).toBeUndefined();
  });
});
