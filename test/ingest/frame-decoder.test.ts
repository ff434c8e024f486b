import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import {
  type DecoderOptions,
  FrameDecoder,
} from "../../ingest/instruments/truejoule-daq/frame-decoder.ts";
import { makeFrame } from "../../schema/wire/frame.ts";
import {
  encodeEdges,
  encodeReadings,
  encodeSamples,
  encodeStatus,
  type Samples,
} from "../../schema/wire/frame-records.ts";
import { random } from "../../stats/random.ts";
import { BlockFlag } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { Collector } from "./collect.ts";

const OPTIONS: DecoderOptions = { stream: "main", rowHz: 100_000, tickHz: 1_000_000 };
const dir = new URL("../vectors/", import.meta.url);

interface Account {
  blocks: { index: number; flags: number; run?: number }[];
  [count: string]: unknown;
}
const cable = new Uint8Array(readFileSync(new URL("wire-stream.bin", dir)));
const account = JSON.parse(readFileSync(new URL("wire-stream.json", dir), "utf8")) as Account;

function decode(
  bytes: Uint8Array,
  cuts: number[] = [],
): { sink: Collector; decoder: FrameDecoder } {
  const sink = new Collector();
  const decoder = new FrameDecoder(sink, OPTIONS);
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    decoder.push(bytes.subarray(from, cut), null, null);
    from = cut;
  }
  decoder.cut();
  return { sink, decoder };
}

function block(index: number, rows: number, more: Partial<Samples> = {}): Samples {
  const data = new Uint8Array(rows * 6).map((_, i) => (i * 13 + index) & 255);
  const tick = BigInt(index * 10);
  const lines = { levels: 0, sampledLines: 0, bitmap: null };
  return { run: 1, rows, mask: 15, bits: 12, index, tick, data, ...lines, ...more };
}

describe("a run with every accident of a cable in it", () => {
  test("is accounted for to the byte", () => {
    const { sink, decoder } = decode(cable);
    const c = decoder.counts;
    expect({
      frames: c.frames,
      skipped_bytes: c.skippedBytes,
      bad_frames: c.badFrames,
      frames_lost: c.framesLost,
      rows_lost: c.rowsLost,
      duplicates: c.duplicates,
      reordered: c.reordered,
      restarts: c.restarts,
      unknown: c.unknown,
      other_version: c.otherVersion,
      malformed: c.malformed,
    }).toEqual({ ...account, blocks: undefined });
    const wanted = account.blocks.map((b) => {
      // After the restart the index goes on where the last run stopped (no stamps: no pause).
      if (b.run !== 2) return [b.index, b.flags];
      return [b.index + 480, b.index === 0 ? BlockFlag.gapBefore | BlockFlag.restart : 0];
    });
    expect(sink.blocks.map((b) => [b.firstIndex, b.flags])).toEqual(wanted);
    for (const b of sink.blocks) {
      const k = (b.firstIndex % 480) / 8;
      const a = b.bytes[0]! | ((b.bytes[1]! & 15) << 8);
      expect(a).toBe((k * 8) & 4095);
    }
  });

  test("split at every byte gives the same", () => {
    const whole = decode(cable);
    const summary = ({ sink, decoder }: ReturnType<typeof decode>): string =>
      JSON.stringify([decoder.counts, sink.blocks.map((b) => [b.firstIndex, b.flags, b.rows])]);
    const wanted = summary(whole);
    const wrong: number[] = [];
    for (let cut = 1; cut < cable.length; cut++)
      if (summary(decode(cable, [cut])) !== wanted) wrong.push(cut);
    expect(wrong).toEqual([]);
    const single = decode(cable, [...Array(cable.length).keys()].slice(1));
    expect(single.sink).toEqual(whole.sink);
    expect(single.decoder.counts).toEqual(whole.decoder.counts);
  });
});

describe("mutated and random bytes", () => {
  test("nothing throws and no wrong row is accepted", () => {
    const r = random(1, "fuzz");
    const sent = new Set(
      decode(cable).sink.blocks.map((b) => Buffer.from(b.bytes).toString("hex")),
    );
    let [wrong, accepted] = [0, 0];
    for (let round = 0; round < 500; round++) {
      const bytes = cable.slice();
      for (let k = Math.floor(r.uniform() * 30); k >= 0; k--)
        bytes[Math.floor(r.uniform() * bytes.length)] = Math.floor(r.uniform() * 256);
      const cuts = [...Array(5).keys()].map(() => Math.floor(r.uniform() * bytes.length));
      cuts.sort((a, b) => a - b);
      const { sink } = decode(bytes, cuts);
      // After a lost run boundary indices may be shifted, but the rows are always rows that were sent.
      for (const b of sink.blocks) if (!sent.has(Buffer.from(b.bytes).toString("hex"))) wrong++;
      accepted += sink.blocks.length;
    }
    expect(wrong).toBe(0);
    expect(accepted).toBeGreaterThan(10_000);
  });

  test("right frames with senseless payloads of every type", () => {
    const r = random(4, "payloads");
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    for (let k = 0; k < 20_000; k++) {
      const payload = new Uint8Array(4 * r.integer(20)).map(() => r.integer(256));
      const type = r.uniform() < 0.7 ? 1 + r.integer(5) : r.integer(256);
      d.push(makeFrame(type, r.integer(256), r.integer(2 ** 32), payload), null, null);
    }
    const { frames, skippedBytes, malformed, unknown } = d.counts;
    expect([frames, skippedBytes]).toEqual([20_000, 0]);
    expect(malformed).toBeGreaterThan(5000);
    expect(unknown).toBeGreaterThan(1000);
    for (const b of sink.blocks) expect(Number.isSafeInteger(b.firstIndex)).toBe(true);
  });

  test("a megabyte of noise, half of it false syncs with long lengths", () => {
    const r = random(2, "noise");
    const noise = new Uint8Array(1 << 20).map(() => Math.floor(r.uniform() * 256));
    for (let at = 0; at + 12 < noise.length; at += 64 + Math.floor(r.uniform() * 64))
      noise.set([0xf7, 0x54, 0x4a, 1, 1, 0, 0xfc, 0x3f], at);
    const { sink, decoder } = decode(noise);
    expect(sink.blocks).toHaveLength(0);
    expect(decoder.counts.skippedBytes).toBe(noise.length);
    expect(decoder.counts.badFrames).toBeGreaterThan(8000);
  });
});

