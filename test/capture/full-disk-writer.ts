// argv: folder, limits in bytes. Writes a log under each limit until it fails or all is written; prints what
// the writer tells of each.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { LogWriter } from "../../capture/log-writer.ts";
import { instant } from "../../schema/time.ts";
import type { FullDiskOutcome } from "./full-disk.ts";
import { block, layout, session } from "./small-log.ts";

const [dir, ...limits] = process.argv.slice(2) as [string, ...string[]];
const t = instant<"host">(session.hostEpoch);

function outcome(limit: string): FullDiskOutcome {
  limitFiles(`${limit}:`);
  const path = join(dir, `${limit}.mcap`);
  const log = new LogWriter(path, session);
  const failed = fails(() => write(log));
  // A failed log is closed already; closing it again must not hide or change anything.
  fails(() => log.close());
  limitFiles("unlimited:");
  const { rows, reads, marks } = log.written;
  return { path, failed, told: { rows: rows.get("main") ?? 0, reads, marks } };
}

function write(log: LogWriter): void {
  log.declareRows(layout);
  log.declareTelemetry({ name: "p", quantity: "power", unit: "W" });
  for (let i = 0; i < 8; i++) {
    log.rows(block(16 * i, 16));
    log.read({ channel: "p", before: t, after: t, stamp: null, value: i, code: 0 });
    log.mark({ name: "m", phase: "instant", clock: "host", t });
    log.flush();
  }
  log.close();
}

function fails(work: () => void): boolean {
  try {
    work();
    return false;
  } catch {
    return true;
  }
}

function limitFiles(to: string): void {
  const set = spawnSync("prlimit", ["--pid", String(process.pid), `--fsize=${to}`]);
  if (set.status !== 0) throw new Error(String(set.stderr));
}

process.stdout.write(JSON.stringify(limits.map(outcome)));
