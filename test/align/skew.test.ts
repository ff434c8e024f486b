// Channels sampled in turn, brought to their row's time: on a ramp exactly, over block borders, not over gaps.

import { expect, test } from "@jest/globals";
import { Calibrator } from "../../align/rows/calibrate.ts";
import { builtInRig } from "../../rigs/load.ts";
import type { RowLayout, SampleBlock } from "../../schema/records.ts";
import type { Rig } from "../../schema/rig.ts";

const layout: RowLayout = {
  stream: "main",
  rowBytes: 4,
  fields: [0, 1].map((k) => ({ name: `adc${k}`, bitOffset: 16 * k, bits: 12, kind: "uint" })),
};
const ROWS = 37;

/** Both channels see the same ramp, 10 counts a row; the second is sampled 0.3 rows later. */
function block(firstIndex: number): SampleBlock {
  const words = new Uint16Array(2 * ROWS);
  for (let i = 0; i < ROWS; i++) {
    words[2 * i] = 500 + 10 * (firstIndex + i);
    words[2 * i + 1] = 500 + 10 * (firstIndex + i) + 3;
  }
  const stamps = { deviceTick: null, hostBefore: null, hostAfter: null };
  const bytes = new Uint8Array(words.buffer);
  return { stream: "main", firstIndex, ...stamps, rows: ROWS, flags: 0, bytes };
}

test("what is sampled 0.3 rows late stands at its row's time; the first row after a gap stays", async () => {
  const { rig: loaded } = await builtInRig("emulated-pico");
  const voltage = loaded.rails[0]!.voltage!;
  const line = { ...voltage, perCount: 1, zeroCount: 0 };
  const current = { ...line, field: "adc1", skewS: 0.3 / loaded.device.rowHz };
  const rig: Rig = { ...loaded, rails: [{ name: "r", voltage: line, current }] };
  const calibrator = new Calibrator(layout, rig, ROWS);
  const difference = (firstIndex: number): number[] => {
    calibrator.read(block(firstIndex), new Uint8Array(ROWS));
    const { voltageV, currentA, powerW } = calibrator.rails[0]!;
    expect(powerW[5]!).toBeCloseTo(voltageV![5]! * currentA![5]!, 6);
    return Array.from(currentA!, (a, i) => a - voltageV![i]!);
  };
  const expectStraight = (d: readonly number[]): void =>
    d.forEach((x) => expect(x).toBeCloseTo(0, 9));
  const [first, ...rest] = difference(0);
  expect(first).toBe(3);
  expectStraight(rest);
  expectStraight(difference(ROWS));
  const [afterGap, ...others] = difference(5 * ROWS);
  expect(afterGap).toBe(3);
  expectStraight(others);
});
