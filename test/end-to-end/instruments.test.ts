// Instruments that people own, simulated over a pty: record → fuse → compare, the model's Joules inside the
// stated interval, and every fault counted. Runs from the build, since workers and child processes are
// what is tested. Linux.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { scanCapture } from "../../align/scan.ts";
import { readCapture } from "../../capture/log-reader.ts";
import { simulatedLine } from "../../virtual/record/virtual-bench.ts";
import { BlockFlag, type SampleBlock } from "../../schema/records.ts";
import { expectBuilt } from "./built.ts";
import { type Recording, recordInstrument, type Wanted } from "./virtual-instrument.ts";

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
const PPK2_SEED = 1;

/** The same instrument, calibrated: the interval is then narrow enough to be missed. */
const calibrated = (name: string): string =>
  rigText(name)
    .replace(/missing_rails:[^]*$/, "")
    .replaceAll("basis: assumed", "basis: comparison")
    .replaceAll(/gain: "±[12] %"/g, 'gain: "±0.4 %"')
    .replaceAll(/offset: "±\d+ mA"/g, 'offset: "±30 mA"');

/** The same for a rail of tens of milliamperes, whose voltage a meter has told. */
const calibratedPpk2 = (): string =>
  calibrated("example-ppk2")
    .replace(/gain: "±15 %"/, 'gain: "±0.4 %"')
    .replace(/offset: "±30 mA"/, 'offset: "±0.3 mA"')
    .replace(/value: "3.3 V", uncertainty: ".*?"/, 'value: "3.308 V", uncertainty: "±5 mV"');

/**
 * A stage's Joules: the truth inside the stated interval, and inside what it is without the noise term
 * too, which takes a load that is faster than the rows for noise and could hide anything. The sensors' part of the
 * interval is narrow enough to be missed; the rest is as wide as this machine was late, and loses rows.
 */
function expectTrue(r: Recording, stage: string, leastJ = 50): void {
  const { measured, truth, expandedU, withoutNoiseU, sensorsU } = r.joules.get(stage)!;
  expect(truth).toBeGreaterThan(leastJ);
  expect(Math.abs(measured - truth)).toBeLessThan(Math.min(expandedU, withoutNoiseU));
  expect(sensorsU / truth).toBeLessThan(0.05);
}

interface Kept extends Omit<Wanted, "dir" | "ms" | "args"> {
  readonly leastJ?: number;
}

/** Nothing is lost, and both stages' Joules are the truth. */
async function recordWhole({ leastJ, ...wanted }: Kept, ...more: string[]): Promise<Recording> {
  const r = await recordInstrument({ dir, ...wanted, args: [...ROOM, ...more] });
  expect(r.comparison.source).toBe("virtual");
  expect(r.doc.lost_rows).toBe(0);
  expectTrue(r, "stage-1", leastJ);
  expectTrue(r, "after-1", leastJ && leastJ / 2);
  return r;
}

/**
 * Garbage, `dropped` bytes lost, a stall and an unplugging: all of it counted and told, the stage that they fall
 * into within its interval, and what comes after them where it belongs.
 */
async function recordFaults(
  { leastJ, ...wanted }: Kept,
  dropped: number,
  foreign: RegExp,
  ...more: string[]
): Promise<Recording> {
  const faults = ["garbage@1:400", `drop@1.6:${dropped}`, "stall@2.2:150", "unplug@6.8:300"];
  const args = faults.flatMap((f) => ["--fault", f]);
  const r = await recordInstrument({ dir, ...wanted, ms: 9500, args: [...args, ...more] });
  expect(r.ran.code).toBe(3);
  expect(r.account.faults).toMatchObject({ garbage: 400, drop: dropped, stall: 1, unplug: 1 });
  const said = r.notes.map((n) => n.text).join("\n");
  for (const text of [foreign, /rows lost/, /the device is gone/, /connected again/])
    expect(said).toMatch(text);
  const stage = r.joules.get("stage-1")!;
  expect(Math.abs(stage.measured - stage.truth)).toBeLessThan(stage.expandedU);
  expectTrue(r, "after-1", leastJ && leastJ / 2);
  return r;
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
  const kept: Kept = {
    name: "ps3",
    rigText: calibrated("example-powersensor3"),
    seed: PS3_SEED,
  };

  test("20 kHz, its clock tied by marks that come back in the stream, to Joules", async () => {
    const r = await recordWhole(kept);
    expect(r.ran).toMatchObject({ code: 0 });
    expect(r.doc.rows).toBeGreaterThan(60_000);
    expect(r.comparison.clock.method).toBe("exchange");
    expect(r.edges.length).toBe(r.account["marksSent"]);
    expect(r.exchanges.length).toBe(r.edges.length);
    expect(r.exchanges.length).toBeGreaterThan(4);
  }, 60_000);

  test("garbage, lost bytes, a stall and an unplugging: counted, and still the truth", async () => {
    await recordFaults({ ...kept, name: "ps3-faults" }, 5000, /bytes that were no set/);
  }, 60_000);
});

