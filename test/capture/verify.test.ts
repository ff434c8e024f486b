import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { LogWriter } from "../../capture/log-writer.ts";
import { problemsOf, verifyLog } from "../../capture/verify.ts";
import { BlockFlag } from "../../schema/records.ts";
import { block, layout, scratch, session, sweep, writeLog } from "./small-log.ts";

afterEach(sweep);

const problems = (path: string): string[] => problemsOf(verifyLog(path));

/** A log of the given blocks. */
function logOf(...blocks: Parameters<LogWriter["rows"]>[0][]): string {
  const path = join(scratch(), "c.mcap");
  const log = new LogWriter(path, session);
  log.declareRows(layout);
  for (const b of blocks) log.rows(b);
  log.close();
  return path;
}

describe("verify", () => {
  test("a clean log has its contents counted and no problem", () => {
    const path = join(scratch(), "c.mcap");
    writeLog(path, 5);
    const check = verifyLog(path);
    expect(check).toMatchObject({ reads: 5, failedReads: 0, marks: 5, edges: 0, damages: [] });
    expect(check.streams).toMatchObject([{ stream: "main", blocks: 5, rows: 80, missingRows: 0 }]);
    expect(check.attachments).toEqual(["session.json", "rig.yaml"]);
    expect(problemsOf(check)).toEqual([]);
  });

  test("row index: missing, going back, duplicate, out of order", () => {
    expect(problems(logOf(block(0, 8), block(20, 8)))).toEqual([
      "stream main: 12 rows missing in 1 gaps",
    ]);
    expect(
      problems(logOf(block(0, 8), block(20, 8, BlockFlag.gapBefore | BlockFlag.pause))),
    ).toEqual([]);
    expect(problems(logOf(block(4, 8)))).toEqual(["stream main: 4 rows missing in 1 gaps"]);
    expect(problems(logOf(block(0, 8), block(4, 8)))).toEqual([
      "stream main: the row index goes back at 1 blocks",
    ]);
    expect(problems(logOf(block(8, 8), block(0, 8)))).toEqual([]); // late, and read in its place
    expect(problems(logOf(block(0, 8), block(0, 8, BlockFlag.duplicate)))).toEqual([]);
    expect(problems(logOf(block(0, 8), block(16, 8), block(8, 8, BlockFlag.reordered)))).toEqual(
      [],
    );
    expect(problems(logOf(block(0, 8), block(8, 8, BlockFlag.gapBefore)))).toEqual([
      "stream main: 1 gaps of unknown length",
    ]);
  });

  test("a block whose size contradicts its row count", () => {
    const short = { ...block(0, 8), bytes: new Uint8Array(31) };
    expect(problems(logOf(short))[0]).toMatch(/message .*daq\/main: malformed message/);
  });

  test("a loss that the recorder noted is a problem, a warning is not", () => {
    const path = join(scratch(), "c.mcap");
    const log = new LogWriter(path, session);
    log.note({ level: "warning", text: "the zone was assumed" });
    log.note({ level: "loss", text: "7 frames lost", count: 7 });
    log.close();
    expect(problems(path)).toEqual(["7 frames lost"]);
    expect(verifyLog(path).notes).toHaveLength(2);
  });

  test("a break of the message sequence", () => {
    const path = join(scratch(), "c.mcap");
    writeLog(path, 3);
    const bytes = readFileSync(path);
    // The middle chunk, byte for byte gone: every CRC but that of the whole is right.
    const at = nthChunk(bytes, 1);
    writeFileSync(path, Buffer.concat([bytes.subarray(0, at), bytes.subarray(nthChunk(bytes, 2))]));
    const found = problems(path);
    expect(found.some((p) => /sequence .*telemetry\/nvml\.power_usage: 1 messages/.test(p))).toBe(
      true,
    );
    expect(found.some((p) => /wrong data section CRC/.test(p))).toBe(true);
    expect(found.some((p) => /16 rows missing/.test(p))).toBe(true);
  });

  test.each([
    ["an empty file", Buffer.alloc(0), /not a capture log \(expected MCAP magic/],
    ["a text", Buffer.from("timestamp,power\n".repeat(100)), /not a capture log/],
    ["nothing but magic", Buffer.from("894d434150300d0a", "hex"), /no session header/],
  ])("%s is unreadable, in one line", (_name, bytes, message) => {
    const path = join(scratch(), "c.mcap");
    writeFileSync(path, bytes);
    expect(() => verifyLog(path)).toThrow(message);
  });
});

function nthChunk(bytes: Buffer, n: number): number {
  let at = 8;
  for (let seen = 0; ; at += 9 + Number(bytes.readBigUInt64LE(at + 1)))
    if (bytes[at] === 6 && seen++ === n) return at;
}
