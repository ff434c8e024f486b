// fused.arrow row by row against what docs/reference.md says of each column.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type Table, tableFromIPC } from "apache-arrow";
import { ReadColumn } from "../../align/read-column.ts";
import type { TelemetrySeries } from "../../align/scanned.ts";
import type { AlignedRun } from "../../align/timeline.ts";
import { BATCH_ROWS, FusedTable } from "../../dataset/fused.ts";
import type { Window } from "../../energy/window.ts";
import { random } from "../../stats/random.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-fused-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const ROWS = BATCH_ROWS + 1234;
const PERIOD_NS = 10_000.4;

interface Rows {
  readonly t: Float64Array;
  readonly v: Float64Array;
  readonly a: Float64Array;
  readonly p: Float64Array;
  readonly other: Float64Array;
  readonly flags: Uint8Array;
  /** Rows before which a gap lies. */
  readonly gaps: ReadonlySet<number>;
}

/** A rail with voltage and current, one with power alone; some gaps; time from before session start on. */
function someRows(): Rows {
  const r = random(5, "fused");
  const column = (x: () => number): Float64Array => new Float64Array(ROWS).map(x);
  const gaps = new Set(Array.from({ length: 40 }, () => 1 + r.integer(ROWS - 1)));
  let now = -2e6;
  const t = column(() => now).map((_, i) => (now += gaps.has(i) ? 1e6 : PERIOD_NS));
  const v = column(() => 12 + 0.01 * r.normal());
  const a = column(() => 20 + r.normal());
  const p = v.map((x, i) => x * a[i]!);
  const flags = new Uint8Array(ROWS).map((_, i) => (gaps.has(i) ? 1 : r.integer(16) & 6));
  return { t, v, a, p, other: column(() => 50 * r.uniform()), flags, gaps };
}

function* runsOf(x: Rows): Generator<AlignedRun> {
  const rails = [
    { name: "a", voltageV: x.v, currentA: x.a, powerW: x.p },
    { name: "b", voltageV: null, currentA: null, powerW: x.other },
  ];
  const totalW = x.p.map((w, i) => w + x.other[i]!);
  const r = random(6, "runs");
  for (let from = 0; from < ROWS;) {
    let to = Math.min(ROWS, from + 1 + r.integer(5000));
    for (let i = from + 1; i < to; i++) if (x.gaps.has(i)) to = i;
    const gapBefore = x.gaps.has(from);
    yield { from, to, gapBefore, tNs: x.t, rails, totalW, flags: x.flags };
    from = to;
  }
}

const each = (value: (k: number) => number): ReadColumn =>
  ReadColumn.of(Array.from({ length: 100 }, (_, k) => value(k)));

/** 100 reads, every seventh failed, the first some time after the first row. */
const series: TelemetrySeries = {
  channel: { name: "nvml.power_usage", quantity: "power", unit: "W" },
  tNs: each((k) => 3e6 + k * 7_000_001),
  halfNs: each(() => 1000),
  value: each((k) => (k % 7 === 3 ? NaN : 200 + k)),
  code: each((k) => (k % 7 === 3 ? 15 : 0)),
};

const window = (name: string, t0Ns: number, t1Ns: number): Window => ({
  name,
  kind: name === "session" ? "session" : "mark",
  t0Ns,
  t1Ns,
  u0Ns: 0,
  u1Ns: 0,
});
const listed = [
  window("session", -1e9, 1e9),
  window("load-1", 1e8, 2e8),
  window("step-1", 1.2e8, 1.3e8),
  window("load-2", 4e8, 5.5e8),
];

const windows = {
  count: listed.length,
  t0Ns: (i: number) => listed[i]!.t0Ns,
  t1Ns: (i: number) => listed[i]!.t1Ns,
  isSum: (i: number) => listed[i]!.kind === "session",
};

function written(x: Rows): Table {
  const path = join(dir, "fused.arrow");
  const rails = [
    { name: "a", hasVoltage: true, hasCurrent: true },
    { name: "b", hasVoltage: false, hasCurrent: false },
  ];
  const table = new FusedTable(path, rails, [series], windows, { "truejoule.schema": "fused/1" });
  for (const run of runsOf(x)) table.add(run);
  table.close();
  expect(table.rowsWritten).toBe(ROWS);
  return tableFromIPC(readFileSync(path));
}

/** The column's values, null where null. */
function values(t: Table, name: string): (number | bigint | null)[] {
  return [...t.getChild(name)!] as (number | bigint | null)[];
}

/** First index at which two columns differ, −1 for none. */
function firstDifference(found: readonly unknown[], expected: (i: number) => unknown): number {
  return found.findIndex((x, i) => !Object.is(x, expected(i)));
}

describe("FusedTable", () => {
  test("every column of every row", () => {
    const x = someRows();
    const t = written(x);
    expect(t.numRows).toBe(ROWS);
    const differs = (name: string, expected: (i: number) => unknown): void => {
      expect([name, firstDifference(values(t, name), expected)]).toEqual([name, -1]);
    };
    differs("t_ns", (i) => BigInt(Math.round(x.t[i]!)));
    differs("voltage_a_v", (i) => Math.fround(x.v[i]!));
    differs("current_a_a", (i) => Math.fround(x.a[i]!));
    differs("power_a_w", (i) => Math.fround(x.p[i]!));
    differs("voltage_b_v", () => null);
    differs("current_b_a", () => null);
    differs("power_b_w", (i) => Math.fround(x.other[i]!));
    differs("power_w", (i) => Math.fround(x.p[i]! + x.other[i]!));
    differs("flags", (i) => x.flags[i]);
    const last = (i: number): number => [...series.tNs].filter((at) => at <= x.t[i]!).length - 1;
    const lasts = Array.from(x.t, (_, i) => last(i));
    differs("power_nvml_power_usage_w", (i) => {
      const value = lasts[i]! < 0 ? NaN : series.value.at(lasts[i]!);
      return Number.isNaN(value) ? null : value;
    });
    differs("event", (i) => {
      const at = x.t[i]!;
      if (at >= 1.2e8 && at < 1.3e8) return 2;
      if (at >= 1e8 && at < 2e8) return 1;
      return at >= 4e8 && at < 5.5e8 ? 3 : null;
    });
  });

  test("energy_j is the running trapezoid and stands still across gaps", () => {
    const x = someRows();
    const energy = values(written(x), "energy_j") as number[];
    const power = (i: number): number => x.p[i]! + x.other[i]!;
    let sum = 0;
    let worst = 0;
    for (let i = 0; i < ROWS; i++) {
      if (i > 0 && !x.gaps.has(i))
        sum += ((power(i - 1) + power(i)) / 2) * (x.t[i]! - x.t[i - 1]!) * 1e-9;
      worst = Math.max(worst, Math.abs(energy[i]! - sum));
    }
    expect(energy[0]).toBe(0);
    expect(worst).toBeLessThan(1e-12 * sum);
    for (const i of x.gaps) expect(energy[i]).toBe(energy[i - 1]);
  });
});