describe("edges", () => {
  test("by record: placed between rows by their tick, lost ones counted", () => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    const push = (b: Uint8Array): void => d.push(b, null, null);
    push(encodeSamples(block(0, 8), 0));
    const edge = { index: 13, tick: 124n, count: 1, line: 0, level: 1 as const };
    push(encodeEdges([edge], 1, 1));
    push(encodeEdges([{ ...edge, count: 4, index: 20, tick: 200n, level: 0 }], 1, 2));
    expect(sink.edges.map((e) => [e.line, e.index, e.tick, e.level])).toEqual([
      ["line0", 12.4, 124n, 1],
      ["line0", 20, 200n, 0],
    ]);
    expect(d.counts).toMatchObject({ edges: 2, edgesLost: 2, edgesWrong: 0 });
  });

  test("that contradict their row, or are a clock's wrap away from it, are counted and not used", () => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    const at = (index: number): Samples =>
      block(index, 8, { tick: 2n ** 33n + BigInt(index * 10) });
    d.push(encodeSamples(at(1e9), 0), null, null);
    const tick = 2n ** 33n + 10_000_000_100n;
    const good = { index: 1e9 + 11, tick, count: 1, line: 0, level: 1 as const };
    const rowsAWrap = 2 ** 32 / 10;
    const wrong = [
      { ...good, index: good.index + 2 },
      { ...good, index: good.index - 2 },
      { ...good, tick: tick - 2n ** 32n }, // torn from a later lap
      { ...good, tick: tick - 2n ** 32n, index: Math.ceil(good.index - rowsAWrap) }, // and its row with it
      { ...good, tick: 2n ** 64n - 5n },
      { ...good, index: 2 ** 53 - 1 },
    ];
    wrong.forEach((e, i) => d.push(encodeEdges([e], 1, i + 1), null, null));
    expect(d.counts).toMatchObject({ edges: 0, edgesWrong: wrong.length });
    d.push(encodeEdges([good], 1, 9), null, null);
    expect(sink.edges.map((e) => e.tick)).toEqual([tick]);
  });

  test.each([
    ["10^9 rows ahead", 1e9, 0],
    ["more than the host's clock leaves room for", 2.4e5, 1],
  ])("that say twice what cannot be, %s, are not used either", (_what, ahead, seconds) => {
    const stamp = (s: number): ReturnType<typeof instant<"host">> =>
      instant<"host">(BigInt(s) * 1_000_000_000n);
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    d.push(encodeSamples(block(0, 8), 0), stamp(0), stamp(0));
    const edge = { line: 0, level: 1 as const };
    const send = (index: number, count: number, sequence: number): void =>
      d.push(
        encodeEdges([{ ...edge, index, tick: BigInt(index * 10 - 5), count }], 1, sequence),
        stamp(seconds),
        stamp(seconds),
      );
    send(ahead, 1, 1);
    expect(d.counts).toMatchObject({ edges: 0, edgesWrong: 1 });
    send(1e5 * (1 + seconds), 2, 2); // as far ahead as rows could be by now
    expect(d.counts).toMatchObject({ edges: 1, edgesWrong: 1, edgesLost: 0 });
  });

  test("that are not believed are counted once: used + wrong + lost is how many there were", () => {
    const d = new FrameDecoder(new Collector(), OPTIONS);
    d.push(encodeSamples(block(0, 8), 0), null, null);
    const good = { index: 13, tick: 124n, line: 0, level: 1 as const };
    const sent = [
      { ...good, count: 1 },
      { ...good, count: 5, index: 40 },
      { ...good, count: 2 ** 32 - 1, index: 41 }, // its number is not believed either
      { ...good, count: 9 },
    ];
    sent.forEach((e, i) => d.push(encodeEdges([e], 1, i + 1), null, null));
    expect(d.counts).toMatchObject({ edges: 2, edgesWrong: 2, edgesLost: 5 });
  });

  test.each<[string, number[], object]>([
    ["come again", [1, 2, 2, 2, 3], { edges: 3, edgesWrong: 2, edgesLost: 0 }],
    ["go back", [7, 3, 4], { edges: 2, edgesWrong: 1, edgesLost: 6 }],
    ["wrap at 2^32", [2 ** 31 - 1, 2 ** 32 - 2, 2], { edges: 3, edgesLost: 2 ** 32 - 1 }],
  ])("whose numbers %s: none is used twice, what is skipped is counted", (_what, counts, want) => {
    const d = new FrameDecoder(new Collector(), OPTIONS);
    d.push(encodeSamples(block(0, 80), 0), null, null);
    const edge = { line: 0, level: 1 as const };
    counts.forEach((count, i) => {
      const e = { ...edge, count, index: 8 + 4 * i, tick: BigInt(76 + 40 * i) };
      d.push(encodeEdges([e], 1, i + 1), null, null);
    });
    expect(d.counts).toMatchObject(want);
  });

  test("before the first row of a run are placed by their tick", () => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    const edge = { line: 0, level: 1 as const };
    const early = { ...edge, index: 0, tick: 965n, count: 1 };
    d.push(encodeEdges([early], 1, 0), null, null);
    d.push(encodeSamples(block(0, 8, { tick: 1000n }), 1), null, null);
    d.push(encodeEdges([{ ...early, index: 1, count: 2 }], 1, 2), null, null);
    expect(sink.edges.map((e) => [e.index, e.tick])).toEqual([[-3.5, 965n]]);
    expect(d.counts).toMatchObject({ edges: 1, edgesWrong: 1 });
  });

  test("that come late are taken off the losses again", () => {
    const d = new FrameDecoder(new Collector(), OPTIONS);
    d.push(encodeSamples(block(0, 80), 0), null, null);
    const edge = { line: 0, level: 1 as const };
    for (const n of [2, 1, 1, 3]) {
      const e = { ...edge, count: n, index: 8 + 4 * n, tick: BigInt(76 + 40 * n) };
      d.push(encodeEdges([e], 1, n), null, null);
    }
    expect(d.counts).toMatchObject({ edges: 3, edgesLost: 0, edgesWrong: 0, duplicates: 1 });
  });

  // An edge of another row than its tick is not believed.
  test.each<[string, number[], number[]]>([
    ["one of them not believed", [1, 3, 4, 2, 5], [2]],
    ["ahead of one that was not believed", [1, 3, 2, 4], [3]],
    ["behind one that was not believed", [1, 2, 4, 3, 5], [2]],
    ["not believed, and the next", [1, 3, 2, 4], [2]],
    ["not believed, ahead of all that is", [1, 3, 2, 4], [2, 3]],
  ])("that come late, %s: used + wrong + lost is how many there were", (_what, order, wrong) => {
    const d = new FrameDecoder(new Collector(), OPTIONS);
    d.push(encodeSamples(block(0, 80), 0), null, null);
    for (const n of order) {
      const tick = BigInt(76 + 40 * n);
      const index = 8 + 4 * n + (wrong.includes(n) ? 6 : 0);
      const e = { line: 0, level: 1 as const, count: n, index, tick };
      d.push(encodeEdges([e], 1, n), null, null);
    }
    const made = order.length;
    const edges = made - wrong.length;
    expect(d.counts).toMatchObject({ edges, edgesWrong: wrong.length, edgesLost: 0 });
  });

  test("wait for the first rows to be held against; without rows they are counted", () => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    const edge = { index: 3, tick: 25n, count: 1, line: 0, level: 1 as const };
    d.push(encodeEdges([edge, { ...edge, count: 2, tick: 5000n }], 1, 0), null, null);
    expect(sink.edges).toEqual([]);
    d.push(encodeSamples(block(0, 8), 1), null, null);
    expect(sink.edges.map((e) => e.index)).toEqual([2.5]);
    expect(d.counts.edgesWrong).toBe(1);
    const alone = new FrameDecoder(new Collector(), OPTIONS);
    alone.push(encodeEdges([edge], 1, 0), null, null);
    alone.cut();
    expect(alone.counts.edgesUnplaced).toBe(1);
  });

  test("by bitmap: within a block, at its border, and across a gap", () => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    const lines = { sampledLines: 2 };
    const rising = new Uint32Array([0xffff0000, 0xff]);
    d.push(encodeSamples(block(0, 40, { ...lines, bitmap: rising }), 0), null, null);
    d.push(encodeSamples(block(40, 40, lines), 1), null, null);
    d.push(encodeSamples(block(120, 40, { ...lines, levels: 2 }), 3), null, null);
    expect(sink.edges.map((e) => [e.index, e.level, e.line])).toEqual([
      [15.5, 1, "line1"],
      [39.5, 0, "line1"],
    ]);
    expect(d.counts.edgesUnplaced).toBe(1);
  });
});

