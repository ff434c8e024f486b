// A skew that the device states for a channel, beside the rig's: which of them stands, and what is told.

import { expect, test } from "@jest/globals";
import { withDeviceSkew } from "../../align/rows/device-skew.ts";
import type { Rig, Sensor } from "../../schema/rig.ts";
import { rigOf, sensor } from "../support/rig.ts";

/** Rows of a millisecond; each rail reads fields of its own name. */
const rigWith = (known: Partial<Sensor> = {}): Rig => {
  const of = (field: string): Sensor => sensor(field, known);
  const rails = [
    { name: "a", voltage: of("av"), current: of("ai") },
    { name: "b", power: of("bp") },
  ];
  return rigOf({ rails });
};
const device = (...channels: readonly object[]): Uint8Array =>
  Buffer.from(JSON.stringify({ channels }));
/** Of each sensor, µs; undefined where none is stated. */
const skewsUs = ({ rails }: Rig): (number | undefined)[] =>
  rails
    .flatMap((r) => [r.voltage, r.current, r.power])
    .flatMap((s) => (s ? [s.skewS === undefined ? undefined : s.skewS * 1e6] : []));
const channel = (name: string, skew_ns: number): object => ({ channel: 0, name, skew_ns });

test("a sensor has the skew of its own channel; one that is not named, of its number", () => {
  const { rig, findings } = withDeviceSkew(
    rigWith(),
    device(channel("av", 2000), channel("bp", 5000), channel("other", 7000)),
  );
  expect([skewsUs(rig), findings]).toEqual([[2, undefined, 5], []]);
  const numbered = rigOf({ rails: [{ name: "a", power: sensor("adc3") }] });
  const named = device(
    { channel: 3, name: "", skew_ns: 4000 },
    { channel: 2, name: "", skew_ns: 9 },
  );
  expect(skewsUs(withDeviceSkew(numbered, named).rig)).toEqual([4]);
});

test("none, one below zero, or one of a whole row is nothing to bring back", () => {
  const skew = (ns: number): unknown => skewsUs(withDeviceSkew(rigWith(), device(channel("av", ns))).rig)[0]; // prettier-ignore
  expect([0, -1, 1e6, 1e6 - 1, 1].map(skew)).toEqual([
    ...[undefined, undefined, undefined],
    expect.closeTo(999.999, 9),
    expect.closeTo(0.001, 9),
  ]);
});

test("the rig's word stands; it is told where the device's is more than 0.1 µs from it", () => {
  const told = (ns: number) => {
    const { rig, findings } = withDeviceSkew(rigWith({ skewS: 3e-6 }), device(channel("ai", ns)));
    expect(skewsUs(rig)).toEqual([3, 3, 3].map((us) => expect.closeTo(us, 9)));
    return findings.map(({ code, subject, text }) => [code, subject, text]);
  };
  expect([told(3099), told(2901)]).toEqual([[], []]);
  expect(told(3101)).toEqual([
    [
      "skew-differs",
      "ai",
      "rig made: channel ai is sampled 3.00 µs after its row by the rig, 3.10 µs by the device: the rig's value is used; leave its skew out to take the device's",
    ],
  ]);
  expect(told(2899)).toHaveLength(1);
});

test("a rig keeps everything else, and a device that says nothing leaves it as it is", () => {
  const rig = rigWith();
  expect(withDeviceSkew(rig, device()).rig).toEqual(rig);
  const { rig: skewed } = withDeviceSkew(rig, device(channel("av", 2000)));
  expect(skewed.rails[1]).toEqual(rig.rails[1]);
  expect({ ...skewed, rails: [] }).toEqual({ ...rig, rails: [] });
});
