import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, jest, test } from "@jest/globals";
import { LogWriter } from "../../capture/log-writer.ts";
import { block, layout, scratch, session, sweep } from "../capture/small-log.ts";

afterEach(() => {
  jest.restoreAllMocks();
  sweep();
});

test.each([-3600e3, 3600e3])(
  "A4: a wall clock that steps by %d ms neither stops nor hastens the flushing",
  async (stepMs) => {
    const log = new LogWriter(join(scratch(), "c.mcap"), session, { flushMs: 50 });
    const unset = Date.now.bind(Date);
    jest.spyOn(Date, "now").mockImplementation(() => unset() + stepMs);
    log.declareRows(layout);
    const opened = performance.now();
    log.rows(block(0, 8));
    log.flushIfDue();
    // On a machine that stood still here for the whole period, the flush was due.
    if (performance.now() - opened < 40) expect(log.written.rows.size).toBe(0);
    while (log.written.rows.size === 0) {
      await sleep(5);
      log.flushIfDue();
    }
    log.close();
  },
);
