// A converter with wide codes, as the RP2040's (erratum E11): its table takes the steps out again, in the
// values and in the clip limits; what is left stands in the budget.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Calibrator } from "../../align/rows/calibrate.ts";
import { RowFlag } from "../../align/rows/row-flags.ts";
import { compare, prepare } from "../../energy/compare.ts";
import { builtInRig, loadRig } from "../../rigs/load.ts";
import type { RowLayout, SampleBlock } from "../../schema/records.ts";
import { type Rig, trueCount } from "../../schema/rig.ts";
import { writeSteady } from "../calibrate/steady-capture.ts";

const WIDE = [512, 1536, 2560, 3584];
const WIDTH = 9;

/** Ideal count → code of a converter with wide codes: each swallows its neighbours' range. */
function wideCode(ideal: number): number {
  // Codes in between are a little narrow, so that the whole range still fits.
  const narrow = (4096 - WIDE.length * WIDTH) / (4096 - WIDE.length);
  let [from, code] = [0, 0];
  for (const w of [...WIDE, 4096]) {
    const end = from + (w - code) * narrow;
    if (ideal < end) return Math.floor(code + (ideal - from) / narrow);
    if (ideal < end + WIDTH) return w;
    [from, code] = [end + WIDTH, w + 1];
  }
  return 4095;
}

/** What a slow ramp through it shows: the middle of each code's range against its number. */
function measuredTable(): string {
  const middle = new Map<number, [number, number]>();
  for (let ideal = 0; ideal < 4096; ideal += 0.05) {
    const code = wideCode(ideal);
    const [lo] = middle.get(code) ?? [ideal];
    middle.set(code, [lo, ideal]);
  }
  const codes = [2, ...WIDE.flatMap((w) => [w - 1, w, w + 1]), 4093];
  const error = (c: number): number => c + 0.5 - (middle.get(c)![0] + middle.get(c)![1] + 0.05) / 2;
  return codes.map((c) => `[${c}, ${error(c).toFixed(3)}]`).join(", ");
}

const dir = mkdtempSync(join(tmpdir(), "truejoule-codes-"));
afterAll(() => rmSync(dir, { recursive: true }));
let [plain, corrected] = [null, null] as unknown as [Rig, Rig];

beforeAll(async () => {
  const { rig, text } = await builtInRig("emulated-pico");
  const bare = (r: Rig): Rig => ({
    ...r,
    rails: r.rails.map(({ name, voltage, current }) => ({
      name,
      voltage: voltage!,
      current: current!,
    })),
  });
  plain = bare(rig);
  const adc = `{ bits: 12, reference: "3.3 V", code_errors: { table: [${measuredTable()}], uncertainty: "±0.5" } }`;
  const yaml = Buffer.from(text).toString().replace('{ bits: 12, reference: "3.3 V" }', adc);
  expect(yaml).toContain("code_errors");
  writeFileSync(join(dir, "rig.yaml"), yaml);
  corrected = bare((await loadRig(join(dir, "rig.yaml"))).rig);
});

const layout: RowLayout = {
  stream: "main",
  rowBytes: 8,
  fields: [0, 1, 2, 3].map((k) => ({ name: `adc${k}`, bitOffset: 16 * k, bits: 12, kind: "uint" })),
};

function block(codes: Uint16Array): SampleBlock {
  const words = new Uint16Array(4 * codes.length);
  codes.forEach((c, i) => words.fill(c, 4 * i, 4 * i + 4));
  const stamps = { deviceTick: null, hostBefore: null, hostAfter: null };
  const bytes = new Uint8Array(words.buffer);
  return { stream: "main", firstIndex: 0, ...stamps, rows: codes.length, flags: 0, bytes };
}

test("a ramp through every code comes out straight to a count, and clips where it did", () => {
  const ideal = Float64Array.from({ length: 4000 }, (_, k) => 1 + 1.0235 * k);
  const codes = Uint16Array.from(ideal, wideCode);
  const worst = (rig: Rig): { counts: number; clipped: number[] } => {
    const calibrator = new Calibrator(layout, rig, ideal.length);
    const flags = new Uint8Array(ideal.length);
    calibrator.read(block(codes), flags);
    const { perCount, zeroCount } = rig.rails[1]!.current!;
    const amperes = calibrator.rails[1]!.currentA!;
    let counts = 0;
    codes.forEach((code, i) => {
      // Inside a wide code nothing tells where.
      if (WIDE.includes(code)) return;
      const seen = amperes[i]! / perCount + zeroCount + 0.5;
      counts = Math.max(counts, Math.abs(seen - ideal[i]!));
    });
    return { counts, clipped: [...codes.keys()].filter((i) => flags[i]! & RowFlag.clipped) };
  };
  const [without, withTable] = [worst(plain), worst(corrected)];
  expect(without.counts).toBeGreaterThan(4);
  expect(withTable.counts).toBeLessThan(1);
  expect(withTable.clipped).toEqual(without.clipped);
  expect(withTable.clipped.length).toBeGreaterThan(3);
});

test("Joules at a level behind a wide code: right with the table, and its remainder in the budget", () => {
  const level = 1700; // between two wide codes, where their error is largest
  const { perCount, zeroCount } = plain.rails[0]!.current!;
  const amperes = (level - zeroCount) * perCount;
  const joules = (rig: Rig, name: string): { energyJ: number; u: number; terms: string[] } => {
    const truth = { adc0: { at: () => 12 }, adc1: { at: () => amperes } };
    writeSteady(join(dir, name), rig, truth, 1, wideCode);
    const { windows } = compare(prepare(join(dir, name, "capture.mcap")));
    const p = windows[0]!.physical!;
    const u = p.budget.find((t) => t.term === "hpwr_12v current code errors")?.contributionJ ?? 0;
    return { energyJ: p.energyJ, u, terms: p.budget.map((t) => t.term) };
  };
  const [bare, tabled] = [joules(plain, "bare"), joules(corrected, "tabled")];
  const trueJ = 12 * amperes * (1 - 1 / 5000);
  expect(bare.terms).not.toContain("hpwr_12v current code errors");
  expect(tabled.u).toBeCloseTo(12 * perCount * (0.5 / Math.sqrt(3)), 2);
  // Half a count of rounding is the capture writer's own.
  expect(Math.abs(tabled.energyJ - trueJ)).toBeLessThan(12 * perCount);
  expect(Math.abs(bare.energyJ - trueJ)).toBeGreaterThan(2 * 12 * perCount);
});

test("trueCount: straight lines between knots, level beyond, nothing without a table", () => {
  const table = [
    [10, 1],
    [20, 3],
  ] as const;
  expect([0, 10, 15, 20, 30].map((c) => trueCount(table, c))).toEqual([-1, 9, 13, 17, 27]);
  expect(trueCount([], 7)).toBe(7);
  expect(trueCount(table, Infinity)).toBe(Infinity);
  expect(trueCount(table, -Infinity)).toBe(-Infinity);
});
