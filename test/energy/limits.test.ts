// What a card can draw, by what is known of it, and which reads say otherwise.

import { describe, expect, test } from "@jest/globals";
import { limitOf, mostPowerW, readingsOf } from "../../energy/claims/limits.ts";
import { every, readsOf } from "../support/telemetry.ts";

const json = (x: unknown): ReadonlyMap<string, Uint8Array> =>
  new Map([["environment.json", Buffer.from(typeof x === "string" ? x : JSON.stringify(x))]]);
const gpus = (...limits: unknown[]): ReadonlyMap<string, Uint8Array> =>
  json({ nvml: { gpus: limits.map((w, i) => ({ index: i, max_power_limit_w: w })) } });
const limit = (name: string, attachments = gpus(), telemetry: ReturnType<typeof readsOf>[] = []) =>
  limitOf(name, { attachments, telemetry });

describe("the limit of a channel's card", () => {
  test("as the driver said at the recording's start, by the card's number", () => {
    expect(limit("nvml.power_usage", gpus(175))).toBe(175);
    expect(limit("nvml.1.power_instant", gpus(175, 700))).toBe(700);
    // Whose?
    expect(limit("nvml.power_usage", gpus(175, 700))).toBeUndefined();
    expect(limit("nvml.2.power_usage", gpus(175, 700))).toBeUndefined();
    expect(limit("rapl.package-0", gpus(175))).toBeUndefined();
  });

  test("as its own channel of limits has it, the largest", () => {
    const limits = readsOf([0, 1, 2], (t) => [300, 450, NaN][t]!, {
      name: "nvml.1.power_limit",
      quantity: "state",
    });
    expect(limit("nvml.1.power_usage", gpus(), [limits])).toBe(450);
    expect(limit("nvml.0.power_usage", gpus(), [limits])).toBeUndefined();
  });

  test("is not known of a file that is none, nor where the driver refused", () => {
    for (const odd of ["", "{", null, 3, { nvml: null }, { nvml: { gpus: [null, 7, "x"] } }])
      expect(limit("nvml.power_usage", json(odd))).toBeUndefined();
    expect(limit("nvml.power_usage", gpus({ code: 3, error: "not supported" }))).toBeUndefined();
  });

  test("no card draws twice its limit, nor 5.6 kW; a meter's outlet may", () => {
    expect(mostPowerW("nvml.power_usage", 175)).toBe(350);
    expect(mostPowerW("nvml.power_usage")).toBe(5600);
    expect(mostPowerW("nvml.power_usage", 9000)).toBe(5600);
    expect(mostPowerW("hwmon.xe.card")).toBe(50e3);
    expect(mostPowerW("meter.outlet")).toBe(1e9);
  });
});

describe("reads that are no readings", () => {
  const left = (name: string, odd: number, mostW = mostPowerW(name)): number => {
    const s = readsOf(every(1, 0, 10), (t) => (t === 5 ? odd : 60), { name });
    const { series, impossible } = readingsOf(s, mostW);
    expect([...series.value].filter(Number.isNaN).length).toBe(impossible);
    expect(impossible === 0).toBe(series === s);
    return impossible;
  };

  test("of a card: nothing, less, more than it can draw", () => {
    for (const odd of [0, -1, 351, 4294967.295]) expect(left("nvml.power_usage", odd, 350)).toBe(1);
    for (const fair of [0.5, 350]) expect(left("nvml.power_usage", fair, 350)).toBe(0);
  });

  test("of anything else: more than there is, and a driver's word for unknown", () => {
    for (const odd of [3.69e12, 65535, 4294.967295]) expect(left("hwmon.xe.card", odd)).toBe(1);
    for (const fair of [0, -3, 4294.967]) expect(left("hwmon.xe.card", fair)).toBe(0);
    expect(left("meter.outlet", 65535)).toBe(0);
  });
});
