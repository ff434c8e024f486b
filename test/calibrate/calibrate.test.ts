// truejoule calibrate on captures whose bench is known: by flags, by a pipe, into a rig, and what it refuses.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { command } from "../../cli/calibrate.ts";
import { builtInRig, loadRig } from "../../rigs/load.ts";
import type { CalibratedSensor, CalibrationRecord } from "../../schema/documents/calibration.ts";
import type { Rig } from "../../schema/rig.ts";
import { writeDisciplined } from "../align/disciplined-bench.ts";
import { call, type Outcome } from "../end-to-end/call.ts";
import { type Truth, writeSteady } from "./steady-capture.ts";

const dir = mkdtempSync(join(tmpdir(), "truejoule-calibrate-"));
afterAll(() => rmSync(dir, { recursive: true }));
const at = (name: string): string => join(dir, name);
const root = join(import.meta.dirname, "../..");

const CURRENT = { gain: 1.02, offset: 0.3 };
const VOLTAGE = { gain: 0.995, offset: 0.02 };
const SLOT = { offset: 0.05 };
const METER = { instrument: "a meter", "instrument-uncertainty": "0.05 % (k=2)" };
let rig: Rig;

const hold = (value: number, error: object = {}): Truth => ({ at: () => value, ...error });

beforeAll(async () => {
  const { rig: loaded } = await builtInRig("emulated-pico");
  const rails = loaded.rails.map(({ name, voltage, current }) => ({
    name,
    voltage: voltage!,
    current: current!,
  }));
  rig = { ...loaded, rails };
  const bench = (volts: number, amperes: number): Record<string, Truth> => ({
    adc0: hold(volts, VOLTAGE),
    adc1: hold(amperes, CURRENT),
    adc2: hold(volts),
    adc3: hold(0, SLOT),
  });
  writeSteady(at("off"), rig, bench(12, 0));
  writeSteady(at("20a"), rig, bench(12.08, 20.03));
  writeSteady(at("40a"), rig, bench(11.5, 40.1));
  writeSteady(at("reversed"), rig, { ...bench(12, 0), adc1: hold(10, { gain: -1 }) });
  writeSteady(at("short"), rig, bench(12, 0), 0.2);
  const moved = { ...bench(12, 0), adc1: { at: (t: number) => 30 * t } };
  writeSteady(at("moved"), rig, moved);
  writeSteady(at("clipped"), rig, bench(12, 200));
});

const run = (options: Record<string, string | string[]>): Promise<Outcome> =>
  call(command, [], options);

function sensor(record: unknown, rail: string, quantity: string): CalibratedSensor {
  const { sensors } = record as CalibrationRecord;
  return sensors.find((s) => s.rail === rail && s.quantity === quantity)!;
}

/** The record's line on a count against the sensor as it really is. */
function expectTrue(s: CalibratedSensor, error: { gain: number; offset: number }): void {
  // fast = gain · true + offset, so true = (fast − offset) / gain.
  expect(Math.abs(s.gain * error.gain - 1)).toBeLessThan(4 * s.gain_u);
  expect(Math.abs(s.offset + error.offset / error.gain)).toBeLessThan(4 * s.offset_u + 1e-4);
}

