// Random bytes and damaged frames by the gigabyte through the frame decoder.

import { FrameDecoder } from "../../ingest/instruments/truejoule-daq/frame-decoder.ts";
import type { DaqSink } from "../../ingest/stream/sink.ts";
import { random } from "../../stats/random.ts";
import { cleanStream, NOTHING, random8 } from "../frames.ts";
import { type Figure, figure } from "../memcpy.ts";

const BYTES = 1e9;

export async function* run(): AsyncGenerator<Figure> {
  yield fuzz(BYTES);
}

/**
 * Random bytes, mutated frames and cuts, at least `bytes` of them. Every block that comes out must be one
 * that went in; CRC-32 lets a wrong one through once in 2^32 false syncs, so none is to be expected.
 */
function fuzz(bytes: number, seed = 1): Figure {
  const r = random(seed, "fuzz");
  const t0 = process.hrtime.bigint();
  let [fed, accepted, wrong, noise] = [0, 0, 0, 0];
  const clean = cleanStream(64, seed);
  const frameBytes = clean.length / 64;
  const sink: DaqSink = {
    ...NOTHING,
    rows(b) {
      accepted++;
      if (!isSent(b.bytes, clean, frameBytes)) wrong++;
    },
  };
  let decoder = new FrameDecoder(sink, { stream: "main", rowHz: 125_000, tickHz: 1e6 });
  let counts = { bad: 0, skipped: 0 };
  for (let round = 0; fed < bytes; round++) {
    const piece =
      round % 3 === 0 ? random8(r, 1 + r.integer(40_000)) : mutate(clean, frameBytes, r);
    if (round % 3 === 0) noise += piece.length;
    for (let at = 0; at < piece.length;) {
      const n = 1 + r.integer(8192);
      decoder.push(piece.subarray(at, at + n), null, null);
      at += n;
    }
    fed += piece.length;
    if (round % 1000 === 999) {
      counts = sum(counts, decoder);
      decoder = new FrameDecoder(sink, { stream: "main", rowHz: 125_000, tickHz: 1e6 });
    }
  }
  counts = sum(counts, decoder);
  const note = `${(fed / 1e9).toPrecision(3)} GB (${(noise / 1e9).toPrecision(3)} GB of it random) in ${Math.round(Number(process.hrtime.bigint() - t0) / 1e9)} s; ${accepted} blocks accepted, ${counts.bad} false syncs and damaged frames, ${counts.skipped} bytes skipped`;
  return figure(
    "fuzz: wrong blocks accepted by the frame decoder",
    wrong,
    "blocks",
    0,
    { note },
    true,
  );
}

function sum(
  c: { bad: number; skipped: number },
  d: FrameDecoder,
): { bad: number; skipped: number } {
  const { badFrames, skippedBytes } = d.counts;
  return { bad: c.bad + badFrames, skipped: c.skipped + skippedBytes };
}

/** A stretch of frames with flipped bits, overwritten, inserted and missing bytes, and false syncs. */
function mutate(clean: Uint8Array, frameBytes: number, r: ReturnType<typeof random>): Uint8Array {
  const from = r.integer(60) * frameBytes;
  const bytes = clean.slice(from, from + (1 + r.integer(4)) * frameBytes);
  for (let k = r.integer(8); k > 0; k--) {
    const at = r.integer(bytes.length);
    if (r.uniform() < 0.5) bytes[at]! ^= 1 << r.integer(8);
    else if (r.uniform() < 0.5) bytes.copyWithin(at, r.integer(bytes.length));
    else
      bytes.set(
        [
          0xf7,
          0x54,
          0x4a,
          1,
          r.integer(256),
          r.integer(256),
          r.integer(256) & 0xfc,
          r.integer(64),
        ].slice(0, bytes.length - at),
        at,
      );
  }
  return bytes.subarray(r.uniform() < 0.2 ? r.integer(bytes.length) : 0);
}

/** The frames' payloads are random, so the first eight bytes name the frame. */
function isSent(block: Uint8Array, clean: Uint8Array, frameBytes: number): boolean {
  for (let at = 32; at < clean.length; at += frameBytes) {
    if (clean[at] !== block[0] || clean[at + 1] !== block[1]) continue;
    if (Buffer.compare(clean.subarray(at, at + block.length), block) === 0) return true;
  }
  return false;
}
