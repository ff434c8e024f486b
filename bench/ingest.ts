// From a pseudo-terminal into the capture log, as fast as it goes: the virtual DAQ as a process of its own,
// reader thread, frames, CRC-32, decoder, log with fdatasync. And the frame decoder alone.

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "../host/temporary.ts";
import { FIFO_PRIORITY } from "../host/scheduler.ts";
import { LogWriter } from "../capture/log-writer.ts";
import { type DaqSource, startDaq } from "../ingest/instruments/truejoule-daq/daq-source.ts";
import { FrameDecoder } from "../ingest/instruments/truejoule-daq/frame-decoder.ts";
import { ttyPort } from "../ingest/ports/tty-port.ts";
import { builtInRig } from "../rigs/load.ts";
import { spawnVirtualDaq } from "../virtual/daq/spawn.ts";
import { instant } from "../schema/time.ts";
import { cleanStream, NOTHING, ROWS } from "./frames.ts";
import { SESSION } from "./log.ts";
import { type Figure, figure, measure, memcpyRate } from "./memcpy.ts";

/** What a Linux terminal hands over at once. */
const PIECE = 4095;
const FRAMES = 500;
const CHANNELS = 4;
const ROW_HZ = 125_000;
/** 12-bit samples, packed. */
const ROW_BYTES = 6;
const WARM_S = 1;
const FLAT_OUT_S = 10;
const TARGET = 25e6;

export async function* run(): AsyncGenerator<Figure> {
  yield decoder();
  yield await flatOut();
}

function decoder(): Figure {
  const stream = cleanStream(FRAMES, 0);
  return measure({
    bench: "frame decoder alone",
    unit: "samples/s",
    amount: FRAMES * ROWS * CHANNELS,
    bytes: stream.length,
    run() {
      const d = new FrameDecoder(NOTHING, { stream: "main", rowHz: ROW_HZ, tickHz: 1e6 });
      for (let at = 0; at < stream.length; at += PIECE)
        d.push(stream.subarray(at, at + PIECE), null, null);
      if (d.counts.rows !== FRAMES * ROWS) throw new Error("rows of a clean stream were lost");
    },
  });
}

async function flatOut(): Promise<Figure> {
  const { rig } = await builtInRig("virtual");
  const dir = mkdtempSync(join(tmpdir(), "truejoule-bench-"));
  const seconds = String(FLAT_OUT_S + 10);
  const args = ["--row-rate", String(ROW_HZ), "--seconds", seconds, "--flat-out"];
  const daq = await spawnVirtualDaq(rig, args);
  const now = instant<"host">(process.hrtime.bigint());
  const log = new LogWriter(
    join(dir, "capture.mcap"),
    { ...SESSION, hostEpoch: now },
    { flushMs: 500 },
  );
  const flush = setInterval(() => log.flushIfDue(), 100);
  try {
    const open = ttyPort(daq.path, { fifoPriority: FIFO_PRIORITY });
    const source = await startDaq({ open, stream: "main", rowHz: ROW_HZ }, log);
    const line = await whileItRuns(source);
    await source.stop();
    await daq.stop();
    return line;
  } finally {
    clearInterval(flush);
    log.close();
    rmSync(dir, { recursive: true });
  }
}

async function whileItRuns(source: DaqSource): Promise<Figure> {
  const pause = (s: number): Promise<void> => new Promise((r) => setTimeout(r, s * 1e3));
  await pause(WARM_S);
  const [before, t0] = [source.counts(), process.hrtime.bigint()];
  await pause(FLAT_OUT_S);
  const s = Number(process.hrtime.bigint() - t0) / 1e9;
  const after = source.counts();
  const rows = (after.rows - before.rows) / s;
  const lost = after.rowsLost - before.rowsLost;
  return figure("flat out, pty to log", rows * CHANNELS, "samples/s", TARGET, {
    ratio_to_memcpy: Number(((rows * ROW_BYTES) / memcpyRate()).toPrecision(4)),
    note: `${(rows / ROW_HZ).toFixed(1)} × real time at 4 × 125 kS/s; ${lost} rows lost; ${after.badFrames - before.badFrames} bad frames; bytes stamped by ${source.timing}`,
  });
}