describe("runs", () => {
  const at = (ms: number): ReturnType<typeof instant<"host">> =>
    instant<"host">(BigInt(ms) * 1_000_000n);

  test("a restart goes on by the host's clock and says so", () => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    d.push(encodeSamples(block(0, 100), 0), at(0), at(1));
    d.push(encodeSamples(block(0, 100, { run: 2, tick: 77n }), 0), at(2), at(501));
    d.push(encodeSamples(block(100, 100, { run: 2, tick: 1077n }), 1), at(501), at(502));
    // The read of the first began long before, when there was nothing to be read. 500 ms at 100 kHz, of which the block's own 100 rows were seen.
    expect(sink.blocks.map((b) => [b.firstIndex, b.deviceTick, b.flags])).toEqual([
      [0, 0n, 0],
      [50_000, 500_000n, BlockFlag.gapBefore | BlockFlag.restart],
      [50_100, 501_000n, 0],
    ]);
    expect(sink.notes).toHaveLength(1);
    expect(d.counts).toMatchObject({ restarts: 1, rowsLost: 49_900, framesLost: 0 });
  });

  test("edges and readings that come before the new run's first rows wait for their place", () => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    const frames = [
      encodeSamples(block(0, 100), 0),
      encodeEdges([{ line: 0, level: 1, index: 20, tick: 277n, count: 1 }], 2, 0),
      encodeSamples(block(0, 100, { run: 2, tick: 77n }), 1),
    ];
    // One buffer for all reads, as ports have it.
    const read = new Uint8Array(4096);
    for (const [i, frame] of frames.entries()) {
      read.set(frame);
      d.push(read.subarray(0, frame.length), at(500 * i), at(500 * i + 1));
    }
    const again = sink.blocks[1]!;
    expect(again.firstIndex).toBeGreaterThan(90_000);
    expect(sink.edges.map((e) => [e.index, e.tick])).toEqual([
      [again.firstIndex + 20, again.deviceTick! + 200n],
    ]);
    expect(d.counts).toMatchObject({ edges: 1, edgesLost: 0 });
  });

  test.each([0n, 77n, 0xfedcba9876n])("a counter that starts again at %s", (tick) => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    d.push(encodeSamples(block(0, 100, { tick: 123_456n }), 0), at(0), at(1));
    d.push(encodeSamples(block(0, 100, { run: 2, tick }), 0), at(2), at(501));
    expect(sink.blocks.map((b) => b.deviceTick)).toEqual([123_456n, 623_456n]);
  });

  test("records of a run that was not asked for are ignored", () => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    d.expectNone();
    d.push(encodeSamples(block(900, 8, { run: 3 }), 40), null, null);
    expect(sink.blocks).toHaveLength(0);
    d.expectRun(20);
    d.push(encodeSamples(block(8, 8, { run: 4 }), 45), null, null);
    expect(sink.blocks.map((b) => [b.firstIndex, b.flags])).toEqual([[8, BlockFlag.gapBefore]]);
    expect(d.counts).toMatchObject({ rowsLost: 8, framesLost: 0, restarts: 0 });
  });

  /** Blocks of 8 rows, 100 ms apart by the host's clock as by their tick. */
  function indexed(indices: readonly number[]) {
    const sink = new Collector();
    const d = new FrameDecoder(sink, { ...OPTIONS, rowHz: 80, tickHz: 800 });
    indices.forEach((index, i) => {
      const at = instant<"host">(BigInt(i) * 100_000_000n);
      d.push(encodeSamples(block(index, 8, { tick: BigInt(80 * i) }), i), at, at);
    });
    const used = sink.of("main").filter((b) => !(b.flags & BlockFlag.duplicate));
    return { used: used.map((b) => b.firstIndex), flags: used.map((b) => b.flags), c: d.counts };
  }

  test("a block whose index the host's clock leaves no room for is not used, and spoils none after it", () => {
    const { used, c } = indexed([0, 8, 1e15, 24, 3, 40, 48]);
    expect(used).toEqual([0, 8, 24, 40, 48]);
    expect(c).toMatchObject({ indexFaults: 2, rowsLost: 16, restarts: 0 });
  });

  test.each([
    ["ahead", 1e12],
    ["back", 40],
  ])("an index that jumps %s for good is a device that restarted", (_what, to) => {
    const plain = Array.from({ length: 100 }, (_, i) => 8 * i);
    const { used, flags, c } = indexed(plain.map((x, i) => (i < 50 ? x : to + 8 * (i - 50))));
    expect(c).toMatchObject({ indexFaults: 17, restarts: 1, rowsLost: 136 });
    expect(used).toEqual(plain.filter((_, i) => i < 50 || i >= 67));
    expect(flags[50]! & BlockFlag.restart).toBe(BlockFlag.restart);
  });

  test.each([
    ["goes back", (t: bigint) => t - 20_000n],
    ["jumps ahead", (t: bigint) => t + 20_000n],
    ["is 0", () => 0n],
    ["is 2^64 - 1", () => 2n ** 64n - 1n],
    ["is 2^62", () => 2n ** 62n],
  ])("a block whose tick %s is not used, and spoils none after it", (_what, wrong) => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    for (let k = 0; k < 9; k++) {
      const { tick, ...rest } = block(80_000 + 8 * k, 8);
      d.push(encodeSamples({ ...rest, tick: k === 4 ? wrong(tick) : tick }, k), null, null);
    }
    const used = sink.blocks.filter((b) => !(b.flags & BlockFlag.duplicate));
    expect(used.map((b) => (b.firstIndex - 80_000) / 8)).toEqual([0, 1, 2, 3, 5, 6, 7, 8]);
    expect(d.counts).toMatchObject({ indexFaults: 1, rowsLost: 8, restarts: 0 });
  });

  test.each([1, 2, 3, 15, 16, 17, 100, 5000])(
    "a device that begins again under the same run number after %i frames: a new segment, no row of it lost",
    (n) => {
      for (const later of [{ tick: 7_000_003n }, { data: new Uint8Array(48).fill(9) }]) {
        const sink = new Collector();
        const d = new FrameDecoder(sink, OPTIONS);
        for (let k = 0; k < n; k++) d.push(encodeSamples(block(8 * k, 8), k), null, null);
        for (let k = 0; k < 40; k++) {
          const b = block(8 * k, 8, later);
          const tick = b.tick + ("tick" in later ? BigInt(80 * k) : 0n);
          d.push(encodeSamples({ ...b, tick }, k), null, null);
        }
        expect(sink.blocks.map((b) => b.firstIndex)).toEqual(
          Array.from({ length: n + 40 }, (_, k) => 8 * k),
        );
        const flags = sink.blocks.map((b) => b.flags);
        expect(flags[n]).toBe(BlockFlag.gapBefore | BlockFlag.restart);
        expect(flags.filter((f) => f !== 0)).toHaveLength(1);
        expect(d.counts).toMatchObject({
          restarts: 1,
          duplicates: 0,
          indexFaults: 0,
          framesLost: 0,
        });
      }
    },
  );

  test.each<[string, number[], number]>([
    ["that lie ahead of the first ones heard", [1000, 1001, 1002, 1003], 0],
    ["that were missed", [0, 1, 2, 3, 504, 505], 20],
  ])(
    "a device that begins again with numbers %s: its rows are none that come late",
    (_what, numbers, again) => {
      const sink = new Collector();
      const d = new FrameDecoder(sink, OPTIONS);
      for (const n of numbers) d.push(encodeSamples(block(8 * n, 8), n), null, null);
      const restarted = numbers.length;
      for (let k = 0; k < 20; k++) {
        const b = block(8 * (numbers[0]! + k), 8, { data: new Uint8Array(48).fill(k) });
        d.push(encodeSamples(b, again + k), null, null);
      }
      d.cut();
      expect(sink.blocks).toHaveLength(restarted + 20);
      expect(sink.blocks[restarted]!.flags).toBe(BlockFlag.gapBefore | BlockFlag.restart);
      expect(new Set(sink.blocks.map((b) => b.firstIndex)).size).toBe(restarted + 20);
      expect(d.counts).toMatchObject({ restarts: 1, reordered: 0, duplicates: 0, indexFaults: 0 });
    },
  );

  test("a device that begins again is known by whatever it sends first", () => {
    const edge = { line: 0, level: 1 as const, index: 3, tick: 25n, count: 1 };
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    for (let k = 0; k < 3; k++) d.push(encodeSamples(block(8 * k, 8), k), null, null);
    d.push(encodeEdges([edge], 1, 0), null, null);
    for (let k = 0; k < 3; k++) d.push(encodeSamples(block(8 * k, 8), k + 1), null, null);
    expect(d.counts).toMatchObject({ restarts: 1, duplicates: 0, edges: 1, edgesWrong: 0 });
    expect(sink.edges.map((e) => e.index)).toEqual([24 + 2.5]);
  });

  test("an echo is none of the device's doing, however far it lies back", () => {
    const d = new FrameDecoder(new Collector(), OPTIONS);
    for (let k = 0; k < 4000; k++) d.push(encodeSamples(block(8 * k, 8), k), null, null);
    d.push(encodeSamples(block(0, 8), 0), null, null);
    d.push(encodeSamples(block(8 * 4000, 8), 4000), null, null);
    expect(d.counts).toMatchObject({ restarts: 0, duplicates: 1, framesLost: 0, rowsLost: 0 });
  });

  test("a device that restarted under the same run number is a restart, not an echo", () => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    for (let k = 0; k < 40; k++) d.push(encodeSamples(block(8 * k, 8), k), null, null);
    for (let k = 0; k < 40; k++) d.push(encodeSamples(block(8 * k, 8), k), null, null);
    expect(d.counts.restarts).toBe(1);
    const last = sink.blocks.at(-1)!;
    expect(last.flags).toBe(0);
    expect(last.firstIndex).toBeGreaterThan(320);
  });
});

