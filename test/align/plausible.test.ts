// Values that a rail cannot have are left out, counted by rail and quantity; counts that cannot reach them cost nothing.

import { expect, test } from "@jest/globals";
import { Calibrator } from "../../align/rows/calibrate.ts";
import type { RowLayout, SampleBlock } from "../../schema/records.ts";
import type { Rig, Sensor } from "../../schema/rig.ts";
import { powerRail, rigOf } from "../support/rig.ts";

const ROWS = 6;
const sensor = (field: string): Sensor => ({ ...powerRail("x").power!, field });
const floats: RowLayout = {
  stream: "main",
  rowBytes: 16,
  fields: ["v", "a"].map((name, k) => ({ name, bitOffset: 64 * k, bits: 64, kind: "float" })),
};
const rig = (plausible?: Rig["rails"][number]["plausible"]): Rig => ({
  ...rigOf({ rowHz: 10, rails: [powerRail("x")] }),
  rails: [
    {
      name: "dut",
      voltage: sensor("v"),
      current: sensor("a"),
      ...(plausible ? { plausible } : {}),
    },
  ],
});

function powers(r: Rig, amperes: readonly number[]) {
  const bytes = new Uint8Array(new Float64Array(amperes.flatMap((a) => [12, a])).buffer);
  const stamps = { deviceTick: null, hostBefore: null, hostAfter: null };
  const block: SampleBlock = {
    ...{ stream: "main", firstIndex: 0, ...stamps, rows: amperes.length, flags: 0, bytes },
  };
  const calibrator = new Calibrator(floats, r, ROWS);
  calibrator.read(block, new Uint8Array(ROWS));
  const left = calibrator.implausible.map((g) => [g.rail, g.quantity, g.rows, g.basis]);
  return { left, watts: [...calibrator.totalW.subarray(0, amperes.length)] };
}

test("an overload word is left out on a rail of which nothing is stated", () => {
  expect(powers(rig(), [5, 9.9e37, -9.9e37, 5, 10_000])).toEqual({
    left: [["dut", "current", 2, "any"]],
    watts: [60, NaN, NaN, 60, 120_000],
  });
  // No numbers at all are counted as such.
  expect(powers(rig(), [Infinity, NaN]).left).toEqual([]);
});

test("what a rig states of a rail is believed, of its current or of its power", () => {
  expect(powers(rig({ current: [0, 30] }), [5, 31, -0.1, 30])).toEqual({
    left: [["dut", "current", 2, "rig"]],
    watts: [60, NaN, NaN, 360],
  });
  expect(powers(rig({ power: [0, 300] }), [5, 26, 25])).toEqual({
    left: [["dut", "power", 1, "rig"]],
    watts: [60, NaN, 300],
  });
});

test("counts that cannot reach an implausible value are never looked at", () => {
  const counts: RowLayout = {
    stream: "main",
    rowBytes: 4,
    fields: ["v", "a"].map((name, k) => ({ name, bitOffset: 16 * k, bits: 12, kind: "uint" })),
  };
  const always = (r: Rig): boolean => new Calibrator(counts, r, ROWS).alwaysNumbers;
  expect([always(rig()), always(rig({ current: [0, 4095] }))]).toEqual([true, true]);
  expect([always(rig({ current: [0, 4094] })), always(rig({ power: [0, 1] }))]).toEqual([
    false,
    false,
  ]);
});
