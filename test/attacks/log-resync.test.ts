import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { crcOfLast, crcThrough } from "../../capture/crc-range.ts";
import { FileBytes } from "../../capture/file-bytes.ts";
import { framesOf, readFrames } from "../../capture/mcap-frames.ts";
import { Op } from "../../capture/mcap-records.ts";
import { random } from "../../stats/random.ts";
import { scratch, sweep, writeLog } from "../capture/small-log.ts";
import { recordsOf } from "../capture/tamper.ts";

let path: string;
let records: Buffer[];
beforeEach(() => {
  const dir = scratch();
  path = join(dir, "bad.mcap");
  writeLog(join(dir, "good.mcap"), 6);
  records = recordsOf(join(dir, "good.mcap"));
});
afterEach(sweep);

const MAGIC = Buffer.from("894d434150300d0a", "hex");

/** What stands behind the records in the good log: the end of its data, its summary, its footer. */
function summary(): Buffer[] {
  const whole = readFileSync(join(dirname(path), "good.mcap"));
  return [whole.subarray(MAGIC.length + records.reduce((n, r) => n + r.length, 0))];
}

/** What reading these bytes costs, in bytes read for each byte of the file, and what comes of it. */
function reading(...parts: Buffer[]): { cost: number; chunks: number; damages: number } {
  const bytes = Buffer.concat([MAGIC, ...parts]);
  writeFileSync(path, bytes);
  const file = new FileBytes(path);
  let [chunks, damages] = [0, 0];
  for (const frame of framesOf(file))
    if (frame.kind === "damage") damages++;
    else if (frame.opcode === Op.chunk) chunks++;
  file.close();
  return { cost: file.bytesRead / bytes.length, chunks, damages };
}

/** The beginning of a chunk of so many bytes, with lengths that agree and a checksum that will not. */
function falseChunk(size: number): Buffer {
  const b = Buffer.alloc(49);
  b[0] = Op.chunk;
  b.writeBigUInt64LE(BigInt(40 + size), 1);
  b.writeBigUInt64LE(BigInt(size), 25);
  b.writeUInt32LE(0x12345678, 33);
  b.writeBigUInt64LE(BigInt(size), 41);
  return b;
}

/** An attachment of so many bytes, likewise. */
function falseAttachment(size: number): Buffer {
  const b = Buffer.alloc(41);
  b[0] = Op.attachment;
  b.writeBigUInt64LE(BigInt(32 + size + 4), 1);
  b.writeBigUInt64LE(BigInt(size), 33);
  return b;
}

/** A chunk without records, whole. */
const EMPTY = (() => {
  const b = falseChunk(0);
  b.writeUInt32LE(0, 33);
  return b;
})();

const times = (n: number, ...parts: Buffer[]): Buffer[] =>
  Array.from({ length: n }, () => parts).flat();

describe("C5: the cost of reading a hostile log, in bytes read", () => {
  /** A few passes: records read, read in vain, searched, glanced at; a glance is at most 49 bytes for 9. */
  const MOST = 12;

  test("chunks of 8 MiB that begin everywhere and are none (18 MB)", () => {
    const start = Buffer.from([6, 0, 0, 0x80, 0, 0, 0, 0, 0]);
    const { cost } = reading(...records.slice(0, 2), Buffer.alloc(18_000_000, start));
    expect(cost).toBeLessThan(MOST);
  });

  test.each([
    ["chunks", falseChunk],
    ["attachments", falseAttachment],
  ])("%s with lengths that agree and a wrong checksum, whole ones behind them", (_, start) => {
    const size = 1 << 20;
    const { cost, chunks } = reading(
      ...records.slice(0, 2),
      ...times(40_000, start(size)),
      Buffer.alloc(size),
      ...records,
    );
    expect(cost).toBeLessThan(MOST);
    expect(chunks).toBe(6);
  });

  test("after each whole chunk one that claims the rest of the file", () => {
    const { cost, chunks } = reading(
      records[0]!,
      ...times(5000, EMPTY, falseChunk(1000)),
      Buffer.alloc(1000),
    );
    expect(chunks).toBe(5000);
    const far = reading(
      records[0]!,
      ...times(5000, EMPTY, falseChunk(200_000)),
      Buffer.alloc(200_000),
    );
    expect(far.chunks).toBe(5000);
    expect(Math.max(cost, far.cost)).toBeLessThan(MOST);
  });

  test("ends of data that are none, under a footer", () => {
    const end = Buffer.from([15, 4, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
    const footer = Buffer.alloc(29);
    footer[0] = Op.footer;
    footer.writeBigUInt64LE(20n, 1);
    footer.writeBigUInt64LE(77n, 9);
    footer.writeUInt32LE(99, 25);
    const { cost, chunks } = reading(records[0]!, ...times(20_000, EMPTY, end), footer, MAGIC);
    expect(cost).toBeLessThan(MOST);
    expect(chunks).toBe(20_000);
  });

  test("damage between whole chunks costs what is damaged", () => {
    const r = random(7, "noise");
    const noise = (): Buffer => Buffer.from(Array.from({ length: 300 }, () => r.integer(256)));
    const parts = records.flatMap((b) => (b[0] === Op.chunk ? [noise(), b] : [b]));
    const { cost, chunks, damages } = reading(...parts);
    expect(cost).toBeLessThan(MOST);
    expect([chunks, damages]).toEqual([6, 7]); // and the end, which is missing
  });
});

describe("D4: a log that does not begin as one", () => {
  const read = (bytes: Buffer): { chunks: number; damages: string[] } => {
    writeFileSync(path, bytes);
    const damages: string[] = [];
    let chunks = 0;
    for (const frame of readFrames(path))
      if (frame.kind === "damage") damages.push(frame.damage.text);
      else if (frame.opcode === Op.chunk) chunks++;
    return { chunks, damages };
  };

  test("by one byte of its magic: every chunk is read, and the byte is told", () => {
    const bytes = Buffer.concat([MAGIC, ...records]);
    bytes[3]! ^= 1;
    const { chunks, damages } = read(bytes);
    expect(chunks).toBe(6);
    expect(damages[0]).toMatch(/magic/);
  });

  test("by a hole as far as the first chunk, with its end in place", () => {
    const whole = Buffer.concat([MAGIC, ...records, ...summary()]);
    const first = whole.indexOf(records.find((r) => r[0] === Op.chunk)!);
    whole.fill(0, 0, first + 100);
    expect(read(whole).chunks).toBe(5);
  });

  test("what is no log in any way is none", () => {
    expect(() => read(Buffer.alloc(100_000, 7))).toThrow(/not a capture log/);
    expect(() => read(Buffer.alloc(0))).toThrow(/not a capture log/);
  });
});

test("the CRC of a stretch follows from those at its two ends", () => {
  const r = random(3, "crc");
  for (const [before, own] of [
    [0, 1],
    [1, 0],
    [5, 300],
    [4096, 70_000],
    [1, 1 << 20],
  ] as const) {
    const bytes = Buffer.from(Array.from({ length: before + own }, () => r.integer(256)));
    const [first, stretch] = [crc32(bytes.subarray(0, before)), crc32(bytes.subarray(before))];
    const all = crc32(bytes);
    expect(crcThrough(first, stretch, own)).toBe(all);
    expect(crcOfLast(all, first, own)).toBe(stretch);
  }
});
