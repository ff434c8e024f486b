// What a rig says of itself that a reader must know: rows too slow or too fast for its sensors and its load.

import { expect, test } from "@jest/globals";
import { reversedRails, rigRemarks, tooFastLoad } from "../../energy/findings/rig.ts";
import type { Rig } from "../../schema/rig.ts";
import { powerRail, rigOf } from "../support/rig.ts";

const rig = (rowHz: number, bandwidthHz: number | undefined, more: Partial<Rig> = {}): Rig => ({
  ...rigOf({ rowHz, rails: [powerRail("a", bandwidthHz === undefined ? {} : { bandwidthHz })] }),
  ...more,
});
const codes = (r: Rig): string[] => rigRemarks(r).map((f) => f.code);
const means = (r: Rig): Rig => ({ ...r, device: { ...r.device, sampling: "interval_mean" } });

test("instants slower than twice a sensor's bandwidth may see a load wrongly", () => {
  expect(codes(rig(5000, 50e3))).toEqual(["rows-undersampled"]);
  expect(rigRemarks(rig(5000, 50e3))[0]!.text).toBe(
    "rig made: ap: rows at 5 kHz are slower than twice the bandwidth of these sensors, so a load that changes between rows is seen wrongly (aliasing); state load_bandwidth if it does not",
  );
  expect(codes(rig(100e3, 50e3))).toEqual([]);
  expect(codes(rig(101e3, 50e3))).toEqual(["sensor-oversampled"]);
  // Who says nothing of a bandwidth is believed to have one that fits; means miss nothing.
  expect(codes(rig(5000, undefined))).toEqual([]);
  expect(codes(means(rig(5000, 50e3)))).toEqual([]);
});

test("a load that is known to be slower is seen as it is; one that is known to be faster puts every window in doubt", () => {
  const loaded = (loadBandwidthHz: number): Rig => rig(5000, 50e3, { loadBandwidthHz });
  expect([codes(loaded(2500)), tooFastLoad(loaded(2500))]).toEqual([[], []]);
  expect(codes(loaded(3000))).toEqual([]);
  expect(tooFastLoad(loaded(3000))).toEqual([
    {
      ...{ code: "window-undersampled", level: "doubt", count: 1 },
      text: "rows at 5 kHz are slower than twice the load's bandwidth of 3 kHz: what it does between rows is not seen (aliasing), and no interval holds that; use a higher row rate, or a slower sensor",
    },
  ]);
  expect(tooFastLoad(means(loaded(3000)))).toEqual([]);
  expect(tooFastLoad(rig(5000, 50e3))).toEqual([]);
});

test("a rail of negative mean power is wired backwards, unless its zero explains it", () => {
  const made = (offsetU: number): Rig => rigOf({ rails: [powerRail("a", { offsetU })] });
  const mean = (powerW: number) => [{ powerW, currentA: 0, voltageV: 0 }];
  expect(reversedRails(made(0.5), mean(-1))).toEqual([]);
  expect(reversedRails(made(0.5), mean(60))).toEqual([]);
  expect(reversedRails(made(0.5), [])).toEqual([]);
  expect(reversedRails(made(0.5), mean(-60)).map((f) => [f.code, f.subject, f.level])).toEqual([
    ["rail-reversed", "a", "doubt"],
  ]);
});