describe("by flags, on recorded runs", () => {
  test("zero and readings make lines; a rig uses them", async () => {
    const out = at("bench.json");
    const { code, document, warnings } = await run({
      out,
      ...METER,
      ambient: "23 °C",
      zero: [at("off")],
      reading: [
        `hpwr_12v.current=20.03 A @ ${at("20a")}`,
        `hpwr_12v.current = 40.1 A @ ${at("40a")}`,
        `hpwr_12v.voltage=12.08 V @ ${at("20a")}`,
        `hpwr_12v.voltage=11500 mV @ ${at("40a")}`,
      ],
    });
    expect([code, warnings]).toEqual([0, []]);
    const record = document as CalibrationRecord;
    expect(JSON.parse(readFileSync(out, "utf8"))).toEqual(record);
    expect(record).toMatchObject({
      schema: "calibration/1",
      source: "virtual",
      rig: "emulated-pico",
      instrument: "a meter",
      environment: { ambient: "23 °C", note: null },
    });
    expect(record.instrument_u).toBeCloseTo(2.5e-4, 12);
    expect(record.runs.map((r) => r.capture_sha256.length)).toEqual([64, 64, 64]);
    const current = sensor(record, "hpwr_12v", "current");
    expectTrue(current, CURRENT);
    expect(current.gain_u).toBeGreaterThan(2.4e-4);
    expect(current.gain_u).toBeLessThan(1e-3);
    expectTrue(sensor(record, "hpwr_12v", "voltage"), VOLTAGE);
    // The zero also told of the other rail's current, whose gain stays the rig's.
    const other = sensor(record, "slot_12v", "current");
    expect(other).toMatchObject({ method: "zero", gain: 1 });
    expect(other.gain_u).toBe(rig.rails[1]!.current!.gainU);
    expectTrue(other, { gain: 1, ...SLOT });

    const yaml = readFileSync(join(root, "rigs/emulated-pico.yaml"), "utf8");
    const path = at("bench.yaml");
    writeFileSync(path, `${yaml}\ncalibrated_by: bench.json\n`);
    const used = (await loadRig(path)).rig.rails[0]!.current!;
    expect(used).toMatchObject({ perCount: current.per_count, zeroCount: current.zero_count });
    expect(used).toMatchObject({ gainU: current.gain_u, offsetU: current.offset_u });
    // Simulated: it must not pass for a measured calibration.
    expect(used.calibration).toMatchObject({ basis: "assumed", instrument: "a meter" });
    writeFileSync(
      path,
      `${yaml.replace("name: emulated-pico", "name: other")}\ncalibrated_by: bench.json\n`,
    );
    await expect(loadRig(path)).rejects.toThrow(/is of rig "emulated-pico", not of this/);
    writeFileSync(path, `${yaml}\ncalibrated_by: none.json\n`);
    await expect(loadRig(path)).rejects.toThrow(/bench.yaml:\d+: calibrated_by: cannot read/);
  });

  test("a sensor mounted backwards is found and corrected", async () => {
    const reading = [`hpwr_12v.current=10 A @ ${at("reversed")}`];
    const { document, warnings } = await run({
      out: at("r.json"),
      ...METER,
      zero: [at("off")],
      reading,
    });
    // The zero is of the bench with the offset; only the sign matters here.
    expect(sensor(document, "hpwr_12v", "current").polarity).toBe("reversed");
    expect(warnings.join()).toMatch(/hpwr_12v current is reversed against the rig file/);
  });

  test("a run beside the references makes the lines", async () => {
    const { rig: whole } = await builtInRig("emulated-pico");
    const rowHz = 20e3;
    const clock = { ...whole.device.clock, hz: rowHz, startU: 1e-3 };
    const bench = { ...whole, device: { ...whole.device, rowHz, clock } };
    const currentError = { gain: 1.02, offsetA: 0.3 };
    writeDisciplined(at("moving"), bench, { seed: 3, durationS: 2, currentError });
    const { document } = await run({ out: at("ref.json"), reference: [at("moving")] });
    const s = sensor(document, "hpwr_12v", "current");
    expect(s.method).toBe("reference");
    // 1 / 1.02, and what the bench drew from ±0.5 %.
    expect(Math.abs(s.gain * 1.02 - 1)).toBeLessThan(0.012);
    expect(s.gain_u).toBeLessThan(2e-3);
    expect((document as CalibrationRecord).sensors).toHaveLength(4);
  });

  test("skew: how much later the voltage is than the current", async () => {
    const square = (t: number): number => (Math.floor(t * 300) % 2 === 0 ? 5 : 30);
    const smooth = (t: number): number => {
      let sum = 0;
      for (let k = 0; k < 8; k++) sum += square(t - k * 1.25e-5) / 8;
      return sum;
    };
    const clock = { ...rig.device.clock, hz: 20e3 };
    const bench = { ...rig, device: { ...rig.device, rowHz: 20e3, clock } };
    const truth = {
      adc0: { at: (t: number) => 12 - 0.02 * smooth(t), lateS: 30e-6 },
      adc1: { at: smooth },
    };
    writeSteady(at("pulses"), bench, truth, 2);
    const { document } = await run({
      out: at("skew.json"),
      zero: [at("off")],
      skew: [at("pulses")],
    });
    const [found] = (document as CalibrationRecord).skew;
    expect(found!.rail).toBe("hpwr_12v");
    expect(found!.skew_u_ns).toBeLessThan(10_000);
    expect(Math.abs(found!.skew_ns - 30_000)).toBeLessThan(5000 + 4 * found!.skew_u_ns);
    // The slot's current does not move in it: nothing is claimed of it.
    expect((document as CalibrationRecord).skew).toHaveLength(1);
  });
});

