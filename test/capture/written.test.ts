import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { LogWriter } from "../../capture/log-writer.ts";
import { BlockFlag } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { fullDisk } from "./full-disk.ts";
import { all, block, layout, scratch, session, sweep } from "./small-log.ts";

afterEach(sweep);

const t = instant<"host">(session.hostEpoch);

describe("what is written", () => {
  test("counts what stands in closed chunks, duplicates apart, and nothing of the open one", () => {
    const log = new LogWriter(join(scratch(), "c.mcap"), session);
    log.declareRows(layout);
    log.declareTelemetry({ name: "p", quantity: "power", unit: "W" });
    log.rows(block(0, 8));
    log.rows(block(0, 8, BlockFlag.duplicate));
    log.read({ channel: "p", before: t, after: t, stamp: null, value: 1, code: 0 });
    log.read({ channel: "p", before: t, after: t, stamp: null, value: NaN, code: 4 });
    log.mark({ name: "a", phase: "instant", clock: "host", t });
    expect(log.written).toMatchObject({ rows: new Map(), reads: 0, marks: 0 });
    log.flush();
    log.rows(block(8, 4));
    expect(log.written).toMatchObject({
      rows: new Map([["main", 8]]),
      duplicateRows: 8,
      reads: 2,
      failedReads: 1,
      marks: 1,
    });
    log.close();
    expect(log.written.rows).toEqual(new Map([["main", 12]]));
  });

  const onPosix = process.platform === "win32" ? test.skip : test;
  onPosix("A6: on a disk full at 60 places, what is told is what a reader finds", () => {
    const dir = scratch();
    // From inside the first attachments to beyond the whole log, in steps that meet every part of a chunk.
    const limits = Array.from({ length: 60 }, (_, k) => 1500 + 137 * k);
    const outcomes = fullDisk(dir, limits);
    expect(outcomes).toHaveLength(limits.length);
    for (const { path, told } of outcomes) {
      const found = { rows: 0, reads: 0, marks: 0 };
      for (const r of all(path)) {
        if (r.kind === "rows") found.rows += r.block.rows;
        if (r.kind === "read") found.reads++;
        if (r.kind === "mark") found.marks++;
      }
      expect([path, told]).toEqual([path, found]);
    }
    expect(outcomes.some((o) => o.told.rows > 0 && o.failed)).toBe(true);
  });
});
