// Operational energy: what a load took beyond the idle that the same run shows, and never a guess.

import { expect, test } from "@jest/globals";
import { compare, prepare } from "../../energy/compare.ts";
import type { Comparison, WindowResult } from "../../energy/result.ts";
import type { TelemetryChannel } from "../../schema/records.ts";
import { powerRail, rigOf } from "../support/rig.ts";
import { type MadeRun, withRun } from "../support/made-run.ts";

const compared = (run: MadeRun): Comparison => withRun(run, (path) => compare(prepare(path)));
const physicalOf = (c: Comparison, name: string) => resultOf(c, name).physical!;
const resultOf = (c: Comparison, name: string): WindowResult =>
  c.windows.find((w) => w.window.name === name)!;

/** `watts` between 2 and 5 s, else 50 W; edges within a row. */
const pulse = (watts: number) => (s: number) => (s >= 2 && s < 5 ? watts : 50);

test("E − P_idle · T: 3 s of 300 W over an idle of 50 W are 750 J", () => {
  const c = compared({ seconds: 8, powerW: pulse(300), windows: [["job", 2, 5]] });
  expect(c.idle?.powerW).toBeCloseTo(50, 1);
  const { energyJ, operationalJ, meanPowerW } = physicalOf(c, "job-1");
  expect(energyJ).toBeCloseTo(900, 0);
  expect(meanPowerW).toBeCloseTo(300, 0);
  expect(operationalJ).toBeCloseTo(energyJ - 3 * c.idle!.powerW, 9);
  expect(operationalJ).toBeCloseTo(750, 0);
});

test("its U: a gain that is off is off in both, and counts for the difference alone", () => {
  const rig = rigOf({ rails: [powerRail("a", { gainU: 0.01, offsetU: 2 })] });
  const c = compared({ seconds: 8, powerW: pulse(300), windows: [["job", 2, 5]], rig });
  const { operationalJ, operationalUJ, expandedUncertaintyJ } = physicalOf(c, "job-1");
  // 1 % of 750 J; the offset of 2 W is in the idle too.
  expect(operationalUJ! / (2 * 0.01 * operationalJ!)).toBeCloseTo(1, 1);
  expect(expandedUncertaintyJ / (2 * Math.hypot(9, 6))).toBeCloseTo(1, 1);
  expect(c.idle!.expandedUncertaintyW / (2 * Math.hypot(0.5, 2))).toBeCloseTo(1, 1);
});

test("a load below idle has taken less than nothing, and that is not made zero", () => {
  const c = compared({ seconds: 8, powerW: pulse(20), windows: [["job", 2, 5]] });
  expect(physicalOf(c, "job-1").operationalJ).toBeCloseTo(-90, 0);
});

test("idle is what lies outside all marked windows, however they lie over one another", () => {
  const windows = [["a", 2, 4], ["b", 3, 5], ["c", 3.2, 3.4], ["d", 6, 7]] as const; // prettier-ignore
  const powerW = (s: number): number => (s >= 6 && s < 7 ? 90 : pulse(300)(s));
  const c = compared({ seconds: 8, powerW, windows });
  // 2 s, 1 s and 1 s of 50 W; each edge is within a row of 1 ms.
  expect(Math.abs(c.idle!.powerW - 50)).toBeLessThan((0.001 * (250 + 40)) / 4);
});

test("windows that touch leave no idle between them", () => {
  const c = compared({
    seconds: 5,
    powerW: (s) => (s < 1 ? 50 : 300),
    windows: [
      ["a", 1, 3],
      ["b", 3, 5],
    ],
  });
  expect(c.idle?.powerW).toBeCloseTo(50, 0);
});

test("a run without marks, or marked from end to end, has no idle of its own", () => {
  const powerW = (): number => 100;
  expect(compared({ seconds: 2, powerW }).idle).toBeNull();
  const all = compared({ seconds: 2, powerW, windows: [["all", 0, 2]] });
  expect(all.idle).toBeNull();
  expect(physicalOf(all, "all-1").operationalJ).toBeNull();
});

test("less than a tenth of a second outside is edges, not idle", () => {
  const idle = (outside: number) =>
    compared({ seconds: 2, powerW: () => 100, windows: [["all", outside, 2]] }).idle?.powerW ??
    null;
  expect(idle(0.09)).toBeNull();
  expect(idle(0.11)).toBeCloseTo(100, 9);
});

