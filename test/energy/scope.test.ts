// What a channel measures, and which claims may be set against the rails.

import { describe, expect, test } from "@jest/globals";
import { summedClaims } from "../../energy/claims/sums.ts";
import { kindsOf, measuredBy, scopeOf, sumName } from "../../energy/claims/scope.ts";
import { compare, prepare } from "../../energy/compare.ts";
import type { TelemetryChannel } from "../../schema/records.ts";
import { withRun } from "../support/made-run.ts";
import { powerRail, rigOf } from "../support/rig.ts";

test.each([
  ["nvml.power_usage", "gpu:0"],
  ["nvml.3.power_usage", "gpu:3"],
  ["nvidia_smi.1.power_draw_instant", "gpu:1"],
  ["rocm.power_average", "gpu:0"],
  ["rocm.device", "gpu:0"],
  ["hwmon.xe.card_energy", "gpu:0"],
  ["rapl.package-1", "cpu:1"],
  ["rapl.package-0.dram", "cpu:0"],
  ["rapl.psys", "cpu:0"],
  ["hwmon.ina3221.VDD_IN", "module"],
  ["hwmon.nvme.composite", "other"],
  ["meter.outlet", "other"],
])("%s measures %s", (channel, measured) => {
  expect(measuredBy(channel)).toBe(measured);
});

describe("which claims are set against the rails", () => {
  const rig = (...feeds: (readonly string[] | undefined)[]) => ({
    rails: feeds.map((f, i) => ({ ...powerRail(`r${i}`), ...(f ? { feeds: f } : {}) })),
  });
  const one = ["nvml.power_usage", "nvml.energy_counter", "rapl.package-0"];
  const two = ["nvml.0.power_usage", "nvml.1.power_usage", "rapl.package-0"];
  const held = (feeds: Parameters<typeof rig>, channels: string[], known = {}) => {
    const scope = scopeOf(rig(...feeds), channels, Object.values(known));
    return [channels.filter(scope.holds), scope.unassigned, scope.elsewhere];
  };

  test("of the only GPU, and of nothing beside it", () => {
    expect(held([undefined], one)).toEqual([one.slice(0, 2), [], ["rapl.package-0"]]);
    expect(held([["0"], ["GPU-7"]], one)).toEqual([one.slice(0, 2), [], ["rapl.package-0"]]);
  });

  test("of several GPUs none, unless the rails say which one", () => {
    expect(held([undefined], two)).toEqual([[], two.slice(0, 2), ["rapl.package-0"]]);
    expect(held([["1"]], two)).toEqual([["nvml.1.power_usage"], [], [two[0], two[2]]]);
    expect(held([["0"], ["1"]], two)).toEqual([[], [], ["rapl.package-0"]]);
    const known = [
      { uuid: "GPU-a", index: 0 },
      { uuid: "GPU-b", index: 1 },
    ];
    expect(held([["GPU-b"]], two, known)[0]).toEqual(["nvml.1.power_usage"]);
  });

  test("of several that the rails feed together only kinds that all of them have, as a sum", () => {
    const three = [...two, "nvml.0.energy_counter", "nvml.2.power_usage"];
    const scope = scopeOf(rig(["0"], ["1"]), three, []);
    expect(scope.together).toEqual(["gpu:0", "gpu:1"]);
    expect(three.filter(scope.holds)).toEqual([]);
    expect(scope.unassigned).toEqual(["nvml.0.energy_counter"]);
    expect(scope.elsewhere).toEqual(["rapl.package-0", "nvml.2.power_usage"]);
    expect([...kindsOf(three, scope.together)]).toEqual([["nvml.power_usage", two.slice(0, 2)]]);
    expect(sumName(two.slice(0, 2))).toBe("nvml.0+1.power_usage");
    expect(measuredBy("nvml.0+1.power_usage")).toBe("gpu:0+1");
    // One rail of both, and another thing beside a card.
    expect(held([["0", "1"]], two)[1]).toEqual([]);
    expect(held([["0", "cpu:0"]], one)).toEqual([[], one, []]);
  });

  test("of a processor whose rails are measured; of whatever there is where nothing is a GPU's", () => {
    expect(held([["cpu:0"]], one)).toEqual([["rapl.package-0"], [], one.slice(0, 2)]);
    expect(held([undefined], ["rapl.package-0", "meter.outlet"])[0]).toHaveLength(2);
  });
});