describe("rows made are rows logged and rows lost, each once", () => {
  /** A device's blocks of 8 rows, 10 ticks a row; frames at the pace of their rows. */
  const blocks = (n: number, tick0 = 0, sequence = 0): Uint8Array[] =>
    Array.from({ length: n }, (_, k) =>
      encodeSamples(block(8 * k, 8, { tick: BigInt(tick0 + 80 * k) }), sequence + k),
    );
  function account(frames: readonly Uint8Array[]) {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    d.expectRun(1);
    frames.forEach((f, i) => {
      const now = instant<"host">(BigInt(80_000 * i));
      d.push(f, now, now);
    });
    const used = sink.blocks.filter((b) => !(b.flags & BlockFlag.duplicate));
    return { used: used.map((b) => b.firstIndex), flags: used.map((b) => b.flags), c: d.counts };
  }

  test.each([1, 7, 200])(
    "a device that begins again at 0 where its run was heard from frame %i on",
    (from) => {
      const { flags, c } = account([...blocks(20, 0, from), ...blocks(30, 5003)]);
      expect(flags).toHaveLength(50);
      expect(flags[20]).toBe(BlockFlag.gapBefore | BlockFlag.restart);
      expect(c).toMatchObject({ rowsLost: 0, duplicates: 0, indexFaults: 0, restarts: 1 });
    },
  );

  test("edges ahead of the first rows of a device that begins again at a number never heard", () => {
    const edge = { line: 0, level: 1 as const, index: 3, tick: 7_000_025n, count: 1 };
    const again = blocks(30, 7_000_000, 1);
    const { c } = account([...blocks(20, 0, 7), encodeEdges([edge], 1, 0), ...again]);
    expect(c).toMatchObject({ restarts: 1, rowsLost: 8, reordered: 0, edges: 1, edgesWrong: 0 });
  });

  test("a device that begins again and is heard from a number on that its run had lost", () => {
    const [first, again] = [blocks(20), blocks(30, 5003)];
    first.splice(3, 1);
    const { flags, c } = account([...first, ...again.slice(3)]);
    expect(flags).toHaveLength(19 + 27);
    expect(c).toMatchObject({ rowsLost: 8 + 24, reordered: 0, indexFaults: 0, restarts: 1 });
  });

  test("late frames, however many in a row, are late and no restart", () => {
    const all = blocks(60);
    const { used, c } = account([all[0]!, all[40]!, ...all.slice(1, 40), ...all.slice(41)]);
    expect(used.sort((a, b) => a - b)).toEqual(all.map((_, k) => 8 * k));
    expect(c).toMatchObject({ rowsLost: 0, framesLost: 0, reordered: 39, restarts: 0 });
  });

  test("after more echoes than there can be, rows logged before are none that were lost", () => {
    const all = blocks(60);
    const { c } = account([...all.slice(0, 40), ...all.slice(20, 40), ...all.slice(40)]);
    // The host's clock says how long nothing new came: 16 blocks.
    expect(c).toMatchObject({ rowsLost: 128, restarts: 1 });
  });

  test.each([2, 30])(
    "a host that stood still for %i s, a backlog and then a hole in it",
    (away) => {
      const sink = new Collector();
      const d = new FrameDecoder(sink, OPTIONS);
      d.expectRun(1);
      const [rows, backlog, made] = [500, 40, 1000 + (away * 1e5) / 500];
      const edge = { line: 0, level: 1 as const };
      for (let k = 0; k < made; k++) {
        const sent = k < 300 || k >= made - 700;
        const ms = k < 300 - backlog ? 5 * (k + 1) : Math.max(5 * (k + 1), 5 * (made - 700));
        const now = instant<"host">(BigInt(ms) * 1_000_000n);
        const tick = BigInt(10 * rows * k + 5);
        const e = { ...edge, index: rows * k + 1, tick, count: k + 1 };
        if (sent) d.push(encodeEdges([e], 1, 2 * k), now, now);
        if (sent) d.push(encodeSamples(block(rows * k, rows), 2 * k + 1), now, now);
      }
      const { edges, edgesLost, ...c } = d.counts;
      expect(c).toMatchObject({ restarts: 0, indexFaults: 0, edgesWrong: 0, numberFaults: 0 });
      expect([c.rows, c.rowsLost]).toEqual([rows * 1000, rows * (made - 1000)]);
      expect([edges, edgesLost]).toEqual([1000, made - 1000]);
    },
  );

  test.each([900, -900])("a short block behind a long one, at a rate off by %i ppm", (ppm) => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    let [index, sequence] = [0, 0];
    for (const rows of [2000, 2000, 1, 2000, 1]) {
      const tick = BigInt(1e6 + Math.floor(index * 10 * (1 + ppm * 1e-6)));
      d.push(encodeSamples(block(index, rows, { tick }), sequence++), null, null);
      index += rows;
    }
    expect(d.counts).toMatchObject({ rowsLost: 0, indexFaults: 0 });
  });

  test("edges and readings whose numbers go on where ticks start again are not lost", () => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    let [sequence, made] = [0, 0];
    const push = (f: Uint8Array): void => d.push(f, null, null);
    for (let k = 0; k < 60; k++) {
      const tick0 = k < 30 ? 0 : 1e9;
      const [index, tick] = [8 * k, tick0 + 80 * k];
      push(encodeSamples(block(index, 8, { tick: BigInt(tick) }), sequence++));
      made++;
      const edge = { line: 0, level: 1 as const, index: index + 3, tick: BigInt(tick + 26) };
      push(encodeEdges([{ ...edge, count: made }], 1, sequence++));
      const end = { endTick: BigInt(tick + 10), durationTicks: 80, number: k, shunt: 0, bus: 0 };
      push(encodeReadings([{ ...end, config: 0, address: 64, status: 0 }], 1, sequence++));
    }
    const { edges, edgesWrong, edgesLost, readingsWrong } = d.counts;
    expect([edges + edgesWrong, edgesLost]).toEqual([made, 0]);
    const used = sink.of("main.ina226-40").filter((b) => !(b.flags & BlockFlag.duplicate));
    expect(used).toHaveLength(60 - readingsWrong);
    expect(used.at(-1)!.firstIndex).toBe(59);
  });

  test("a late block's levels are not the line's last", () => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    const shown = (levels: number, bits?: number): Partial<Samples> => {
      const bitmap = bits === undefined ? null : new Uint32Array([bits]);
      return { sampledLines: 1, levels, bitmap };
    };
    const frames = [shown(0), shown(0, 0xf0), shown(1, 0x0f), shown(0), shown(0)].map((more, k) =>
      encodeSamples(block(8 * k, 8, more), k),
    );
    for (const k of [0, 2, 1, 3, 4]) d.push(frames[k]!, null, null);
    expect(sink.edges.map((e) => [e.index, e.level])).toEqual([
      [19.5, 0],
      [11.5, 1],
    ]);
  });
});