onLinux("a PMD-USB", () => {
  const kept: Kept = { name: "pmd", rigText: calibrated("example-pmd-usb"), seed: PMD_SEED };

  test("4,780 frames a second after the switch to 921,600 baud; its tick rate is found", async () => {
    const r = await recordWhole(kept);
    expect(r.doc.rows).toBeGreaterThan(20_000);
    // The rig leaves its rate open by 1.3 %; a run of seconds fixes it to a part in a thousand.
    const trueHz = 2.967e6 / (r.bench.clock.periodNs * 4780e-9);
    expect(Math.abs(trueHz / 2.967e6 - 1)).toBeGreaterThan(1e-3);
    expect(Math.abs(r.comparison.clock.tick_hz / trueHz - 1)).toBeLessThan(1e-3);
  }, 60_000);

  test("garbage, lost bytes, a stall and an unplugging: in step again, counted, and still the truth", async () => {
    await recordFaults({ ...kept, name: "pmd-faults" }, 2000, /bytes that were no frame/);
  }, 60_000);
});

/** Host stamps of the edges that a simulated line was given (gpio/sim-file.ts). */
const edgeStamps = (file: Buffer): bigint[] =>
  Array.from({ length: file.length / 16 }, (_, k) => file.readBigInt64LE(16 * k));

const restartsOf = ({ run }: Recording): SampleBlock[] =>
  [...readCapture(join(run, "capture.mcap"))].flatMap((r) =>
    r.kind === "rows" && r.block.flags & BlockFlag.restart ? [r.block] : [],
  );

onLinux("a Nordic PPK2", () => {
  const kept: Kept = { name: "ppk2", rigText: calibratedPpk2(), seed: PPK2_SEED, leastJ: 0.3 };

  test("100 kHz over its ranges, by the calibration of its own, to Joules", async () => {
    const r = await recordWhole(kept);
    expect(r.doc.rows).toBeGreaterThan(400_000);
    expect(r.account["rangeChanges"]).toBeGreaterThan(10);
    expect(r.account).toMatchObject({ samplesOff: 0, fed: false });
  }, 60_000);

  test("garbage, lost bytes, a stall and an unplugging: counted, and still the truth", async () => {
    await recordFaults({ ...kept, name: "ppk2-faults" }, 5001, /bytes left out/);
  }, 60_000);

  test("the same with a trigger line: no edge is held against one beyond a gap", async () => {
    const line = simulatedLine();
    const rigText = `${kept.rigText}trigger: { output: "${line.name}", daq_line: 0 }\n`;
    const wired = { ...kept, name: "ppk2-d0-faults", rigText };
    const r = await recordFaults(wired, 5001, /bytes left out/, "--line", line.path);
    line.remove();
    expect(r.comparison.clock.method).toBe("sync-edges");
    // Garbage, lost bytes, a stall and an unplugging: a stretch after each.
    expect(restartsOf(r).length).toBeGreaterThanOrEqual(4);
  }, 60_000);

  test("edges on D0 are seen in their samples, and tie the clocks together", async () => {
    const line = simulatedLine();
    const trigger = `trigger: { output: "${line.name}", daq_line: 0 }\n`;
    const wired = { ...kept, name: "ppk2-d0", rigText: kept.rigText + trigger };
    const r = await recordWhole(wired, "--line", line.path);
    const raised = edgeStamps(readFileSync(line.path));
    line.remove();
    expect(r.comparison.clock.method).toBe("sync-edges");
    expect(r.comparison.clock.edges_used).toBeGreaterThan(40);
    // Rows from one edge to the next, as the simulated device counts them; the last may come after the end.
    const rowOf = (t: bigint): number => r.bench.clock.rowAt(Number(t - r.epoch));
    const seen = scanCapture(join(r.run, "capture.mcap")).stream!.triggerEdges;
    expect(raised.length - seen.length).toBeLessThan(3);
    const [first, true0] = [seen[0]!.device, rowOf(raised[0]!)];
    const off = seen.filter((e, k) => e.device - first !== rowOf(raised[k]!) - true0);
    expect(off.length).toBeLessThanOrEqual(r.account.lateEdges);
  }, 60_000);
});
