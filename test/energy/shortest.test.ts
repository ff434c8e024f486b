// The shortest event that a set-up resolves: by rows, sensors and the path before them; by a channel's updates.

import { expect, test } from "@jest/globals";
import { compare, prepare } from "../../energy/compare.ts";
import { comparisonToJson } from "../../dataset/documents/compare-json.ts";
import { shortestClaims, shortestOfCard, shortestOnRails } from "../../energy/shortest.ts";
import { withRun } from "../support/made-run.ts";
import { powerRail, rigOf } from "../support/rig.ts";

test("three rows, two where rows are means", () => {
  expect(shortestOnRails(rigOf({ rowHz: 1000 }))).toEqual({ s: 0.003, limit: "3 rows at 1 kHz" });
  const means = rigOf({ rowHz: 1000, sampling: "interval_mean" });
  expect(shortestOnRails(means)).toEqual({ s: 0.002, limit: "2 rows at 1 kHz" });
});

test("the slowest sensor's rise, or the path's step response, where that is longer", () => {
  const rails = [powerRail("a", { bandwidthHz: 1e6 }), powerRail("b", { bandwidthHz: 100 })];
  const rig = rigOf({ rowHz: 1000, rails });
  expect(shortestOnRails(rig)).toEqual({
    s: expect.closeTo(0.35 / 100, 4),
    limit: "the rise of bp",
  });
  expect(shortestOnRails({ ...rig, stepResponseS: 0.003 }).limit).toBe("the rise of bp");
  expect(shortestOnRails({ ...rig, stepResponseS: 0.004 })).toEqual({
    s: 0.004,
    limit: "the physical path's step response",
  });
});

test("three updates of a channel, or its window where that is longer", () => {
  const ms = (updateMs: number, windowMs: number): number[] => {
    const sight = { updateNs: updateMs * 1e6, windowNs: windowMs * 1e6, delayNs: 0 };
    const channel = { name: "nvml.power_usage", sight: { ...sight, rangeW: [0, 1], swingW: 1 } };
    return shortestClaims([channel as never]).map((c) => Math.round(c.s * 1e6) / 1e3);
  };
  expect(ms(100, 25)).toEqual([300]);
  expect(ms(100, 1000)).toEqual([1000]);
  expect(ms(20, 0)).toEqual([60]);
  // One read has no distance to another.
  expect(ms(0, 0)).toEqual([]);
});

test("what is known of a card before it is read", () => {
  const of = (gpu: string) =>
    shortestOfCard(gpu, ["nvml.power_usage", "nvml.energy_counter"], 10e6).map((c) => c.s);
  expect(of("NVIDIA H100 80GB HBM3")).toEqual([1, expect.closeTo(0.06, 12)]);
  expect(of("Card")).toEqual([0.3, 0.3]);
});

test("compare says it of every run", () => {
  const channel = { name: "meter.power_average", quantity: "power", unit: "W" } as const;
  const atS = Array.from({ length: 40 }, (_, i) => i / 20);
  const run = {
    seconds: 2,
    powerW: () => 100,
    telemetry: [{ channel, atS, value: () => 100 }],
  };
  const document = withRun(run, (path) => comparisonToJson(compare(prepare(path)), "run"));
  expect(document.shortest_event).toEqual({
    rails: { duration_s: 0.003, limit: "3 rows at 1 kHz" },
    claims: [
      {
        channel: "meter.power_average",
        duration_s: expect.closeTo(0.15, 9),
        update_period_s: expect.closeTo(0.05, 9),
      },
    ],
  });
});
