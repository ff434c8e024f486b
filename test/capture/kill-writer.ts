// A recorder in small, for killing: 100,000 rows a second in real time until someone ends it.
// argv: log, progress file, flush period in ms. Before each block is handed to the log, its host
// time is appended to the progress file: what the log could at best contain.

import { openSync, writeSync } from "node:fs";
import { LogWriter } from "../../capture/log-writer.ts";
import { instant } from "../../schema/time.ts";
import { BLOCK, layout, rowsFrom, ROW_HZ } from "./kill-rows.ts";

const [logPath, progressPath, flushMs] = process.argv.slice(2) as [string, string, string];
const epoch = process.hrtime.bigint();
const log = new LogWriter(
  logPath,
  {
    id: "kill",
    source: "virtual",
    hostClock: "monotonic",
    hostEpoch: instant<"host">(epoch),
    startUnix: null,
    software: "test",
    labels: {},
  },
  { flushMs: Number(flushMs) },
);
log.declareRows(layout);
const progress = openSync(progressPath, "w");
const record = Buffer.alloc(8);
let handed = 0;

setInterval(() => {
  const due = Math.floor((Number(process.hrtime.bigint() - epoch) / 1e9) * ROW_HZ);
  for (; handed + BLOCK <= due; handed += BLOCK) {
    const t = instant<"host">(process.hrtime.bigint());
    record.writeBigInt64LE(t);
    writeSync(progress, record);
    log.rows({
      stream: layout.stream,
      firstIndex: handed,
      deviceTick: null,
      hostBefore: t,
      hostAfter: t,
      rows: BLOCK,
      flags: 0,
      bytes: rowsFrom(handed, BLOCK),
    });
  }
  log.flushIfDue();
}, 5);
process.stdout.write("ready\n");
