// Frames of the wire protocol for the benches, and a sink that takes what comes out of them.

import type { DaqSink } from "../ingest/stream/sink.ts";
import { encodeSamples } from "../schema/wire/frame-records.ts";
import { random } from "../stats/random.ts";

export const ROWS = 512;

export const NOTHING: DaqSink = {
  declareRows: () => undefined,
  rows: () => undefined,
  edge: () => undefined,
  exchange: () => undefined,
  note: () => undefined,
};

/** `n` frames of 512 rows × 4 channels of counts that differ from frame to frame. */
export function cleanStream(n: number, seed: number): Uint8Array {
  const r = random(seed, "clean stream");
  const frames = Array.from({ length: n }, (_, k) =>
    encodeSamples(
      {
        run: 1,
        rows: ROWS,
        mask: 15,
        bits: 12,
        levels: 0,
        sampledLines: 0,
        index: k * ROWS,
        tick: BigInt(k * ROWS * 8),
        data: random8(r, ROWS * 6),
        bitmap: null,
      },
      k,
    ),
  );
  return new Uint8Array(Buffer.concat(frames));
}

export function random8(r: ReturnType<typeof random>, n: number): Uint8Array {
  const out = new Uint8Array(n + 3);
  const words = new Uint32Array(out.buffer, 0, (n + 3) >> 2);
  for (let i = 0; i < words.length; i++) words[i] = r.integer(2 ** 32);
  return out.subarray(0, n);
}