describe("numbers that cannot follow the ones before", () => {
  type Sent = readonly [index: number, tick: number, sequence: number, run?: number | undefined];
  const frame = ([index, tick, sequence, run = 1]: Sent): Uint8Array =>
    encodeSamples(block(index, 8, { tick: BigInt(tick), run }), sequence);
  /** `n` blocks of 8 rows, 10 ticks a row. */
  const going = (n: number, [index, tick, sequence, run]: Sent): Sent[] =>
    Array.from({ length: n }, (_, k) => [index + 8 * k, tick + 80 * k, sequence + k, run]);
  /** At the pace of their rows, or without times. */
  function heard(sent: readonly Sent[], hasTimes = true) {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    d.expectRun(1);
    sent.forEach((f, i) => {
      const now = hasTimes ? instant<"host">(BigInt(80_000 * i)) : null;
      d.push(frame(f), now, now);
    });
    d.cut();
    const used = sink.blocks.filter((b) => !(b.flags & BlockFlag.duplicate));
    return { used: used.map((b) => b.firstIndex), flags: used.map((b) => b.flags), c: d.counts };
  }
  const clean = { rowsLost: 0, indexFaults: 0, restarts: 1 };

  test.each<[string, Sent[], object]>([
    ["echoes", going(4, [40, 400, 5]), { duplicates: 4 }],
    ["echoes, more than a restart would take", going(18, [0, 0, 0]), { duplicates: 18 }],
    ["late", [[160, 1600, 20]], { reordered: 1 }],
  ])("frames of the run before, %s, begin no run and are logged once", (_what, old, counts) => {
    const [before, after] = [going(20, [0, 0, 0]), going(60, [0, 9000, 21, 2])];
    const { used, c } = heard([...before, ...after.slice(0, 3), ...old, ...after.slice(3)]);
    expect(used).toHaveLength(80);
    expect(new Set(used).size).toBe(80);
    expect(c).toMatchObject({ ...clean, ...counts });
  });

  test("late frames of the run before, ahead of the first of the new one", () => {
    const { used, c } = heard([...going(20, [0, 0, 0]), [160, 1600, 20]]);
    const d = new FrameDecoder(new Collector(), OPTIONS);
    d.expectRun(1);
    for (const f of going(20, [0, 0, 0])) d.push(frame(f), null, null);
    d.expectRun(2);
    d.push(frame([160, 1600, 20]), null, null);
    for (const f of going(20, [0, 9000, 21, 2])) d.push(frame(f), null, null);
    expect([used.length, c.restarts]).toEqual([21, 0]);
    expect(d.counts).toMatchObject({ rows: 320, restarts: 1, reordered: 1 });
  });

  test.each([1e6, 1e9, 2 ** 31 - 1])(
    "a restart whose numbers lie %i ahead is one at once",
    (ahead) => {
      const { used, c } = heard([...going(20, [0, 0, 0]), ...going(20, [0, 5003, 20 + ahead])]);
      expect(used).toHaveLength(40);
      expect(c).toMatchObject({ ...clean, framesLost: 0, numberFaults: 0 });
    },
  );

  test.each([1e6, 1e9, 2 ** 31 + 5, 2 ** 32 - 5000])(
    "numbers that jump ahead by %i where index and tick go on are no restart",
    (ahead) => {
      const jumped = going(20, [160, 1600, (20 + ahead) % 2 ** 32]);
      const { used, c } = heard([...going(20, [0, 0, 0]), ...jumped]);
      expect(used).toEqual(Array.from({ length: 40 }, (_, k) => 8 * k));
      expect(c).toMatchObject({ ...clean, restarts: 0, framesLost: 0, numberFaults: 1 });
    },
  );

  test("edges between a jump of the numbers and the next rows are placed by what the rows are", () => {
    const edge = { line: 0, level: 1 as const, index: 163, tick: 1625n, count: 1 };
    const far = 2 ** 31 + 500;
    for (const [tick, restarts, at] of [
      [1600, 0, 162.5],
      [9_001_600, 1, 162.5],
    ] as const) {
      const sink = new Collector();
      const d = new FrameDecoder(sink, OPTIONS);
      for (const f of going(20, [0, 0, 0])) d.push(frame(f), null, null);
      const moved = { ...edge, tick: edge.tick + BigInt(tick - 1600) };
      d.push(encodeEdges([moved], 1, far), null, null);
      d.push(frame([160, tick, far + 1]), null, null);
      expect(d.counts).toMatchObject({ restarts, edges: 1, edgesWrong: 0 });
      expect(sink.edges.map((e) => e.index! - sink.blocks.at(-1)!.firstIndex)).toEqual([at - 160]);
    }
  });

  test.each([1, 5])(
    "a restart in a hole of %i frames whose ticks fit it is told by what follows",
    (hole) => {
      const old = going(40, [0, 0, 0]).filter(
        ([, , sequence]) => sequence < 3 || sequence >= 3 + hole,
      );
      // Its first blocks stand where the old run's numbers were missed, to less than half a block by their ticks.
      const again: Sent[] = going(30, [24, 243, 3]);
      const { used, flags, c } = heard([...old, ...again]);
      expect(used).toHaveLength(40 - hole + 30);
      const at = flags.indexOf(BlockFlag.gapBefore | BlockFlag.restart);
      expect(at).toBe(40 - hole);
      expect(used.slice(at).every((i) => i >= 320)).toBe(true);
      expect(c).toMatchObject({ restarts: 1, reordered: 0, duplicates: 0, framesLost: hole });
    },
  );

  test.each<[string, Sent[]]>([
    ["ahead", going(20, [160, 1600, 1e9])],
    ["back", going(20, [160, 1600, 2 ** 32 - 1e6])],
    ["to ones that were heard", going(20, [160, 1600, 2])],
  ])("echoes from before the numbers jumped %s are echoes, and decide nothing", (_what, after) => {
    const before = going(20, [0, 0, 0]);
    const edge = { line: 0, level: 1 as const, index: 163, tick: 1625n, count: 1 };
    const first = encodeEdges([edge], 1, after[0]![2]);
    const moved = after.map(([i, t, n]): Sent => [i, t, n + 1]);
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    d.expectRun(1);
    const frames = [...before.map(frame), first, frame(before[10]!), ...moved.map(frame)];
    frames.splice(30, 0, frame(before[15]!), frame(before[19]!));
    for (const f of frames) d.push(f, null, null);
    d.cut();
    const used = sink.blocks.filter((b) => !(b.flags & BlockFlag.duplicate));
    expect(used.map((b) => b.firstIndex)).toEqual(Array.from({ length: 40 }, (_, k) => 8 * k));
    expect(d.counts).toMatchObject({ ...clean, restarts: 0, duplicates: 3, edges: 1 });
  });

  test.each([0, 1e9])(
    "late frames that wait when a device begins again at %i are the old run's",
    (at) => {
      const old = going(40, [0, 0, 0]);
      const [late] = old.splice(10, 1);
      const { used, c } = heard([...old, late!, ...going(30, [0, 500_003, at])]);
      expect(used).toHaveLength(70);
      expect(new Set(used).size).toBe(70);
      expect(c).toMatchObject({
        ...clean,
        rowsLost: 8, // by the host's clock: the late frame came in a block's time

        framesLost: 0,
        reordered: 1,
        numberFaults: 0,
      });
    },
  );

  test("numbers that jump back into a hole wait there, and are none that came before", () => {
    const holed = going(20, [0, 0, 0]).map(([i, t, n]): Sent => [i, t, n < 10 ? n : n + 9]);
    const back = going(20, [160, 1600, 10]).filter((_, k) => k !== 3);
    const { used, c } = heard([...holed, ...back]);
    expect(used).toHaveLength(39);
    expect(c).toMatchObject({ ...clean, restarts: 0, rowsLost: 8, duplicates: 0, numberFaults: 1 });
  });

  test("without times, no more frames are lost than a second has", () => {
    for (const [index, tick, restarts] of [
      [160, 1600, 0],
      [0, 500_003, 1],
    ] as const) {
      const { used, c } = heard([...going(20, [0, 0, 0]), ...going(20, [index, tick, 1e9])], false);
      expect(used).toHaveLength(40);
      expect(c).toMatchObject({ ...clean, restarts, framesLost: 0 });
    }
  });

  test("without times, rows refused ahead of a restart whose first rows are lost", () => {
    const again = going(30, [0, 500_003, 0]).slice(10);
    const { used, c } = heard(
      [...going(20, [0, 0, 20]), ...going(10, [160, 1e9, 40]), ...again],
      false,
    );
    expect(8 * used.length + c.rowsLost).toBe(8 * 60);
  });

  test("without times, rows refused ahead of a restart are rows lost", () => {
    const { used, c } = heard([...going(20, [0, 0, 0]), ...going(30, [160, 1e9, 20])], false);
    expect(c.restarts).toBe(1);
    expect(8 * used.length + c.rowsLost).toBe(8 * 50);
  });
});

