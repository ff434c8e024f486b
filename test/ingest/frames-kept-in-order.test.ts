// What the decoder remembers of a run lasts as long as late frames can come, and no longer; numbers that wrap, that
// are not believed, or that nobody asked for spoil none after them (docs/wire.md, Sequence and Stream records).

import { describe, expect, test } from "@jest/globals";
import { FrameDecoder } from "../../ingest/instruments/truejoule-daq/frame-decoder.ts";
import { RowHoles } from "../../ingest/instruments/truejoule-daq/row-holes.ts";
import { BlockFlag } from "../../schema/records.ts";
import { makeFrame } from "../../schema/wire/frame.ts";
import { encodeReadings, encodeSamples, type Samples } from "../../schema/wire/frame-records.ts";
import { Collector } from "./collect.ts";

const OPTIONS = { stream: "main", rowHz: 1e5, tickHz: 1e6 };

function block(k: number, more: Partial<Samples> = {}): Samples {
  const lines = { levels: 0, sampledLines: 0, bitmap: null };
  const at = { index: 8 * k, tick: BigInt(80 * k) };
  return {
    run: 1,
    rows: 8,
    mask: 15,
    bits: 12,
    data: new Uint8Array(48),
    ...at,
    ...lines,
    ...more,
  };
}

describe("holes between rows", () => {
  test("a hole that is filled takes no other's place", () => {
    const holes = new RowHoles(2);
    holes.open(0, 8);
    holes.open(16, 24);
    expect(holes.fill(16, 8)).toBe(true);
    holes.open(32, 40);
    expect([holes.has(0, 8), holes.has(16, 8), holes.has(32, 8)]).toEqual([true, false, true]);
  });

  test("one that is filled in its midst makes two, and the oldest goes", () => {
    const holes = new RowHoles(2);
    holes.open(0, 8);
    holes.open(16, 40);
    holes.fill(24, 8);
    expect([holes.has(0, 8), holes.has(16, 8), holes.has(32, 8)]).toEqual([false, true, true]);
  });

  test("of levels are remembered as long as those of rows", () => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    const push = (k: number): void => {
      const levels = k < 3 ? 0 : 1; // it changes between the blocks 2 and 3
      d.push(encodeSamples(block(k, { sampledLines: 1, levels }), k), null, null);
    };
    for (let k = 0; k < 400; k += 2) push(k);
    expect(d.counts).toMatchObject({ edgesUnplaced: 1, rowsLost: 199 * 8 });
    push(3);
    push(400); // the numbers go on: the late one is used
    expect(sink.edges.map((e) => [e.index, e.level])).toEqual([[23.5, 1]]);
    expect(d.counts).toMatchObject({ edgesUnplaced: 0, rowsLost: 199 * 8, reordered: 1 });
  });
});

describe("numbers of readings", () => {
  /** Sent in frames of their own, each behind a block that it belongs to; then what became of them. */
  function take(
    readings: readonly { number: number; end?: number; sequence?: number }[],
    from = 0,
  ) {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    readings.forEach(({ number, end, sequence }, k) => {
      d.push(encodeSamples(block(from + k), 2 * k), null, null);
      const endTick = BigInt(end ?? 80 * (from + k) + 10);
      const r = { endTick, durationTicks: 80, number, shunt: 0, bus: 0, config: 0 };
      const frame = encodeReadings([{ ...r, address: 64, status: 0 }], 1, sequence ?? 2 * k + 1);
      d.push(frame, null, null);
    });
    d.cut();
    const told = sink.of("main.ina226-40").map((b) => [b.firstIndex, b.flags]);
    return { told, readings: d.counts.readings, readingsWrong: d.counts.readingsWrong };
  }
  const { gapBefore, duplicate } = BlockFlag;

  test("wrap at 2^32 and go on", () => {
    const numbers = [-3, -2, -1, 0, 1, 4].map((n) => ({ number: (2 ** 32 + n) % 2 ** 32 }));
    expect(take(numbers, 1000)).toEqual({
      told: [-3, -2, -1, 0, 1, 4].map((n) => [2 ** 32 + n, n === 4 ? gapBefore : 0]),
      readings: 6,
      readingsWrong: 0,
    });
  });

  test("one that lies back is wrong on either side of the wrap", () => {
    const { told, readingsWrong } = take([{ number: 0 }, { number: 2 ** 32 - 1 }, { number: 1 }]);
    expect(told).toEqual([
      [0, 0],
      [0, duplicate],
      [1, 0],
    ]);
    expect(readingsWrong).toBe(1);
  });

  test("the first that whoever joins hears, and does not believe, says nothing of those after it", () => {
    const heard = take([{ number: 4e9, end: 2 ** 50 }, { number: 55 }, { number: 57 }], 1000);
    expect(heard.told.map(([, flags]) => flags)).toEqual([duplicate, 0, gapBefore]);
    expect(heard.told.slice(1).map(([index]) => index)).toEqual([55, 57]);
    expect(heard).toMatchObject({ readings: 2, readingsWrong: 1 });
  });
});

test("numbers that slip back twice, first to some that were never heard: the rows go on in the order they came", () => {
  const sink = new Collector();
  const d = new FrameDecoder(sink, OPTIONS);
  const numberOf = (k: number): number => (k < 10 ? 5000 : k < 20 ? 4690 : 4687) + k;
  for (let k = 0; k < 30; k++) d.push(encodeSamples(block(k), numberOf(k)), null, null);
  d.cut();
  const used = sink.of("main").map((b) => [b.firstIndex, b.flags & BlockFlag.duplicate]);
  expect(used).toEqual(Array.from({ length: 30 }, (_, k) => [8 * k, 0]));
  expect(d.counts).toMatchObject({ rows: 240, rowsLost: 0, restarts: 0, numberFaults: 1 });
});

test("frames of a type that nobody knows, while no run is awaited, count as no loss", () => {
  const d = new FrameDecoder(new Collector(), OPTIONS);
  d.push(encodeSamples(block(0), 0), null, null);
  d.expectNone();
  for (const sequence of [40, 41, 30, 90])
    d.push(makeFrame(0x20, 0, sequence, new Uint8Array(4)), null, null);
  d.cut();
  expect(d.counts).toMatchObject({ framesLost: 0, reordered: 0, duplicates: 0 });
});
