// The counter of ten bits and the host's clock together: device time over any gap.

import { describe, expect, test } from "@jest/globals";
import { RowBlocks } from "../../ingest/stream/row-blocks.ts";
import { TickedRows } from "../../ingest/stream/ticked-rows.ts";
import { random } from "../../stats/random.ts";
import { BlockFlag } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { Collector } from "./collect.ts";

const PERIOD_US = 50;
const HZ = 1e6;
const LAYOUT = {
  stream: "s",
  rowBytes: 8,
  fields: [
    { name: "t", bitOffset: 0, bits: 10, kind: "uint" },
    { name: "row", bitOffset: 32, bits: 32, kind: "uint" },
  ],
} as const;

const OPTIONS = { bits: 10, hz: HZ, uRel: 60e-6, rowHz: 2e4, gapPeriods: 1.5 };

interface Line {
  /** Rows (50 µs each) that never arrive: [first, end). */
  readonly lost?: readonly (readonly [number, number])[];
  /** Host stalls: reads due in [from, to) ms come at `to`. */
  readonly stalls?: readonly (readonly [number, number])[];
  /** Every read of [from, to) ms is 60 ms late. */
  readonly busy?: readonly [number, number];
  /** The device's clock runs this much fast. */
  readonly ppm?: number;
  readonly damaged?: boolean;
}

/** Reads of about 1 ms with a host's lateness; @returns unwrapped µs by row, and what was counted. */
function receive(seconds: number, seed: number, line: Line) {
  const r = random(seed, "line");
  const sink = new Collector();
  const rows = new TickedRows(new RowBlocks(sink, LAYOUT), OPTIONS);
  const start = r.integer(1024);
  let [next, gap] = [0, false];
  const total = seconds * 2e4;
  for (let ms = 1; next < total; ms++) {
    const stall = line.stalls?.find(([a, b]) => ms >= a && ms < b);
    if (stall) continue;
    const [busyFrom, busyTo] = line.busy ?? [0, 0];
    const backlogMs = ms >= busyFrom && ms < busyTo ? Math.min(60, ms - busyFrom) : 0;
    const sampled = Math.min(
      total,
      Math.floor(((ms - backlogMs) * 1e3 * (1 + (line.ppm ?? 0) * 1e-6)) / PERIOD_US),
    );
    const late = r.exponential(150e3) + (r.uniform() < 0.02 ? r.exponential(4e6) : 0);
    const after = instant<"host">(BigInt(Math.round(ms * 1e6 + late)));
    rows.beginRead(after, after);
    for (; next < sampled; next++) {
      if (line.lost?.some(([a, b]) => next >= a && next < b)) {
        gap = true;
        continue;
      }
      const raw = (start + next * PERIOD_US) & 1023;
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setUint32(0, raw, true);
      new DataView(bytes.buffer).setUint32(4, next, true);
      rows.row(bytes, raw, gap && line.damaged !== false ? 1 : 0);
      gap = false;
    }
    rows.endRead();
  }
  rows.flush();
  /** Device time that each block gives each of its rows, against the truth. */
  const wrong: number[] = [];
  for (const b of sink.blocks) {
    const view = new DataView(b.bytes.buffer);
    const first = view.getUint32(4, true);
    if (Number(b.deviceTick) - start !== first * PERIOD_US) wrong.push(first);
    for (let i = 0; i < b.rows; i++)
      if (view.getUint32(8 * i + 4, true) !== first + i) wrong.push(first + i);
  }
  return { sink, wrong, counts: rows.counts() };
}

