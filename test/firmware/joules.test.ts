// From the virtual card to Joules through the real firmware: in virtual time, so that every machine gets
// the same bytes; and once live, through a pty and `truejoule record`.

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { readCapture } from "../../capture/log-reader.ts";
import { compare, prepare } from "../../energy/compare.ts";
import { startEmulator } from "../../firmware/emulator/start.ts";
import { buildImage } from "../../firmware/image.ts";
import { builtInRig } from "../../rigs/load.ts";
import { VirtualBench } from "../../virtual/bench/bench.ts";
import { readingPlan, slotsOf } from "../../schema/wire/ina226.ts";
import type { SampleBlock } from "../../schema/records.ts";
import type { EmulatedCaptureOptions } from "./emulated-capture.ts";
import { whyNot } from "./trial.ts";

const suite = whyNot ? describe.skip : describe;
const MINUTES = 60_000;
const main = join(import.meta.dirname, "../../dist/cli/main.js");
const SHUNT_OHM = 0.5e-3;
/** As rigs/emulated-pico.yaml declares them. */
const REFERENCES = [
  { rail: "hpwr_12v", address: 0x40, shuntOhm: SHUNT_OHM },
  { rail: "slot_12v", address: 0x41, shuntOhm: 5e-3 },
];

interface Truth {
  windows: { name: string; t0_ns: number; t1_ns: number; energy_j: number }[];
}

suite(`Joules through the firmware${whyNot ? ` (skipped: ${whyNot})` : ""}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "truejoule-joules-"));
  let image = "";
  beforeAll(() => {
    image = buildImage(folder).bin;
  }, MINUTES);
  afterAll(() => rmSync(folder, { recursive: true }));

  async function capture(name: string, options: EmulatedCaptureOptions): Promise<string> {
    const run = join(folder, name);
    const program = ["--no-warnings", "--import", "./scripts/ts-register.mjs"];
    const args = ["test/firmware/emulated-capture.ts", image, run, JSON.stringify(options)];
    await promisify(execFile)(process.execPath, [...program, ...args]);
    return join(run, "capture.mcap");
  }

  test(
    "the truth lies in the interval of every window; the reference's readings cover what they say",
    async () => {
      const options = { seed: 3, seconds: 4, rowHz: 25_000 };
      const path = await capture("virtual-time", { ...options, references: REFERENCES });
      const { truth, readings } = read(path);
      const { windows, degraded } = compare(prepare(path));
      expect(degraded).toBe(false);
      const judged = truth.windows.map((t) => {
        const { energyJ, expandedUncertaintyJ, gapFraction } = windows.find(
          (w) => w.window.name === t.name,
        )!.physical!;
        expect(gapFraction).toBeLessThan(1e-9);
        return Math.abs(energyJ - t.energy_j) / expandedUncertaintyJ;
      });
      expect(judged.length).toBeGreaterThan(6);
      expect(Math.max(...judged)).toBeLessThan(1);
      await expectReference(options.seed, options.seconds, readings);
    },
    10 * MINUTES,
  );

  test(
    "a fast path 2 % off in gain and 0.3 A in offset, disciplined by the INA226: the truth inside, off by less than 0.2 %",
    async () => {
      const options = { seed: 4, seconds: 4, rowHz: 25_000, references: REFERENCES };
      const currentError = { gain: 1.02, offsetA: 0.3 };
      const path = await capture("disciplined", { ...options, currentError });
      const { truth } = read(path);
      const { windows, scan, warnings } = compare(prepare(path));
      for (const { quantity, gain, gainU, fit } of scan.disciplines) {
        expect(fit!.readings).toBeGreaterThan(400);
        // Beside the error put in there is the one that the bench draws from the rig's own figures.
        if (quantity === "current") expect(Math.abs(gain - 1.02)).toBeLessThan(4 * 7e-3);
        expect(gainU).toBeLessThan(2e-3);
      }
      expect(warnings.filter((w) => w.includes("the reference's values are used")).length).toBe(2);
      for (const t of truth.windows) {
        const { energyJ, expandedUncertaintyJ } = windows.find(
          (w) => w.window.name === t.name,
        )!.physical!;
        expect(Math.abs(energyJ - t.energy_j)).toBeLessThan(expandedUncertaintyJ);
        if (t.name === "load") expect(Math.abs(energyJ / t.energy_j - 1)).toBeLessThan(2e-3);
      }
    },
    10 * MINUTES,
  );

  /** Joules of the rail by the INA226 alone, over the times it looks at the shunt, against the model's. */
  async function expectReference(
    seed: number,
    durationS: number,
    readings: readonly SampleBlock[],
  ): Promise<void> {
    const { rig } = await builtInRig("emulated-pico");
    const bench = new VirtualBench(rig, { seed, durationS });
    let [measured, wanted] = [0, 0];
    for (const { bytes } of readings) {
      const v = new DataView(bytes.buffer, bytes.byteOffset);
      const endNs = Number(v.getBigUint64(0, true)) * 1e3 - 500e6;
      const startNs = endNs - v.getUint32(8, true) * 1e3;
      const watts =
        ((v.getInt16(16, true) * 2.5e-6) / SHUNT_OHM) * (v.getUint16(18, true) * 1.25e-3);
      for (const [from, to] of slotsOf(
        readingPlan(v.getUint16(20, true))!,
        "shunt",
        startNs,
        endNs,
      )) {
        measured += (watts * (to - from)) / 1e9;
        wanted += bench.railEnergyJ("hpwr_12v", from, to);
      }
    }
    expect(readings.length).toBeGreaterThan(400);
    expect(wanted).toBeGreaterThan(150);
    // Quantisation and the product of two means; each conversion is 0.3 % longer than it says.
    expect(Math.abs(measured / wanted - 1)).toBeLessThan(2e-3);
  }

  const withBuild = existsSync(main) ? test : test.skip;
  withBuild(
    "truejoule record takes the pty for a DAQ, and calls what it says emulated (needs dist/)",
    async () => {
      const { rig } = await builtInRig("emulated-pico");
      const emulator = await startEmulator({ rig, image, seconds: 30 });
      const out = join(folder, "live");
      let said: { rows: number; lost_rows: number };
      try {
        const record = ["record", "--rig", "emulated-pico", "--port", emulator.tty, "--out", out];
        const rest = ["--duration", "4s", "--no-fuse", "--json"];
        const ran = await promisify(execFile)(process.execPath, [main, ...record, ...rest]);
        said = JSON.parse(ran.stdout) as typeof said;
      } finally {
        const account = await emulator.stop();
        expect(account.usbErrors).toEqual([]);
        expect(account.packets).toBeGreaterThan(100);
      }
      // A busy machine may fall behind real time; what was sent arrived.
      expect(said.lost_rows).toBe(0);
      expect(said.rows).toBeGreaterThan(2000);
      const records = [...readCapture(join(out, "capture.mcap"))];
      expect(records.find((r) => r.kind === "session")!.session.source).toBe("emulated");
      expect(records.filter((r) => r.kind === "damage")).toEqual([]);
    },
    5 * MINUTES,
  );
});

function read(path: string): { truth: Truth; readings: SampleBlock[] } {
  let truth: Truth | null = null;
  const readings: SampleBlock[] = [];
  for (const r of readCapture(path)) {
    if (r.kind === "attachment" && r.name === "truth.json")
      truth = JSON.parse(Buffer.from(r.data).toString()) as Truth;
    if (r.kind === "rows" && r.block.stream === "main.ina226-40")
      readings.push({ ...r.block, bytes: r.block.bytes.slice() });
  }
  return { truth: truth!, readings };
}