describe("level changes in a hole", () => {
  const shown = (levels: number, bits?: number): Partial<Samples> => {
    const bitmap = bits === undefined ? null : new Uint32Array([bits]);
    return { sampledLines: 1, levels, bitmap };
  };
  function edgesOf(order: readonly number[], sent: readonly Partial<Samples>[]) {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    for (const k of order) d.push(encodeSamples(block(8 * k, 8, sent[k]), k), null, null);
    const edges = sink.edges.map((e) => [e.index, e.level] as const);
    return {
      edges: edges.sort(([a], [b]) => Number(a) - Number(b)),
      unplaced: d.counts.edgesUnplaced,
    };
  }

  test.each<[string, Partial<Samples>[]]>([
    ["inside it", [shown(0), shown(0, 0xf0), shown(1), shown(1)]],
    ["at its beginning", [shown(0), shown(1), shown(1), shown(1)]],
    ["at its end", [shown(0), shown(0), shown(1), shown(1)]],
    ["a pulse as long as it", [shown(0), shown(1), shown(0), shown(0)]],
  ])("%s: the block that comes late shows their places", (_what, sent) => {
    const inOrder = edgesOf([0, 1, 2, 3], sent);
    expect(edgesOf([0, 2, 1, 3], sent)).toEqual(inOrder);
    expect(inOrder.unplaced).toBe(0);
    expect(inOrder.edges.length).toBeGreaterThan(0);
  });

  test("a part that stays missing keeps the change that lies in it", () => {
    const sent = [shown(0), shown(0), shown(1), shown(1), shown(1)];
    expect(edgesOf([0, 3, 1, 4], sent)).toEqual({ edges: [], unplaced: 1 });
    expect(edgesOf([0, 3, 2, 4], sent)).toEqual({ edges: [], unplaced: 1 });
    expect(edgesOf([0, 3, 2, 1, 4], sent)).toEqual({ edges: [[15.5, 1]], unplaced: 0 });
  });
});

