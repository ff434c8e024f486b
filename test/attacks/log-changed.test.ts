// A log that somebody edits between the two times that a command reads it: no figure is made of both.

import {
  chmodSync,
  closeSync,
  copyFileSync,
  linkSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { writeEvents } from "../../dataset/events.ts";
import { compare, prepare } from "../../energy/compare.ts";
import type { Prepared } from "../../energy/result.ts";
import { measureRun } from "../../protocols/calibrate/levels.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";

let dir: string;
let log: string;
let prepared: Prepared;
const CHANGED = /the log was changed while it was read/;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-changed-"));
  await writeVirtualCapture(join(dir, "kept"), { seed: 7, durationS: 2 });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
beforeEach(() => {
  log = join(dir, "capture.mcap");
  rmSync(log, { force: true });
  copyFileSync(join(dir, "kept/capture.mcap"), log);
  prepared = prepare(log);
});

/** Overwrites one byte and sets the file's times back, as one does who wants to go unseen. */
function edit(at: number, to?: number): void {
  const { atime, mtime } = statSync(log);
  const fd = openSync(log, "r+");
  writeSync(fd, Uint8Array.of(to ?? readFileSync(log)[at]! ^ 1), 0, 1, at);
  closeSync(fd);
  utimesSync(log, atime, mtime);
}

/** A byte of rows that stand between two windows' ends, where compare takes the sums that it kept. */
const middle = (): number => Math.floor(statSync(log).size / 2);

describe("D2: edited between two readings", () => {
  test("one byte of the rows, length and times as before", () => {
    edit(middle());
    expect(() => compare(prepared)).toThrow(CHANGED);
  });

  test("the same while every row is looked at", () => {
    edit(middle());
    expect(() => compare(prepared, { onRun: () => undefined })).toThrow(CHANGED);
  });

  test("cut at its end, or replaced by another file", () => {
    truncateSync(log, statSync(log).size - 1);
    expect(() => compare(prepared)).toThrow(CHANGED);
    prepared = prepare(log);
    const other = join(dir, "other.mcap");
    copyFileSync(join(dir, "kept/capture.mcap"), other);
    renameSync(other, log);
    expect(() => compare(prepared)).toThrow(CHANGED);
    rmSync(log);
    expect(() => compare(prepared)).toThrow(/capture.mcap/);
  });

  test("a mark's text, before events.arrow is written of it", () => {
    const comparison = compare(prepared);
    edit(readFileSync(log).lastIndexOf('"name"') + 1);
    expect(() => writeEvents(join(dir, "events.arrow"), comparison, {})).toThrow(CHANGED);
  });

  test("calibration looks at the rows a third time", () => {
    const run = measureRun(dir);
    edit(middle());
    expect(() => run.skew()).toThrow(CHANGED);
  });

  test("new permissions, another link, the same bytes written again: the log is what it was", () => {
    chmodSync(log, 0o600);
    linkSync(log, join(dir, "link.mcap"));
    edit(middle(), readFileSync(log)[middle()]);
    expect(compare(prepared).figures!.energyJ).toEqual(compare(prepare(log)).figures!.energyJ);
    rmSync(join(dir, "link.mcap"));
  });
});
