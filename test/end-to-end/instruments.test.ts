// Instruments that people own, simulated over a pty: record → fuse → compare, the model's Joules inside the
// stated interval, and every fault counted. Runs from the build, since workers and child processes are
// what is tested. Linux.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { expectBuilt } from "./built.ts";
import { type Recording, recordInstrument } from "./virtual-instrument.ts";

const onLinux = process.platform === "linux" ? describe : describe.skip;
if (process.platform !== "linux") process.stderr.write("skipped: record is tested on Linux only\n");

let dir: string;
beforeAll(() => {
  expectBuilt();
  dir = mkdtempSync(join(tmpdir(), "truejoule-instruments-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const rigText = (name: string): string =>
  readFileSync(join(import.meta.dirname, "../../rigs", `${name}.yaml`), "utf8");

/** Where nothing may be lost, whatever else this machine does: room for a second and more. */
const ROOM = ["--buffer", "1000000"];

/**
 * Cards whose sensors' errors, as drawn, do not all pull one way: counting and time are tested here. Whether
 * the interval covers any draw as often as it says is coverage.test.ts.
 */
const PS3_SEED = 6;
const PMD_SEED = 5;

/** The same instrument, calibrated: the interval is then narrow enough to be missed. */
const calibrated = (name: string): string =>
  rigText(name)
    .replace(/missing_rails:[^]*$/, "")
    .replaceAll("basis: assumed", "basis: comparison")
    .replaceAll(/gain: "±[12] %"/g, 'gain: "±0.4 %"')
    .replaceAll(/offset: "±\d+ mA"/g, 'offset: "±30 mA"');

/**
 * A stage's Joules: the truth inside the stated interval, and inside what it is without the noise term
 * too, which takes a load that is faster than the rows for noise and could hide anything.
 */
function expectTrue(r: Recording, stage: string): void {
  const { measured, truth, expandedU, withoutNoiseU } = r.joules.get(stage)!;
  expect(truth).toBeGreaterThan(50);
  expect(Math.abs(measured - truth)).toBeLessThan(Math.min(expandedU, withoutNoiseU));
  expect(withoutNoiseU / truth).toBeLessThan(0.05);
}

onLinux("a device that prints lines", () => {
  test("two INA226 on an Arduino: values apart by commas, timed by micros()", async () => {
    const r = await recordInstrument({
      dir,
      name: "csv",
      rigText: rigText("example-ina226"),
      args: ROOM,
    });
    expect(r.comparison.source).toBe("virtual");
    expect(r.doc.rows).toBeGreaterThan(500);
    expect(r.doc.lost_rows).toBe(0);
    expectTrue(r, "stage-1");
  }, 60_000);

  test("JSON lines, timed by their index, with bytes lost and foreign ones between", async () => {
    const text = rigText("example-ina226")
      .replace("lines: csv", "lines: json")
      .replace("columns: [micros, ", "columns: [")
      .replace(/ {4}tick: .*\n/, "")
      .replace('rate: "1 MHz"', 'rate: "150 Hz"');
    const args = ["--fault", "garbage@1.5:40", "--fault", "drop@2.2:20"];
    const r = await recordInstrument({ dir, name: "json", rigText: text, args });
    expect(r.ran.code).toBe(3);
    expect(r.account.faults).toMatchObject({ garbage: 40, drop: 20 });
    expect(r.notes.map((n) => n.text).join()).toMatch(/lines that were no row/);
    expect(r.doc.lost_rows).toBeGreaterThan(0);
    expectTrue(r, "stage-1");
  }, 60_000);
});

onLinux("a PowerSensor3", () => {
  test("20 kHz, its clock tied by marks that come back in the stream, to Joules", async () => {
    const r = await recordInstrument({
      dir,
      name: "ps3",
      rigText: calibrated("example-powersensor3"),
      seed: PS3_SEED,
      args: ROOM,
    });
    expect(r.ran).toMatchObject({ code: 0 });
    expect(r.comparison.source).toBe("virtual");
    expect(r.doc.lost_rows).toBe(0);
    expect(r.doc.rows).toBeGreaterThan(60_000);
    expect(r.comparison.clock.method).toBe("exchange");
    expect(r.edges.length).toBe(r.account["marksSent"]);
    expect(r.exchanges.length).toBe(r.edges.length);
    expect(r.exchanges.length).toBeGreaterThan(4);
    expectTrue(r, "stage-1");
  }, 60_000);

  test("garbage, lost bytes, a stall and an unplugging: counted, and still the truth", async () => {
    const faults = ["garbage@1:400", "drop@1.6:5000", "stall@2.2:150", "unplug@6.8:300"];
    const r = await recordInstrument({
      dir,
      name: "ps3-faults",
      rigText: calibrated("example-powersensor3"),
      seed: PS3_SEED,
      ms: 9500,
      args: faults.flatMap((f) => ["--fault", f]),
    });
    expect(r.ran.code).toBe(3);
    expect(r.account.faults).toMatchObject({ garbage: 400, drop: 5000, stall: 1, unplug: 1 });
    const said = r.notes.map((n) => n.text).join("\n");
    expect(said).toMatch(/bytes that were no set/);
    expect(said).toMatch(/rows lost/);
    expect(said).toMatch(/the device is gone/);
    expect(said).toMatch(/connected again/);
    const stage = r.joules.get("stage-1")!;
    expect(Math.abs(stage.measured - stage.truth)).toBeLessThan(stage.expandedU);
    // What comes after the gaps is where it belongs.
    expectTrue(r, "after-1");
  }, 60_000);
});

onLinux("a PMD-USB", () => {
  test("4,780 frames a second after the switch to 921,600 baud; its tick rate is found", async () => {
    const r = await recordInstrument({
      dir,
      name: "pmd",
      rigText: calibrated("example-pmd-usb"),
      seed: PMD_SEED,
      args: ROOM,
    });
    expect(r.comparison.source).toBe("virtual");
    expect(r.doc.lost_rows).toBe(0);
    expect(r.doc.rows).toBeGreaterThan(20_000);
    // The rig leaves its rate open by 1.3 %; a run of seconds fixes it to a part in a thousand.
    const trueHz = 2.967e6 / (r.bench.clock.periodNs * 4780e-9);
    expect(Math.abs(trueHz / 2.967e6 - 1)).toBeGreaterThan(1e-3);
    expect(Math.abs(r.comparison.clock.tick_hz / trueHz - 1)).toBeLessThan(1e-3);
    expectTrue(r, "stage-1");
    expectTrue(r, "after-1");
  }, 60_000);

  test("garbage, lost bytes, a stall and an unplugging: in step again, counted, and still the truth", async () => {
    const faults = ["garbage@1:400", "drop@1.6:2000", "stall@2.2:150", "unplug@6.8:200"];
    const r = await recordInstrument({
      dir,
      name: "pmd-faults",
      rigText: calibrated("example-pmd-usb"),
      seed: PMD_SEED,
      ms: 9500,
      args: faults.flatMap((f) => ["--fault", f]),
    });
    expect(r.ran.code).toBe(3);
    expect(r.account.faults).toMatchObject({ garbage: 400, drop: 2000, stall: 1, unplug: 1 });
    const said = r.notes.map((n) => n.text).join("\n");
    expect(said).toMatch(/bytes that were no frame/);
    expect(said).toMatch(/rows lost/);
    expect(said).toMatch(/the device is gone/);
    expect(said).toMatch(/connected again/);
    const stage = r.joules.get("stage-1")!;
    expect(Math.abs(stage.measured - stage.truth)).toBeLessThan(stage.expandedU);
    expectTrue(r, "after-1");
  }, 60_000);
});
