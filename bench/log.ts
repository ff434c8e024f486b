// Blocks → capture.mcap → blocks, through a real file in the temporary folder: the recorder's flush
// policy and its last fdatasync when writing, every chunk's CRC when reading (from the page cache).

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "../host/temporary.ts";
import { readCapture } from "../capture/log-reader.ts";
import { LogWriter } from "../capture/log-writer.ts";
import type { SampleBlock } from "../schema/records.ts";
import type { Session } from "../schema/session.ts";
import { instant } from "../schema/time.ts";
import { type Figure, measure } from "./memcpy.ts";
import { BLOCK_ROWS, blocksOf, type Stream, words16 } from "./stream.ts";

const ROWS = 1 << 23;
const TARGET = 100e6;
/** Bytes of a block as the wire sends them, and as importers and coalescing recorders write them. */
const SIZES = [4096, BLOCK_ROWS * 8];

export async function* run(): AsyncGenerator<Figure> {
  const s = await words16(1 << 20);
  const dir = mkdtempSync(join(tmpdir(), "truejoule-bench-"));
  try {
    for (const size of SIZES) yield* writeAndRead(s, join(dir, "capture.mcap"), size);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function* writeAndRead(s: Stream, path: string, size: number): Generator<Figure> {
  const bytes = ROWS * s.layout.rowBytes;
  const work = { unit: "B/s", amount: bytes, bytes, target: TARGET, io: true } as const;
  const label = `${size >> 10} KiB blocks`;
  yield measure(
    {
      ...work,
      bench: `log write, ${label}`,
      run() {
        rmSync(path, { force: true });
        writeLog(s, path, pieces(s, size));
      },
    },
    5,
  );
  yield measure(
    {
      ...work,
      bench: `log verified read, ${label}`,
      run() {
        let rows = 0;
        for (const r of readCapture(path)) {
          if (r.kind === "damage") throw new Error(r.damage.text);
          if (r.kind === "rows") rows += r.block.rows;
        }
        if (rows !== ROWS) throw new Error(`${rows} rows came back of ${ROWS}`);
      },
    },
    5,
  );
}

/** A log of these blocks, as a recorder writes it. */
export function writeLog(s: Stream, path: string, blocks: Iterable<SampleBlock>): void {
  const log = new LogWriter(path, SESSION, { flushMs: 500 });
  log.declareRows(s.layout);
  for (const b of blocks) log.rows(b);
  log.close();
}

function* pieces(s: Stream, size: number): Generator<SampleBlock> {
  const { rowBytes } = s.layout;
  const rows = size / rowBytes;
  for (const b of blocksOf(s, ROWS))
    for (let at = 0; at < b.bytes.length; at += size) {
      const firstIndex = b.firstIndex + at / rowBytes;
      yield { ...b, firstIndex, rows, bytes: b.bytes.subarray(at, at + size) };
    }
}

export const SESSION: Session = {
  id: "bench",
  source: "virtual",
  hostClock: "monotonic",
  hostEpoch: instant<"host">(0n),
  startUnix: null,
  software: "truejoule bench",
  labels: {},
};