test("by a pipe: one line an answer, questions on stderr", () => {
  const answers = [at("off"), `hpwr_12v.current=20.03 A @ ${at("20a")}`, "", "-", "-"].join("\n");
  const args = [
    "--no-warnings",
    "--import",
    "./scripts/ts-register.mjs",
    "cli/main.ts",
    "calibrate",
  ];
  const flags = ["--instrument", "a meter", "--instrument-uncertainty", "0.05 % (k=2)", "--json"];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...args, "--out", at("piped.json"), ...flags],
    { input: `${answers}\n`, encoding: "utf8", cwd: root },
  );
  expect([status, stderr]).toEqual([
    0,
    expect.stringMatching(/Zero: .*Reading: .*Reference: .*Skew: /s),
  ]);
  expectTrue(sensor(JSON.parse(stdout), "hpwr_12v", "current"), CURRENT);
});

describe("what it refuses, in one line with the remedy", () => {
  test.each<[string, Record<string, string | string[]>, RegExp]>([
    ["no record named", {}, /needs --out RECORD.json/],
    [
      "readings at one level",
      { reading: ["hpwr_12v.current=20.03 A @ 20a"], ...METER },
      /one level.*add a zero/,
    ],
    [
      "a reading without a meter",
      { reading: ["hpwr_12v.current=20 A @ 20a"] },
      /need --instrument-uncertainty/,
    ],
    [
      "a unit of another kind",
      { reading: ["hpwr_12v.current=20 V @ 20a"], ...METER },
      /expected A, found V/,
    ],
    [
      "a rail that is not there",
      { reading: ["gpu.current=20 A @ 20a"], ...METER },
      /no sensor gpu current; it has hpwr_12v.voltage/,
    ],
    ["no reading at all", { reading: ["20 A"], ...METER }, /expected RAIL.voltage=VALUE/],
    [
      "nothing to record from",
      { reading: ["hpwr_12v.current=20 A"], ...METER },
      /must be recorded, which needs --rig/,
    ],
    [
      "a clipped sensor",
      { reading: ["hpwr_12v.current=200 A @ clipped"], ...METER },
      /clipped in it/,
    ],
    ["a run that is too short", { zero: ["short"] }, /too short to calibrate by: at least 0.5 s/],
    [
      "a reference that is not there",
      { reference: ["20a"] },
      /no reference corrected anything in it/,
    ],
    ["a zero with a current that moves", { zero: ["moved"] }, /current of hpwr_12v moved in it/],
    ["no such run", { zero: ["nowhere"] }, /nowhere/],
  ])("%s", async (_, options, message) => {
    const here = (text: string): string =>
      text.replace(/@ (\w+)$/, (_m, r: string) => `@ ${at(r)}`);
    const placed = Object.fromEntries(
      Object.entries(options).map(([k, v]) => [
        k,
        Array.isArray(v) ? v.map((x) => (k === "reading" ? here(x) : at(x))) : v,
      ]),
    );
    const out = Object.keys(options).length > 0 ? { out: at(`${Math.random()}.json`) } : {};
    const { error } = await run({ ...out, ...placed });
    expect(error?.tag).toMatch(/InputError|UsageError/);
    expect(error!.message).toMatch(message);
    expect(error!.message.split("\n")).toHaveLength(1);
  });

  test("a record that is there is not overwritten", async () => {
    writeFileSync(at("there.json"), "{}");
    const { error } = await run({ out: at("there.json"), zero: [at("off")] });
    expect(error!.message).toMatch(/never overwritten/);
  });
});
