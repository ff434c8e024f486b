// rig.json of a log: every rig that ships fits its definition and is all named there; what does not fit is one line.

import { describe, expect, test } from "@jest/globals";
import { readdirSync } from "node:fs";
import { parse } from "valibot";
import { loggedRig, rigProblem } from "../../align/logged-rig.ts";
import { builtInRig } from "../../rigs/load.ts";
import { RIG } from "../../schema/documents/rig.ts";
import type { Rig } from "../../schema/rig.ts";

const names = readdirSync(new URL("../../rigs", import.meta.url)).flatMap((f) =>
  f.endsWith(".yaml") ? [f.slice(0, -5)] : [],
);

test.each(names)("rig %s fits, with every key it has", async (name) => {
  const { rig } = await builtInRig(name);
  const json = Buffer.from(JSON.stringify(rig));
  expect(loggedRig("capture.mcap", json)).toEqual(rig);
  expect(parse(RIG, JSON.parse(json.toString()))).toEqual(rig);
});

describe("a spoiled rig.json is named by its field", () => {
  const rail = (rig: Rig, change: object): object => ({
    ...rig,
    rails: [{ ...rig.rails[0], ...change }],
  });
  const spoilt: [string, (rig: Rig) => unknown, string][] = [
    [
      "a device without a rate",
      (r) => ({ ...r, device: { ...r.device, rowHz: 0 } }),
      "device.rowHz: expected a number above 0, found 0",
    ],
    [
      "no rails",
      (r) => ({ ...r, rails: [] }),
      "rails: expected a list of at least 1, found a list of 0",
    ],
    [
      "a sensor without its uncertainty",
      (r) => rail(r, { power: { ...r.rails[0]!.voltage, gainU: null } }),
      "rails[0].power.gainU: expected a number from 0, found null",
    ],
    [
      "another calibration",
      (r) =>
        rail(r, {
          voltage: { ...r.rails[0]!.voltage, calibration: { date: "x", basis: "guess" } },
        }),
      'rails[0].voltage.calibration.basis: expected one of certificate, comparison, specification, assumed, found "guess"',
    ],
    [
      "an unknown reference",
      (r) => rail(r, { reference: { kind: "ina999", address: 64, stream: "x" } }),
      'rails[0].reference.kind: expected "ina226", found "ina999"',
    ],
    [
      "what a correction left open, as text",
      (r) =>
        rail(r, {
          current: {
            ...r.rails[0]!.current,
            disciplined: { pivot: "0", levelU: 0, slopeU: 0, driftU: 0 },
          },
        }),
      'rails[0].current.disciplined.pivot: expected a number, found "0"',
    ],
    [
      "a counter of 48 bits",
      (r) => ({
        ...r,
        device: {
          ...r.device,
          text: { lines: "csv", columns: ["t"], tick: { column: "t", bits: 48 }, baud: 9600 },
        },
      }),
      "device.text.tick.bits: expected one of 32, 64, found 48",
    ],
    ["a list", (r) => [r], "expected an object, found a list of 1"],
  ];

  test.each(spoilt)("%s", async (_, change, said) => {
    const { rig } = await builtInRig("emulated-pico");
    const json = Buffer.from(JSON.stringify(change(rig)));
    expect(rigProblem(json)).toBe(`is no rig: ${said}`);
    expect(() => loggedRig("RUN/capture.mcap", json)).toThrow(
      `RUN/capture.mcap: the attached rig.json is no rig: ${said} (expected a log written by record or import)`,
    );
  });
});