test("idle seconds are those observed: a gap in the idle neither adds nor takes", () => {
  const c = compared({
    seconds: 8,
    powerW: pulse(300),
    windows: [["job", 2, 5]],
    lost: [6000, 7000],
  });
  expect(c.idle?.powerW).toBeCloseTo(50, 0);
});

test("a pause in which nothing was taken is no time in which power was drawn, idle or other", () => {
  const c = compared({
    seconds: 8,
    powerW: pulse(300),
    windows: [["job", 2, 5]],
    lost: [3000, 4000],
    pause: true,
  });
  const job = physicalOf(c, "job-1");
  // 1 s of the 3 s was a pause.
  expect(job.energyJ).toBeCloseTo(600, -1);
  expect(job.meanPowerW).toBeCloseTo(300, 0);
  expect(job.operationalJ).toBeCloseTo(job.energyJ - 2 * c.idle!.powerW, 0);
  expect(job.gapFraction).toBeCloseTo(0, 9);
});

test("rows lost inside a window are bridged at the line between, and told apart", () => {
  const c = compared({
    seconds: 8,
    powerW: () => 80,
    windows: [["job", 2, 5]],
    lost: [3001, 3500],
  });
  const job = physicalOf(c, "job-1");
  expect(job.energyJ).toBeCloseTo(240, 9);
  expect(job.bridgedJ).toBeCloseTo(80 * 0.5, 9);
  expect(job.gapFraction).toBeCloseTo(0.5 / 3, 9);
  expect(job.quality).toBe("gappy");
  expect(job.samples).toBe(3000 - 499);
});

const power: TelemetryChannel = { name: "nvml.power_usage", quantity: "power", unit: "W" };
const atS = Array.from({ length: 80 }, (_, i) => i / 10);

test("a claim's error against the shunt, and the interval of both in quadrature", () => {
  const rig = rigOf({ rails: [powerRail("a", { gainU: 0.01, perCount: 1 })] });
  const c = compared({
    ...{ seconds: 8, powerW: () => 200, windows: [["job", 2, 5]], rig },
    telemetry: [{ channel: power, atS, value: () => 190 }],
  });
  const { telemetry, physical } = resultOf(c, "job-1");
  const [plain] = telemetry;
  expect(plain).toMatchObject({ channel: "nvml.power_usage", method: "trapezoid" });
  expect(plain!.energyJ).toBeCloseTo(570, 9);
  expect(plain!.errorPct).toBeCloseTo(-5, 9);
  expect(physical!.expandedUncertaintyJ / 600).toBeCloseTo(0.02, 4);
  // ±5 W of 190 W; 2 · 1 % of the gain: rails that took less make the error higher.
  const u = physical!.expandedUncertaintyJ / 600;
  const [lower, higher] = [1 / (1 - u) - 1, 1 - 1 / (1 + u)];
  const [lo, hi] = plain!.errorIntervalPct!;
  expect(hi).toBeCloseTo(-5 + 95 * Math.hypot(5 / 190, lower), 9);
  expect(lo).toBeCloseTo(-5 - 95 * Math.hypot(5 / 190, higher), 9);
  expect(plain!.errorUncertaintyPct).toBeCloseTo(hi + 5, 9);
});

test("rails without a sensor may have drawn more: a claim may be lower against them, not higher", () => {
  const rig = rigOf({ missingRails: [{ name: "slot", maxPowerW: 50 }] });
  const c = compared({
    ...{ seconds: 8, powerW: () => 200, windows: [["job", 2, 5]], rig },
    telemetry: [{ channel: power, atS, value: () => 190 }],
  });
  const [plain] = resultOf(c, "job-1").telemetry;
  const [lo, hi] = plain!.errorIntervalPct!;
  expect(hi).toBeCloseTo(-5 + 100 * (5 / 200), 1);
  expect(lo).toBeCloseTo(-5 - 95 * Math.hypot(5 / 190, 50 / 250), 1);
});

test("a channel that gave no value degrades the run; one that the driver does not have is a remark", () => {
  const silent = (code: number) =>
    compared({
      ...{ seconds: 8, powerW: () => 200, windows: [["job", 2, 5]] },
      telemetry: [
        { channel: power, atS, value: () => 200 },
        { channel: { ...power, name: "nvml.power_instant" }, atS, value: () => NaN, code },
      ],
    });
  const [lost, unsupported] = [silent(999), silent(3)];
  const said = "nvml.power_instant: none of its 80 reads holds a value";
  expect(lost.warnings).toContain(said);
  expect(lost.degraded).toBe(true);
  expect(unsupported.warnings).toContain(`${said}; the driver does not support it`);
  expect(unsupported.degraded).toBe(false);
});
