// A reference beside a fast path of known error, both without noise: the line between them in closed form, what is
// said of it, and what does not count as a reading.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { disciplinedRig, type DisciplinedRig } from "../../align/reference/discipline.ts";
import { LogWriter } from "../../capture/log-writer.ts";
import { encodeReadings, READING_BYTES, readingLayout } from "../../schema/wire/frame-records.ts";
import { readingPlan } from "../../schema/wire/ina226.ts";
import type { Rig } from "../../schema/rig.ts";
import { SESSION } from "../support/evidence.ts";
import { rigOf, sensor } from "../support/rig.ts";
import { textsOf } from "../../schema/findings.ts";

const HZ = 10_000;
const TICKS_PER_ROW = 100;
const CONFIG = 0x4327;
const plan = readingPlan(CONFIG)!;
const READING_US = (plan.shuntUs + plan.busUs) * plan.averages;
const READING_ROWS = (READING_US * HZ) / 1e6;
/** A count of the reference, A. */
const COUNT_A = 1e-3;

interface Made {
  readonly readings?: number;
  /** True current of a reading, A. */
  readonly trueA?: (k: number) => number;
  /** What the fast path shows of it, A. */
  readonly fastA?: (trueA: number, row: number) => number;
  readonly status?: (k: number) => number;
  /** Readings that were not logged. */
  readonly lost?: (k: number) => boolean;
  readonly fast?: object;
  readonly reference?: object;
  /** Rows that never came: [first, end). */
  readonly gap?: readonly [number, number];
}

const LEVELS = (k: number): number => (Math.floor(k / 10) % 2 ? 10 : 2);

