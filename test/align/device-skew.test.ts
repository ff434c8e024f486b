// A device's own word on when it samples each channel: used where the rig says nothing, told where it says
// otherwise, and the same Joules as if the rig had said it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { withDeviceSkew } from "../../align/rows/device-skew.ts";
import { readCapture } from "../../capture/log-reader.ts";
import { compare, prepare } from "../../energy/compare.ts";
import { builtInRig } from "../../rigs/load.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import type { Rig } from "../../schema/rig.ts";
import { rewrite } from "../end-to-end/rewrite.ts";

let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-skew-"));
  await writeVirtualCapture(join(dir, "plain"), { seed: 5, durationS: 1, telemetry: [] });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const NAMES = ["slot_v", "slot_i", "hpwr_v", "hpwr_i"];
const deviceJson = (skewsNs: readonly number[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      schema: "device/1",
      channels: NAMES.map((name, channel) => ({ channel, name, skew_ns: skewsNs[channel] })),
    }),
  );

/** The same log with a changed rig, or a device that says something of itself. */
function logged(name: string, change: (rig: Rig) => Rig, device?: Buffer): string {
  const to = join(dir, name);
  rewrite(join(dir, "plain/capture.mcap"), to, (r) => {
    if (r.kind !== "attachment" || r.name !== "rig.json") return [r];
    const rig = change(JSON.parse(Buffer.from(r.data).toString()) as Rig);
    const changed = { ...r, data: Buffer.from(JSON.stringify(rig)) };
    return device ? [changed, { ...r, name: "device.json", data: device }] : [changed];
  });
  return to;
}

const late = (rig: Rig, ns: readonly number[]): Rig => {
  const of = <S extends { field: string }>(s: S): S => ({
    ...s,
    skewS: ns[NAMES.indexOf(s.field)]! / 1e9,
  });
  return {
    ...rig,
    rails: rig.rails.map((r) => ({ ...r, voltage: of(r.voltage!), current: of(r.current!) })),
  };
};

const SKEWS = [0, 2500, 5000, 7500];

test("the device's skews are used as the rig's own would be", () => {
  const joules = (path: string): unknown => {
    const { windows, warnings } = compare(prepare(path));
    expect(warnings.join()).not.toMatch(/sampled .* after its row/);
    return windows.map((w) => [w.window.name, w.physical!.energyJ, w.physical!.budget]);
  };
  const same = (rig: Rig): Rig => rig;
  const byDevice = joules(logged("device", same, deviceJson(SKEWS)));
  expect(byDevice).toEqual(joules(logged("rig", (rig) => late(rig, SKEWS))));
  expect(byDevice).not.toEqual(joules(logged("none", same)));
});

test("where the rig says otherwise it is believed, and the difference is told", () => {
  const other = [0, 2500, 5000, 4000];
  const path = logged("both", (rig) => late(rig, other), deviceJson(SKEWS));
  const { scan, warnings } = compare(prepare(path));
  expect(scan.rig!.rails[1]!.current!.skewS).toBe(4e-6);
  expect(
    warnings.filter((w) => /hpwr_i is sampled 4\.00 µs .* 7\.50 µs by the device/.test(w)),
  ).toHaveLength(1);
  expect(scan.findings).toHaveLength(1);
  expect([...readCapture(path)].some((r) => r.kind === "damage")).toBe(false);
});

test("a skew of a row or more, a negative one, or a device.json that is none change nothing", async () => {
  const { rig } = await builtInRig("virtual");
  const asText = JSON.stringify({ channels: [{ channel: 0, name: "slot_v", skew_ns: "2500" }] });
  for (const text of ["", "null", "{}", '{"channels": 3}', '{"channels": [null]}', asText])
    expect(withDeviceSkew(rig, Buffer.from(text))).toEqual({ rig, findings: [] });
  expect(withDeviceSkew(rig, deviceJson([0, -5, 10_000, 1e9]))).toEqual({ rig, findings: [] });
});
