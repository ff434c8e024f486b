// Throughput of the ingest path, as JSON lines with ratios against memcpy in the same run (absolute
// figures mean little between machines), and the long fuzz. Nothing here asserts a time.

import { FrameDecoder } from "./frame-decoder.ts";
import { startDaq } from "./daq-source.ts";
import { encodeSamples } from "../schema/frame-records.ts";
import { random } from "../schema/random.ts";
import type { DaqSink } from "./sink.ts";
import type { OpenPort } from "./port.ts";

const ROWS = 512;
const NOTHING: DaqSink = {
  declareRows: () => undefined,
  rows: () => undefined,
  edge: () => undefined,
  exchange: () => undefined,
  note: () => undefined,
};

export type BenchLine = Readonly<Record<string, string | number>>;

/** Clean frames of 512 rows × 4 channels, in the chunks that a Linux terminal gives (4,095 bytes). */
export function decoderBench(seconds = 2): BenchLine {
  const stream = cleanStream(2000, 0);
  const memcpy = rate(stream.length, seconds / 4, () => void stream.slice());
  const decode = rate(stream.length, seconds, () => {
    const d = new FrameDecoder(NOTHING, { stream: "main", rowHz: 125_000, tickHz: 1e6 });
    for (let at = 0; at < stream.length; at += 4095)
      d.push(stream.subarray(at, at + 4095), null, null);
    if (d.counts.rows !== 2000 * ROWS) throw new Error("the decoder lost rows of a clean stream");
  });
  return {
    bench: "frame-decoder",
    bytes_per_s: Math.round(decode),
    memcpy_bytes_per_s: Math.round(memcpy),
    ratio_to_memcpy: round(decode / memcpy),
    samples_per_s: Math.round((decode * ROWS * 4) / (stream.length / 2000)),
  };
}

/**
 * A DAQ as fast as its line takes it (the virtual one with --flat-out) for some seconds, into `sink`.
 * @param rowHz what the device calls its rate.
 */
export async function lineBench(
  open: OpenPort,
  rowHz: number,
  seconds: number,
  sink: DaqSink,
): Promise<BenchLine> {
  const source = await startDaq({ open, stream: "main", rowHz }, sink);
  await new Promise((r) => setTimeout(r, 500)); // past the compilers' warming up
  const [c0, t0, cpu0] = [source.counts(), process.hrtime.bigint(), process.cpuUsage()];
  let peakRss = 0;
  for (let k = 0; k < seconds * 10; k++) {
    await new Promise((r) => setTimeout(r, 100));
    peakRss = Math.max(peakRss, process.memoryUsage.rss());
  }
  const s = Number(process.hrtime.bigint() - t0) / 1e9;
  const cpu = process.cpuUsage(cpu0);
  const c1 = source.counts();
  const { timing } = source;
  await source.stop();
  const rows = c1.rows - c0.rows;
  const buffer = new Uint8Array(1 << 26);
  const memcpy = rate(buffer.length, 0.5, () => void buffer.slice());
  return {
    bench: "line",
    timing,
    samples_per_s: Math.round((rows * source.capabilities.channels.length) / s),
    ratio_to_real_time: round(rows / s / rowHz),
    ratio_to_memcpy: round((rows * 6) / s / memcpy),
    cpu_share_of_one_core: round((cpu.user + cpu.system) / 1e6 / s),
    rss_peak_bytes: peakRss,
    frames_lost: c1.framesLost - c0.framesLost,
    rows_lost: c1.rowsLost - c0.rowsLost,
    bad_frames: c1.badFrames - c0.badFrames,
  };
}

/**
 * Random bytes, mutated frames and cuts, at least `bytes` of them. Every block that comes out must be one
 * that went in; CRC-32 lets a wrong one through once in 2^32 false syncs, so none is to be expected.
 * @throws Error at the first wrong block.
 */
export function fuzzBench(bytes: number, seed = 1): BenchLine {
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
  if (wrong > 0) throw new Error(`fuzz seed ${seed}: ${wrong} wrong blocks accepted`);
  const s = Number(process.hrtime.bigint() - t0) / 1e9;
  return {
    bench: "fuzz",
    seed,
    bytes: fed,
    random_bytes: noise,
    blocks_accepted: accepted,
    wrong_blocks: wrong,
    false_syncs_and_damaged: counts.bad,
    bytes_skipped: counts.skipped,
    bytes_per_s: Math.round(fed / s),
  };
}

function sum(
  c: { bad: number; skipped: number },
  d: FrameDecoder,
): { bad: number; skipped: number } {
  const { badFrames, skippedBytes } = d.counts;
  return { bad: c.bad + badFrames, skipped: c.skipped + skippedBytes };
}

/** `n` frames of 512 rows × 4 channels of counts that differ from frame to frame. */
function cleanStream(n: number, seed: number): Uint8Array {
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

function random8(r: ReturnType<typeof random>, n: number): Uint8Array {
  const out = new Uint8Array(n + 3);
  const words = new Uint32Array(out.buffer, 0, (n + 3) >> 2);
  for (let i = 0; i < words.length; i++) words[i] = r.integer(2 ** 32);
  return out.subarray(0, n);
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

/** Bytes per second of a repeated action. */
function rate(bytes: number, seconds: number, action: () => void): number {
  action();
  const t0 = process.hrtime.bigint();
  let [n, s] = [0, 0];
  for (; s < seconds; n++) {
    action();
    s = Number(process.hrtime.bigint() - t0) / 1e9;
  }
  return (n * bytes) / s;
}

const round = (x: number): number => Number(x.toPrecision(3));