describe("whoever begins to listen late", () => {
  test.each([
    [0, 100],
    [8000, 0],
  ])("from row %i on counts %i edges before it as lost", (from, lost) => {
    const d = new FrameDecoder(new Collector(), OPTIONS);
    d.push(encodeSamples(block(from, 8), 7000), null, null);
    const edge = { line: 0, level: 1 as const, index: from + 3, tick: BigInt(10 * from + 25) };
    d.push(encodeEdges([{ ...edge, count: 101 }], 1, 7001), null, null);
    d.push(encodeEdges([{ ...edge, count: 104 }], 1, 7002), null, null);
    expect(d.counts).toMatchObject({ edges: 2, edgesLost: lost + 2, framesLost: 0, rowsLost: 0 });
  });

  test("what comes late from before the first row fills no hole behind it", () => {
    const d = new FrameDecoder(new Collector(), OPTIONS);
    const edge = (n: number): Uint8Array => {
      const e = { line: 0, level: 1 as const, count: 100 + n, index: 8 * n + 3 };
      return encodeEdges([{ ...e, tick: BigInt(80 * n + 25) }], 1, 7001 + 2 * n);
    };
    for (const n of [1001, 1002, 1004, 1000, 1005]) {
      d.push(encodeSamples(block(8 * n, 8), 7000 + 2 * n), null, null);
      d.push(edge(n), null, null);
    }
    expect(d.counts).toMatchObject({ rows: 40, rowsLost: 8, edges: 5, edgesLost: 1 });
  });

  test("its first reading has no gap before it", () => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    d.push(encodeSamples(block(8000, 8), 7000), null, null);
    const reading = { endTick: 80_010n, durationTicks: 280, number: 55, shunt: 0, bus: 0 };
    const send = (more: object, sequence: number): void =>
      d.push(
        encodeReadings([{ ...reading, config: 0, address: 64, status: 0, ...more }], 1, sequence),
        null,
        null,
      );
    send({}, 7001);
    send({ number: 57, endTick: 80_070n }, 7002);
    expect(sink.of("main.ina226-40").map((b) => [b.firstIndex, b.flags])).toEqual([
      [55, 0],
      [57, BlockFlag.gapBefore],
    ]);
  });
});