test("what is not compared is listed without an error, and said to be", () => {
  const channel = (name: string): TelemetryChannel => ({ name, quantity: "power", unit: "W" });
  const atS = Array.from({ length: 80 }, (_, i) => i / 10);
  const run = {
    ...{ seconds: 8, powerW: () => 200 },
    telemetry: ["nvml.power_usage", "hwmon.nvme.power"].map((name) => ({
      ...{ channel: channel(name), atS },
      value: () => 190,
    })),
  };
  withRun(run, (path) => {
    const c = compare(prepare(path));
    const claims = c.windows[0]!.telemetry.filter((t) => t.method === "trapezoid");
    expect(claims.map((t) => [t.channel, t.measures, t.errorPct === null])).toEqual([
      ["nvml.power_usage", "gpu:0", false],
      ["hwmon.nvme.power", "other", true],
    ]);
    expect(c.findings.filter((f) => f.code === "claims-elsewhere")).toEqual([
      expect.objectContaining({ level: "remark", subject: "hwmon.nvme.power" }),
    ]);
  });
});

test("claims of one kind add up, their intervals end by end; one that is not known leaves no sum", () => {
  const claim = (channel: string, energyJ: number, more = {}) => ({
    ...{
      channel,
      method: "trapezoid",
      energyJ,
      samples: 9,
      gapFraction: 0.1,
      updates: 3,
      failedReads: 1,
    },
    intervalJ: [energyJ - 3, energyJ + 4] as const,
    ...more,
  });
  const worse = { samples: 5, gapFraction: 0.2, failedReads: 2 };
  const claims = [
    claim("nvml.0.power_usage", 10),
    claim("rapl.package-0", 1000),
    claim("nvml.1.power_usage", 20, worse),
    claim("nvml.0.energy_counter", 11, { method: "counter" }),
    claim("nvml.1.energy_counter", NaN, { method: "counter" }),
  ];
  expect(summedClaims(claims, ["gpu:0", "gpu:1"])).toEqual([
    {
      of: {
        ...{ channel: "nvml.0+1.power_usage", method: "trapezoid" },
        sums: ["nvml.0.power_usage", "nvml.1.power_usage"],
      },
      claim: {
        ...{ energyJ: 30, intervalJ: [24, 38], samples: 5, updates: 3 },
        ...{ gapFraction: 0.2, failedReads: 3 },
      },
    },
  ]);
  expect(summedClaims(claims, [])).toEqual([]);
});

describe("two cards on the same rails", () => {
  const atS = Array.from({ length: 800 }, (_, i) => i / 100);
  const card = (name: string, watts: number, until = Infinity) => ({
    channel: { name, quantity: "power", unit: "W" } as const,
    atS: atS.filter((s) => s < until),
    value: () => watts,
  });
  const rig = rigOf({ rails: [{ ...powerRail(), feeds: ["0", "1"] }] });
  const run = (...telemetry: ReturnType<typeof card>[]) => ({
    ...{ seconds: 8, powerW: () => 300, rig, telemetry },
    windows: [["late", 5, 7]] as const,
  });

  test("their claims' sum is set against the rails' sum", () => {
    const cards = run(card("nvml.0.power_usage", 200), card("nvml.1.power_usage", 115));
    withRun(cards, (path) => {
      const c = compare(prepare(path));
      for (const { telemetry } of c.windows) {
        const [zero, one, both, ...more] = telemetry;
        expect([zero!.errorPct, one!.errorPct, more]).toEqual([null, null, []]);
        expect(both).toMatchObject({
          channel: "nvml.0+1.power_usage",
          measures: "gpu:0+1",
          sums: ["nvml.0.power_usage", "nvml.1.power_usage"],
          method: "trapezoid",
          energyJ: zero!.energyJ + one!.energyJ,
        });
        expect(both!.intervalJ[1]).toBeCloseTo(zero!.intervalJ[1] + one!.intervalJ[1], 9);
        expect(both!.samples).toBe(Math.min(zero!.samples, one!.samples));
        expect(both!.errorPct).toBeCloseTo(5, 0);
        // Twice 5 W of 300 W.
        expect(both!.errorUncertaintyPct).toBeGreaterThan(3);
      }
      expect(c.findings.map((f) => f.code)).not.toContain("rails-unassigned");
    });
  });

  test("not where one of them claims nothing in the window, nor where it has no claim of the kind", () => {
    const half = run(card("nvml.0.power_usage", 200), card("nvml.1.power_usage", 115, 4));
    withRun(half, (path) => {
      const { windows } = compare(prepare(path));
      const late = windows.find((r) => r.window.name === "late-1")!;
      expect(late.telemetry.filter((t) => t.sums && t.errorPct !== null)).toEqual([]);
    });
    withRun(run(card("nvml.0.power_usage", 200), card("nvml.1.power_instant", 115)), (path) => {
      const c = compare(prepare(path));
      expect(c.windows[0]!.telemetry.filter((t) => t.sums)).toEqual([]);
      expect(c.findings.filter((f) => f.code === "rails-unassigned")).toEqual([
        expect.objectContaining({ level: "doubt", count: 2 }),
      ]);
    });
  });
});
