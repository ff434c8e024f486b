// The capture log on a real file: blocks written with CRC and one forced flush, then read back with every
// CRC checked.

import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCapture } from "../capture/log-reader.ts";
import { LogWriter } from "../capture/log-writer.ts";
import type { Session } from "../schema/session.ts";
import { instant } from "../schema/time.ts";
import { type Figure, measure } from "./memcpy.ts";
import { blocksOf, words16 } from "./stream.ts";

const ROWS = 1 << 24;
const TARGET = 100e6;
const REPEATS = 3;

const session: Session = {
  id: "bench",
  source: "virtual",
  hostClock: "monotonic",
  hostEpoch: instant<"host">(0n),
  startUnix: null,
  software: "truejoule bench",
  labels: {},
};

export async function* run(): AsyncGenerator<Figure> {
  const stream = await words16(1 << 20);
  const dir = mkdtempSync(join(tmpdir(), "truejoule-bench-"));
  const path = join(dir, "capture.mcap");
  const bytes = ROWS * stream.layout.rowBytes;
  const shared = { unit: "bytes/s", amount: bytes, bytes, target: TARGET };
  try {
    yield measure(
      {
        bench: "log: write, CRC, fdatasync",
        ...shared,
        run() {
          rmSync(path, { force: true });
          const log = new LogWriter(path, session);
          log.declareRows(stream.layout);
          for (const block of blocksOf(stream, ROWS)) log.rows(block);
          log.close();
        },
      },
      REPEATS,
    );
    yield measure(
      {
        bench: "log: verified read",
        ...shared,
        note: `${statSync(path).size} bytes on disk`,
        run() {
          let rows = 0;
          for (const r of readCapture(path)) {
            if (r.kind === "rows") rows += r.block.rows;
            if (r.kind === "damage") throw new Error(r.damage.text);
          }
          if (rows !== ROWS) throw new Error(`read ${rows} rows of ${ROWS}`);
        },
      },
      REPEATS,
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
