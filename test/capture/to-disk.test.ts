// What a power cut would take: a chunk is forced to disk on its way, not only when the log is closed.

import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, expect, jest, test } from "@jest/globals";

/** How each forcing was asked for: by a caller that waits, or meanwhile. */
const forced: string[] = [];
/** Forcings asked for and not yet done. */
let pending = 0;
jest.unstable_mockModule("node:fs", () => ({
  ...fs,
  default: fs,
  fdatasync: (fd: number, done: (e: Error | null) => void) => {
    forced.push("meanwhile");
    pending++;
    fs.fdatasync(fd, (e) => {
      done(e);
      pending--;
    });
  },
  fdatasyncSync: (fd: number) => {
    forced.push("waited");
    fs.fdatasyncSync(fd);
  },
}));
const { LogWriter } = await import("../../capture/log-writer.ts");
const { block, layout, scratch, session, sweep } = await import("./small-log.ts");

afterEach(sweep);

/** One small chunk each 100 ms of a second; @returns what was forced, tick by tick. */
async function forcedBy(flushMs: number): Promise<number[]> {
  forced.length = 0;
  let ms = 0;
  const log = new LogWriter(join(scratch(), "c.mcap"), session, { flushMs, now: () => ms });
  log.declareRows(layout);
  const ticks: number[] = [];
  for (let k = 0; k < 10; k++) {
    ms += 100;
    log.rows(block(k, 1));
    log.flushIfDue();
    ticks.push(forced.length);
    // The one before is done before the next is due, however slow the disk is.
    while (pending > 0) await new Promise((done) => setImmediate(done));
  }
  expect(forced.every((how) => how === "meanwhile")).toBe(true);
  log.close();
  expect(forced.at(-1)).toBe("waited");
  return ticks;
}

test("a recording is forced to disk once a flush period, without waiting for the disk", async () => {
  expect(await forcedBy(300)).toEqual([0, 0, 1, 1, 1, 2, 2, 2, 3, 3]);
});

test("an import is forced to disk when it is whole", async () => {
  expect(await forcedBy(Infinity)).toEqual(new Array(10).fill(0));
});

test("who flushes waits for the disk", () => {
  forced.length = 0;
  const log = new LogWriter(join(scratch(), "c.mcap"), session);
  log.declareRows(layout);
  log.rows(block(0, 1));
  log.flush();
  expect(forced).toEqual(["waited"]);
  log.close();
});