describe("device time across gaps", () => {
  test("no gap: nothing counted, every block where it belongs", () => {
    const { wrong, counts, sink } = receive(3, 1, { ppm: 80 });
    expect(wrong).toEqual([]);
    expect(counts).toEqual({
      rows: 60_000,
      rowsLost: 0,
      gapsUncertain: 0,
      turnsLate: 0,
    });
    expect(sink.blocks.every((b) => b.flags === 0)).toBe(true);
  });

  test("gaps of every length, many turns of the counter among them", () => {
    for (let seed = 1; seed <= 12; seed++) {
      const r = random(seed, "gap");
      const n = 1 + r.integer(seed < 7 ? 60 : 8000);
      const { wrong, counts, sink } = receive(2, seed, { ppm: 60, lost: [[21_003, 21_003 + n]] });
      expect({ n, wrong, lost: counts.rowsLost }).toEqual({ n, wrong: [], lost: n });
      expect(sink.blocks.filter((b) => b.flags & BlockFlag.gapBefore)).toHaveLength(1);
    }
  });

  test("a gap behind a host that stalls", () => {
    const { wrong, counts } = receive(3, 5, { lost: [[30_000, 31_234]], stalls: [[1495, 1590]] });
    expect(wrong).toEqual([]);
    expect(counts.rowsLost).toBe(1234);
  });

  test("a gap after a second in which every read was late by tens of turns", () => {
    const { wrong, counts } = receive(4, 9, { lost: [[50_000, 51_000]], busy: [1500, 2520] });
    expect(wrong).toEqual([]);
    expect(counts.rowsLost).toBe(1000);
  });

  test("two gaps, the second before the first is settled", () => {
    const { wrong, counts } = receive(2, 6, {
      lost: [
        [20_000, 20_500],
        [20_700, 20_703],
      ],
    });
    expect(wrong.filter((first) => first > 21_000)).toEqual([]);
    expect(counts.rowsLost).toBe(503);
  });

  test("rows that vanish by whole turns leave no trace in the counter: that every read is late is told", () => {
    const { counts } = receive(6, 7, { lost: [[60_000, 60_512]], damaged: false });
    expect(counts).toMatchObject({ turnsLate: 1, rowsLost: 0 });
  });

  /** A gap of 100.3 ms by the counter, after which every read comes so much later, in turns of 1.024 ms. */
  const gapThenLate = (turns: number) => {
    const rows = new TickedRows(new RowBlocks(new Collector(), LAYOUT), OPTIONS);
    // Reads of 20 rows.
    for (let k = 0; k < 2500; k++) {
      const [gapUs, lateUs] = k < 1000 ? [0, 0] : [100_300, 1024 * turns];
      const us = k * 20 * PERIOD_US + gapUs;
      const at = instant<"host">(BigInt(Math.round((us + 19 * PERIOD_US + lateUs) * 1e3)));
      rows.beginRead(at, at);
      for (let i = 0; i < 20; i++)
        rows.row(new Uint8Array(8), (us + i * PERIOD_US) & 1023, k === 1000 && i === 0 ? 1 : 0);
      rows.endRead();
    }
    rows.flush();
    return rows.counts();
  };

  test("a gap that fits a whole number of turns badly is counted as uncertain, one that fits well is not", () => {
    expect([0, 0.1, 0.2, 1, 1.2].map((t) => gapThenLate(t).gapsUncertain)).toEqual([0, 0, 0, 0, 0]);
    expect([0.3, 0.5, 0.7, 1.4].map((t) => gapThenLate(t).gapsUncertain)).toEqual([1, 1, 1, 1]);
  });

  test("a gap without any stamps of the host is uncertain", () => {
    const rows = new TickedRows(new RowBlocks(new Collector(), LAYOUT), OPTIONS);
    for (let k = 0, us = 0; k < 300; k++, us += k === 150 ? 700 : 50) {
      rows.beginRead(null, null);
      rows.row(new Uint8Array(8), us & 1023, 0);
      rows.endRead();
    }
    rows.flush();
    expect(rows.counts()).toMatchObject({ gapsUncertain: 1, rowsLost: 13 });
  });

  test("a stall without loss is none", () => {
    const { wrong, counts } = receive(5, 8, { stalls: [[2000, 2900]] });
    expect(wrong).toEqual([]);
    expect(counts).toMatchObject({ rowsLost: 0, turnsLate: 0 });
  });

  test("a device that starts again goes on by the host's clock", () => {
    const sink = new Collector();
    const rows = new TickedRows(new RowBlocks(sink, LAYOUT), OPTIONS);
    const read = (ms: number, raws: number[]): void => {
      const at = instant<"host">(BigInt(Math.round(ms * 1e6)));
      rows.beginRead(at, at);
      for (const raw of raws) rows.row(new Uint8Array(8), raw, 0);
      rows.endRead();
    };
    for (let ms = 0; ms < 500; ms++) read(ms, [(ms * 1000) & 1023]);
    rows.restart();
    for (let ms = 0; ms < 100; ms++) read(1500 + ms, [(7 + ms * 1000) & 1023]);
    rows.flush();
    const back = sink.blocks.find((b) => b.flags & BlockFlag.restart)!;
    expect(Math.abs(Number(back.deviceTick) - 1_500_000)).toBeLessThan(50);
    expect(back.flags & BlockFlag.gapBefore).not.toBe(0);
  });
});
