// The ingest benchmarks, one JSON line each:
//   node --import ./scripts/ts-register.mjs test/bench/ingest.ts [decoder[=S]] [flat-out[=S]] [real-time[=S]] [fuzz[=BYTES]]
// flat-out and real-time start a virtual DAQ behind a pty and write a capture log to a temporary folder.

import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogWriter } from "../../capture/log-writer.ts";
import { type BenchLine, decoderBench, fuzzBench, lineBench } from "../../ingest/bench.ts";
import { ttyPort } from "../../ingest/tty-port.ts";
import { builtInRig } from "../../rigs/load.ts";
import { spawnVirtualDaq } from "../../rigs/virtual-daq/spawn.ts";
import type { Session } from "../../schema/session.ts";
import { instant } from "../../schema/time.ts";

const ROW_HZ = 125_000;

async function line(name: string, seconds: number, args: string[]): Promise<BenchLine> {
  const { rig } = await builtInRig("virtual");
  const dir = mkdtempSync(join(tmpdir(), "truejoule-bench-"));
  const daq = await spawnVirtualDaq(rig, [
    "--row-rate",
    String(ROW_HZ),
    "--seconds",
    String(seconds + 10),
    ...args,
  ]);
  const log = new LogWriter(join(dir, "capture.mcap"), session(), { flushMs: 500 });
  const flush = setInterval(() => log.flushIfDue(), 100);
  try {
    const result = await lineBench(ttyPort(daq.path, { fifoPriority: 10 }), ROW_HZ, seconds, log);
    const account = await daq.stop();
    log.close();
    const bytes = statSync(join(dir, "capture.mcap")).size;
    return { ...result, bench: name, log_bytes: bytes, device_dropped: account.framesDropped };
  } finally {
    clearInterval(flush);
    rmSync(dir, { recursive: true });
  }
}

function session(): Session {
  const now = instant<"host">(process.hrtime.bigint());
  const none = { startUnix: null, software: "truejoule bench", labels: {} };
  return { id: "bench", source: "virtual", hostClock: "monotonic", hostEpoch: now, ...none };
}

const asked = new Map<string, string | undefined>();
for (const a of process.argv.slice(2)) asked.set(a.split("=")[0]!, a.split("=")[1]);
const print = (l: BenchLine): void => void process.stdout.write(`${JSON.stringify(l)}\n`);
/** The argument's figure, the default, or null when others were asked for. */
const figure = (name: string, byDefault: number): number | null =>
  asked.size === 0 || asked.has(name) ? Number(asked.get(name) ?? byDefault) : null;

const [decoder, flatOut, realTime, fuzz] = [
  figure("decoder", 2),
  figure("flat-out", 5),
  figure("real-time", 10),
  figure("fuzz", 1e8),
];
if (decoder !== null) print(decoderBench(decoder));
if (flatOut !== null) print(await line("flat-out", flatOut, ["--flat-out"]));
if (realTime !== null) print(await line("real-time", realTime, []));
if (fuzz !== null) print(fuzzBench(fuzz));