function disciplined(m: Made): DisciplinedRig & { readonly before: Rig } {
  const { readings = 40, trueA = LEVELS, fastA = (a) => a, gap = [0, 0] } = m;
  const slow = sensor("shunt", { perCount: COUNT_A, gainU: 1e-4, offsetU: 1e-4, ...m.reference });
  const current = sensor("ai", { gainU: 0.05, offsetU: 1, ...m.fast });
  const assumedVoltage = { valueV: 12, u: 0 };
  const rail = { name: "a", current, assumedVoltage, reference: { stream: "ref", current: slow } };
  const rig = rigOf({ rails: [rail as never], rowHz: HZ, sampling: "interval_mean" });
  const dir = mkdtempSync(join(tmpdir(), "truejoule-lines-"));
  try {
    const path = join(dir, "capture.mcap");
    const log = new LogWriter(path, { ...SESSION, hostClock: "trace" });
    const field = { name: "ai", bitOffset: 0, bits: 64, kind: "float" } as const;
    log.declareRows({ stream: "main", rowBytes: 8, fields: [field] });
    log.declareRows(readingLayout("ref"));
    const stamps = { hostBefore: null, hostAfter: null };
    // Two readings of rows beyond the last, so that all of its own have come.
    const rows = (readings + 2) * READING_ROWS;
    const amperes = Float64Array.from({ length: rows }, (_, i) =>
      fastA(trueA(Math.min(readings - 1, Math.floor(i / READING_ROWS))), i),
    );
    const reading = (k: number): void => {
      if (k >= readings || m.lost?.(k)) return;
      const tick = BigInt((k + 1) * READING_ROWS * TICKS_PER_ROW);
      const of = { shunt: Math.round(trueA(k) / COUNT_A), bus: 0, config: CONFIG, address: 0x40 };
      const durationTicks = READING_ROWS * TICKS_PER_ROW;
      const one = { endTick: tick, durationTicks, number: k, ...of, status: m.status?.(k) ?? 0 };
      const bytes = encodeReadings([one], 0, 0).subarray(16, 16 + READING_BYTES);
      log.rows({
        ...{ stream: "ref", firstIndex: k, deviceTick: tick, ...stamps, rows: 1, flags: 0, bytes },
      });
    };
    // A block as long as a reading; the reading is sent at once, its rows when they are full.
    for (let k = 0; k * READING_ROWS < rows; k++) {
      reading(k);
      const i = k * READING_ROWS;
      if (i >= gap[0] && i < gap[1]) continue;
      log.rows({
        ...{ stream: "main", firstIndex: i, deviceTick: BigInt(i * TICKS_PER_ROW), ...stamps },
        ...{ rows: READING_ROWS, flags: i === gap[1] && i > 0 ? 1 : 0 },
        bytes: new Uint8Array(amperes.slice(i, i + READING_ROWS).buffer),
      });
    }
    log.close();
    return { ...disciplinedRig(path, rig), before: rig };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** What the corrected rig makes of the fast path's amperes. */
const read = (rig: Rig, fastA: number): number => {
  const { perCount, zeroCount } = rig.rails[0]!.current!;
  return perCount * (fastA - zeroCount);
};

describe("a load that moves", () => {
  const off = (a: number): number => 1.02 * a + 0.3;

  test("shows gain and offset of the fast path, and the rig is corrected by them", () => {
    const { rig, disciplines } = disciplined({ fastA: off });
    const [d] = disciplines;
    expect(d).toMatchObject({ rail: "a", quantity: "current", reference: "ref", findings: [] });
    // The first reading has no known begin.
    expect([d!.fit!.readings, d!.unplaced, d!.refused]).toEqual([39, 0, 0]);
    expect(d!.gain).toBeCloseTo(1.02, 4);
    expect(d!.offset).toBeCloseTo(0.3, 3);
    for (const a of [0, 2, 6, 10]) expect(Math.abs(read(rig, off(a)) - a)).toBeLessThan(2e-3);
    const corrected = rig.rails[0]!.current!;
    expect([corrected.gainU, corrected.offsetU]).toEqual([1e-4, 1e-4]);
    expect(corrected.disciplined!.driftU).toBe(0);
    expect(corrected.disciplined!.levelU).toBe(d!.fit!.levelU);
    expect(corrected.disciplined!.slopeU).toBeCloseTo(d!.fit!.slopeU * d!.gain, 12);
    // About the pivot, on the corrected scale.
    expect(corrected.disciplined!.pivot).toBeCloseTo(d!.fit!.pivot + d!.fit!.level, 12);
    expect(d!.gainU).toBeCloseTo(Math.hypot(d!.fit!.slopeU, 1e-4), 12);
    const levelU = Math.hypot(d!.fit!.levelU, d!.fit!.slopeU * d!.fit!.pivot, 1e-4);
    expect(d!.offsetU).toBeCloseTo(levelU, 12);
  });

  test("beyond what the rig states of the two it is believed, and told", () => {
    const { disciplines } = disciplined({ fastA: off, fast: { gainU: 1e-3, offsetU: 0.01 } });
    const [told, ...more] = textsOf(disciplines[0]!.findings);
    expect(more).toEqual([]);
    expect(told).toMatch(
      /^a current: reference ref finds gain 1\.0\d\d\d and offset 0\.\d+ A, beyond/,
    );
  });

  test("that agrees is left as it is", () => {
    const { rig, disciplines } = disciplined({ fast: { gainU: 1e-3, offsetU: 0.01 } });
    expect(textsOf(disciplines[0]!.findings)).toEqual([]);
    expect(disciplines[0]!.gain).toBeCloseTo(1, 4);
    for (const a of [2, 10]) expect(Math.abs(read(rig, a) - a)).toBeLessThan(1e-3);
  });
});

test("a steady load shows the level and no gain", () => {
  const { rig, disciplines } = disciplined({ trueA: () => 5, fastA: (a) => a + 0.3 });
  expect(Math.abs(read(rig, 5.3) - 5)).toBeLessThan(2e-3);
  expect(disciplines[0]!.fit!.slopeFromReadings).toBeLessThan(0.05);
});

describe("drift", () => {
  const rows = 42 * READING_ROWS;
  const drifting = (byA: number, fast: object): DisciplinedRig =>
    disciplined({ fastA: (a, row) => a + (byA * row) / rows, fast });

  test("of the fast path during the run is uncertain by its spread, and told", () => {
    const { rig, disciplines } = drifting(0.4, { offsetU: 0.02 });
    const { fit, findings } = disciplines[0]!;
    // The reference less the fast path, from the first to the last of 39 readings.
    expect(fit!.drift / (-0.4 * (38 / 42))).toBeCloseTo(1, 1);
    expect(rig.rails[0]!.current!.disciplined!.driftU).toBeCloseTo(
      Math.abs(fit!.drift) / Math.sqrt(12),
      12,
    );
    expect(findings.at(-1)!.text).toMatch(/^a current: drifted by -0\.3\d A against ref/);
  });

  test("within what the rig states of its offset is not told", () => {
    const { rig, disciplines } = drifting(0.4, { offsetU: 0.5 });
    expect(textsOf(disciplines[0]!.findings)).toEqual([]);
    expect(rig.rails[0]!.current!.disciplined!.driftU).toBeGreaterThan(0.05);
  });
});

describe("readings that do not count", () => {
  test("fewer than eight correct nothing", () => {
    const { rig, before, disciplines } = disciplined({ readings: 8, fastA: (a) => a + 1 });
    expect(rig.rails[0]!.current).toBe(before.rails[0]!.current);
    expect(disciplines[0]).toMatchObject({ fit: null, gain: 1, gainU: NaN, offsetU: NaN });
    expect(disciplines[0]!.offset).toBeCloseTo(0, 12);
    expect(textsOf(disciplines[0]!.findings)).toEqual([
      "a current: reference ref gave 7 usable readings, 8 are needed: not corrected by it",
    ]);
    expect(disciplined({ readings: 9 }).disciplines[0]!.fit!.readings).toBe(8);
  });

  test("one that the chip did not vouch for, and none whose begin it would have told", () => {
    // Not read (1): its end still is where the next began.
    const { disciplines } = disciplined({ status: (k) => (k === 5 || k === 20 ? 1 : 0) });
    expect(disciplines[0]).toMatchObject({ refused: 2, unplaced: 0 });
    expect(disciplines[0]!.fit!.readings).toBe(37);
  });

  test("one after a reading that is missing has no known begin", () => {
    const { disciplines } = disciplined({ lost: (k) => k === 12 });
    expect(disciplines[0]).toMatchObject({ refused: 1, unplaced: 0 });
    expect(disciplines[0]!.fit!.readings).toBe(37);
  });

  test("those whose rows were lost are unplaced", () => {
    const gap = [20 * READING_ROWS, 22 * READING_ROWS] as const;
    const { disciplines } = disciplined({ gap });
    // Two inside; the two beside them reach a row into it.
    expect(disciplines[0]).toMatchObject({ refused: 0, unplaced: 4 });
    expect(disciplines[0]!.fit!.readings).toBe(35);
  });

  test("a rig without a reference is itself, and its log is not read", () => {
    const rig = rigOf();
    expect(disciplinedRig("/nowhere", rig)).toEqual({ rig, disciplines: [] });
    expect(disciplinedRig("/nowhere", rig).rig).toBe(rig);
  });
});