test("sequence numbers wrap at 2^32 without a loss", () => {
  const sink = new Collector();
  const d = new FrameDecoder(sink, OPTIONS);
  for (let k = 0; k < 6; k++)
    d.push(encodeSamples(block(8 * k, 8), (0xfffffffd + k) >>> 0), null, null);
  expect(d.counts).toMatchObject({ framesLost: 0, rowsLost: 0, duplicates: 0 });
  expect(sink.blocks).toHaveLength(6);
});

describe("readings", () => {
  const reading = {
    endTick: 500n,
    durationTicks: 280,
    number: 0,
    shunt: -5,
    bus: 9600,
    config: 0x4127,
    address: 0x40,
    status: 0,
  };

  test("become rows of a stream of their own, gaps by their number", () => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    const next = { ...reading, number: 1, endTick: 780n };
    d.push(encodeReadings([reading, next], 1, 0), null, null);
    expect(sink.blocks).toEqual([]); // they wait for rows to be held against
    d.push(encodeSamples(block(0, 100), 1), null, null);
    d.push(encodeReadings([{ ...reading, number: 5, endTick: 1900n }], 1, 2), null, null);
    const found = sink.of("main.ina226-40");
    expect(sink.layouts.map((l) => [l.stream, l.rowBytes])).toContainEqual(["main.ina226-40", 24]);
    expect(found.map((b) => [b.firstIndex, b.flags, b.deviceTick])).toEqual([
      [0, 0, 500n],
      [1, 0, 780n],
      [5, BlockFlag.gapBefore, 1900n],
    ]);
    expect(new DataView(found[0]!.bytes.buffer).getInt16(16, true)).toBe(-5);
    expect(d.counts).toMatchObject({ readings: 3, readingsWrong: 0 });
  });

  test.each([
    ["0", 0n],
    ["2^64 - 1", 2n ** 64n - 1n],
    ["2^62", 2n ** 62n],
    ["a second and more before the rows", 50_000_000n - 1_010_000n],
    ["a second and more after them", 50_000_000n + 1_010_000n],
    ["that of the one before", 49_999_000n],
  ])("whose end is %s are kept, counted and not used", (_what, endTick) => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    d.push(encodeSamples(block(5_000_000 - 100, 100), 0), null, null);
    d.push(encodeReadings([{ ...reading, endTick: 49_999_000n }], 1, 1), null, null);
    d.push(encodeReadings([{ ...reading, number: 1, endTick }], 1, 2), null, null);
    d.push(encodeReadings([{ ...reading, number: 2, endTick: 49_999_500n }], 1, 3), null, null);
    const { duplicate, gapBefore } = BlockFlag;
    expect(sink.of("main.ina226-40").map((b) => b.flags)).toEqual([0, duplicate, gapBefore]);
    expect(d.counts.readingsWrong).toBe(1);
  });

  test("that come late are marked so, and leave no gap behind them", () => {
    const sink = new Collector();
    const d = new FrameDecoder(sink, OPTIONS);
    const read = (run: number, n: number, sequence: number): void =>
      d.push(
        encodeReadings([{ ...reading, number: n, endTick: BigInt(80 * n + 500) }], run, sequence),
        null,
        null,
      );
    const edge = { line: 0, level: 1 as const, index: 8, tick: 75n, count: 1 };
    d.push(encodeSamples(block(0, 100), 0), null, null);
    read(1, 0, 1);
    read(1, 2, 3);
    read(1, 1, 2); // behind the next one
    d.push(encodeEdges([edge], 1, 5), null, null);
    read(1, 3, 4); // the last so far
    read(1, 4, 6);
    d.push(encodeEdges([{ ...edge, count: 2, index: 9, tick: 85n }], 1, 8), null, null);
    read(1, 5, 7);
    d.push(encodeSamples(block(0, 100, { run: 2 }), 9), null, null);
    read(2, 0, 10);
    const { gapBefore, reordered } = BlockFlag;
    expect(sink.of("main.ina226-40").map((b) => [b.firstIndex, b.flags])).toEqual([
      [0, 0],
      [2, gapBefore],
      [1, reordered],
      [3, 0],
      [4, 0],
      [5, 0],
      [6, 0],
    ]);
    expect(d.counts).toMatchObject({ readings: 7, readingsWrong: 0 });
  });

  test("that no row comes to are counted", () => {
    const d = new FrameDecoder(new Collector(), OPTIONS);
    d.push(encodeReadings([reading, { ...reading, number: 1 }], 1, 0), null, null);
    d.cut();
    expect(d.counts).toMatchObject({ readings: 0, readingsWrong: 2 });
  });
});

test("status goes to the holder; a block of another shape is malformed; an echo is unknown", () => {
  const sink = new Collector();
  const seen: number[] = [];
  const d = new FrameDecoder(sink, OPTIONS, { status: (s) => seen.push(s.framesDropped) });
  const zero = {
    tick: 0n,
    nextIndex: 0,
    rowsOverrun: 0,
    stalls: 0,
    longestStallTicks: 0,
    edgesDropped: 0,
  };
  d.push(
    encodeStatus({ run: 1, running: true, ...zero, framesDropped: 29, commandsRefused: 0 }, 0),
    null,
    null,
  );
  d.push(encodeSamples(block(0, 8), 1), null, null);
  d.push(encodeSamples(block(8, 8, { mask: 3, data: new Uint8Array(24) }), 2), null, null);
  d.push(makeFrame(0x47, 0, 2, new Uint8Array(0)), null, null);
  expect(seen).toEqual([29]);
  expect(d.counts).toMatchObject({
    malformed: 1,
    unknown: 1,
    rows: 8,
    framesLost: 0,
    duplicates: 0,
  });
});
