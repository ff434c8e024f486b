// What waits at the end of the bytes: whole frames behind a false length are used, to the last one, and a frame
// that the end itself cut short is no bad one (docs/wire.md, Resynchronising).

import { describe, expect, test } from "@jest/globals";
import { FrameDecoder } from "../../ingest/instruments/truejoule-daq/frame-decoder.ts";
import { crcFits, frameSize, HEAD_BYTES, makeFrame } from "../../schema/wire/frame.ts";
import { encodeSamples } from "../../schema/wire/frame-records.ts";
import { FrameSplitter } from "../../schema/wire/frame-splitter.ts";
import { instant } from "../../schema/time.ts";
import { random } from "../../stats/random.ts";
import { Collector } from "./collect.ts";

const ROWS = 64;
const blocks = (n: number): Uint8Array[] =>
  Array.from({ length: n }, (_, k) => {
    const data = new Uint8Array(ROWS * 6).map((_byte, i) => (i * 13 + k) & 0x7f);
    const at = { index: ROWS * k, tick: BigInt(10 * ROWS * k) };
    const lines = { levels: 0, sampledLines: 0, bitmap: null };
    return encodeSamples({ run: 1, rows: ROWS, mask: 15, bits: 12, data, ...at, ...lines }, k);
  });
/** A head that claims 16 kB. */
const FALSE_HEAD = Uint8Array.of(0xf7, 0x54, 0x4a, 1, 1, 0, 0, 0x40);
const SYNC = Uint8Array.of(0xf7, 0x54, 0x4a, 1);

function decode(bytes: Uint8Array) {
  const sink = new Collector();
  const d = new FrameDecoder(sink, { stream: "main", rowHz: 1e5, tickHz: 1e6 });
  const now = instant<"host">(7n);
  d.push(bytes, now, now);
  d.cut();
  return { sink, c: d.counts };
}

const flipped = (frame: Uint8Array, at: number, bit: number): Uint8Array =>
  frame.map((b, i) => (i === at ? b ^ bit : b));

describe("whole frames behind a false length, at the end of the bytes", () => {
  const all = blocks(40);
  const [first, second] = [all.slice(0, 20), all.slice(20)];

  test.each<[string, Uint8Array[], { bad: number; skipped: number; lost: number }]>([
    ["a false head", [FALSE_HEAD], { bad: 1, skipped: 8, lost: 0 }],
    ["three of them", [FALSE_HEAD, FALSE_HEAD, FALSE_HEAD], { bad: 3, skipped: 24, lost: 0 }],
    ["a frame with a flipped bit in its length", [], { bad: 1, skipped: all[0]!.length, lost: 1 }],
  ])("%s: every one is used", (_what, noise, { bad, skipped, lost }) => {
    const head = second[0]!;
    const rest = noise.length > 0 ? second : [flipped(head, 7, 0x20), ...second.slice(1)];
    const { sink, c } = decode(Buffer.concat([...first, ...noise, ...rest]));
    expect(sink.blocks).toHaveLength(40 - lost);
    expect(sink.blocks.at(-1)).toMatchObject({ firstIndex: 39 * ROWS, hostAfter: 7n });
    expect([c.rows, c.rowsLost, c.framesLost]).toEqual([(40 - lost) * ROWS, lost * ROWS, lost]);
    expect([c.badFrames, c.skippedBytes]).toEqual([bad, skipped]);
  });

  test.each([1, 4, 11, 12, 40, all[39]!.length - 1])(
    "a frame of which the end left %i bytes is no bad one, and its bytes are counted",
    (left) => {
      const bytes = Buffer.concat([...all.slice(0, 39), all[39]!.subarray(0, left)]);
      const { sink, c } = decode(bytes);
      expect(sink.blocks).toHaveLength(39);
      expect([c.badFrames, c.skippedBytes, c.otherVersion]).toEqual([0, left, 0]);
    },
  );

  test("a false head, frames and one that was cut short: the first alone is bad", () => {
    const short = all[39]!.subarray(0, 100);
    const { c } = decode(Buffer.concat([FALSE_HEAD, ...all.slice(0, 39), short]));
    expect([c.rows, c.badFrames, c.skippedBytes]).toEqual([39 * ROWS, 1, 108]);
  });
});

/** As the page says it, of bytes that are all there: a sync, its length, its CRC; on refusal one byte on. */
function wholeFrames(bytes: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = 0; at + HEAD_BYTES <= bytes.length;) {
    const size = frameSize(bytes, at);
    const isWhole = size > 0 && at + size <= bytes.length && crcFits(bytes, at, size);
    if (isWhole) found.push(new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(8, true));
    at += isWhole ? size : 1;
  }
  return found;
}

test("of any bytes, cut anywhere, the frames that are there come, and every other byte is counted", () => {
  const r = random(9, "ends");
  let waited = 0;
  for (let round = 0; round < 400; round++) {
    const pieces: Uint8Array[] = [];
    for (let k = 0; k < 30; k++) {
      const payload = new Uint8Array(4 * r.integer(60)).map(() => r.integer(256));
      const frame = makeFrame(1, 0, k, payload);
      const lot = r.uniform();
      if (lot < 0.1) pieces.push(SYNC, payload.subarray(0, 9));
      else if (lot < 0.15) pieces.push(frame.subarray(0, r.integer(frame.length)));
      else if (lot < 0.25) frame[r.integer(frame.length)]! ^= 1 << r.integer(8);
      pieces.push(frame);
    }
    const bytes = new Uint8Array(Buffer.concat(pieces));
    const came: number[] = [];
    let whole = 0;
    const s = new FrameSplitter((f) => {
      came.push(f.sequence);
      whole += f.payload.byteLength + 16;
    });
    for (let at = 0; at < bytes.length;) {
      const n = 1 + r.integer(700);
      s.push(bytes.subarray(at, at + n), null, null);
      at += n;
    }
    const before = came.length;
    s.cut();
    waited += came.length - before;
    expect(came).toEqual(wholeFrames(bytes));
    expect(s.counts).toMatchObject({ frames: came.length, skippedBytes: bytes.length - whole });
  }
  expect(waited).toBeGreaterThan(400);
});
