// Zeros that a run shows: which inputs are taken to rest, and what is said of them.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { LevelWatch } from "../../align/rows/levels.ts";
import { LogWriter } from "../../capture/log-writer.ts";
import { compare, prepare } from "../../energy/compare.ts";
import { restingOffZero } from "../../energy/findings/zeros.ts";
import type { RowLayout } from "../../schema/records.ts";
import type { Rail, Rig, Sensor } from "../../schema/rig.ts";
import { SESSION } from "../support/evidence.ts";
import { rigOf, sensor } from "../support/rig.ts";

const field = (name: string, k: number, kind: "uint" | "float" = "uint") => ({
  ...{ name, bitOffset: 16 * k, bits: 16, kind },
});
const LAYOUT: RowLayout = {
  ...{ stream: "main", rowBytes: 6 },
  fields: ["ai", "bi", "bv"].map((name, k) => field(name, k)),
};
const loaded: Rail = {
  ...{ name: "a", assumedVoltage: { valueV: 12, u: 0.1 } },
  current: sensor("ai", { perCount: 0.01 }),
};
/** A code is 10 mA, the zero known to ±25 mA (k = 1). */
const idle = (known: Partial<Sensor> = {}): Rail => ({
  name: "b",
  current: sensor("bi", { perCount: 0.01, offsetU: 0.025, ...known }),
  voltage: sensor("bv", { perCount: 0.01, offsetU: 0.02 }),
});
const level = (mean: number, sd: number, rows = 6400) => ({ mean, sd, rows });
const at = (voltageV: number) => ({ powerW: 0, currentA: 0, voltageV });
const texts = (
  levels: readonly ReturnType<typeof level>[],
  { rail = idle(), volts = 12, layout = LAYOUT } = {},
): string[] =>
  restingOffZero(rigOf({ rails: [loaded, rail] }), { layout, levels }, [at(12), at(volts)]).map(
    (f) => f.text,
  );

test("beside a load that moves, an input that rests off its zero is named, with what it reads and what to do", () => {
  expect(texts([level(5, 2), level(0.2, 0.004)])).toEqual([
    "rail b: its current rests at 200 mA all the time while other rails' loads move, and its zero is stated to ±50 mA: if nothing flows in it, its zero is off by that; record a run in which nothing flows in any rail and take the zero from it: truejoule calibrate --zero RUN",
  ]);
  expect(texts([level(5, 2), level(-0.2, 0.004)])[0]).toMatch(/rests at -200 mA/);
});

test("not one within the doubt of its zero, nor one that moves, nor one beside which nothing moves", () => {
  expect(texts([level(5, 2), level(0.05, 0)])).toEqual([]);
  expect(texts([level(5, 2), level(0.0501, 0)])).toHaveLength(1);
  // Five codes are 50 mA: more than the doubt of the zero.
  expect(texts([level(5, 2), level(0.2, 0.0501)])).toEqual([]);
  expect(texts([level(5, 2), level(0.2, 0.05)])).toHaveLength(1);
  expect(texts([level(5, 0.01), level(0.2, 0.004)])).toEqual([]);
  expect(texts([level(5, 2), level(0.2, 0.004, 63)])).toEqual([]);
  expect(texts([level(5, 2, 63), level(0.2, 0.004)])).toEqual([]);
  // Two standard deviations of the mean of 64 rows: 10 mA.
  expect(texts([level(5, 2), level(0.0599, 0.04, 64)])).toEqual([]);
});

test("one without a voltage feeds nothing, whatever the others do", () => {
  expect(texts([level(5, 0.01), level(0.2, 0.004)], { volts: 0.1 })[0]).toMatch(
    /while it has no voltage/,
  );
  expect(texts([level(5, 0.01), level(0.2, 0.004)], { volts: 0.11 })).toEqual([]);
});

test("of numbers no code says how much is rest: the doubt of the zero alone", () => {
  const layout = { ...LAYOUT, fields: LAYOUT.fields.map((f, k) => field(f.name, k, "float")) };
  const rail = idle({ perCount: 1 });
  expect(texts([level(5, 2), level(0.2, 0.03)], { rail, layout })).toEqual([]);
  expect(texts([level(5, 2), level(0.2, 0.02)], { rail, layout })).toHaveLength(1);
});

test("not one at the end of its range, nor one whose watts are measured", () => {
  const rail = idle({ clip: [20, 4095] });
  expect(texts([level(5, 2), level(0.2, 0.004)], { rail })).toEqual([]);
  expect(texts([level(5, 2), level(0.22, 0.004)], { rail })).toHaveLength(1);
  const watts = { ...idle(), power: sensor("bv") };
  expect(texts([level(5, 2), level(0.2, 0)], { rail: watts })).toEqual([]);
});

test("a level is of some rows of every slice, without those that are no numbers", () => {
  const rig = rigOf({ rails: [loaded, { name: "none", voltage: sensor("bv") }] });
  const watch = new LevelWatch(rig);
  const slice = (values: readonly number[]) => {
    const currentA = Float64Array.from(values);
    const rails = [{ name: "a", currentA, powerW: currentA, voltageV: null }];
    watch.add({ rails } as never, values.length);
  };
  slice([1000, 1002, NaN, 1004]);
  slice(Array.from({ length: 640 }, (_, i) => (i % 10 === 0 ? 1002 : NaN)));
  const [of, none] = watch.levels;
  expect(none).toBeUndefined();
  expect(of).toMatchObject({ rows: 67, mean: expect.closeTo(1002, 9) });
  expect(of!.sd).toBeCloseTo(Math.sqrt(8 / 66), 9);
});

/** 2 s at 1 kHz: 5 A on rail a every other 100 ms, `restCode` on rail b. */
function compared(rig: Rig, restCode: number): ReturnType<typeof compare> {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-zero-"));
  try {
    const path = join(dir, "capture.mcap");
    const log = new LogWriter(path, { ...SESSION, hostClock: "trace" });
    log.attach("rig.json", "application/json", Buffer.from(JSON.stringify(rig)));
    log.declareRows(LAYOUT);
    const codes = Uint16Array.from({ length: 6000 }, (_, i) => {
      const row = Math.floor(i / 3);
      return [row % 200 < 100 ? 500 : 0, restCode, 1200][i % 3]!;
    });
    log.rows({
      ...{ stream: "main", firstIndex: 0, deviceTick: null, hostBefore: null, hostAfter: null },
      ...{ rows: 2000, flags: 0, bytes: new Uint8Array(codes.buffer) },
    });
    log.close();
    return compare(prepare(path));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test("a run with an input off its zero says so, and its Joules stay as they are", () => {
  const rig = rigOf({ rails: [loaded, idle()] });
  const [off, right] = [compared(rig, 20), compared(rig, 3)];
  expect(off.findings.map((f) => f.code)).toContain("zero-off");
  expect(right.findings.map((f) => f.code)).not.toContain("zero-off");
  const joules = (c: typeof off): number => c.windows[0]!.physical!.energyJ;
  expect(joules(off) - joules(right)).toBeCloseTo(12 * 0.17 * 1.999, 6);
});
