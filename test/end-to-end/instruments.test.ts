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

/**
 * The stage's Joules: the truth inside the stated interval, and inside what it is without the noise term
 * too, which takes a load that is faster than the rows for noise and could hide anything.
 */
function expectTrue(r: Recording): void {
  const { measured, truth, expandedU, withoutNoiseU } = r.joules.get("stage-1")!;
  expect(truth).toBeGreaterThan(100);
  expect(Math.abs(measured - truth)).toBeLessThan(Math.min(expandedU, withoutNoiseU));
  expect(withoutNoiseU / truth).toBeLessThan(0.05);
}

onLinux("a device that prints lines", () => {
  test("two INA226 on an Arduino: values apart by commas, timed by micros()", async () => {
    const r = await recordInstrument({ dir, name: "csv", rigText: rigText("example-ina226") });
    expect(r.comparison.source).toBe("virtual");
    expect(r.doc.rows).toBeGreaterThan(500);
    expect(r.doc.lost_rows).toBe(0);
    expectTrue(r);
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
    expectTrue(r);
  }, 60_000);
});
