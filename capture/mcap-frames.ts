// An MCAP file → its data records one by one, each whole and checked, and every stretch that is not, in
// its place. After damage resync.ts finds the way back. One record is in memory; whatever the bytes, what is
// read is linear in them: a record is read whole before its checksum is known only as long as what was read
// in vain so far is less than what was not.

import { crc32 } from "node:zlib";
import { inputError } from "../schema/errors.ts";
import { crcOfLast, crcThrough } from "./crc-range.ts";
import { FileBytes } from "./file-bytes.ts";
import { crcOf, EndMarks, endProblem } from "./log-end.ts";
import { hex, MAGIC, Op, PREFIX, type Shape, shapeAt } from "./mcap-records.ts";
import { Search } from "./resync.ts";
import { logChanged } from "./unchanged.ts";

/** A stretch of the file that could not be used. `cut`: the file ends without its footer. */
export interface Damage {
  readonly what: "cut" | "chunk" | "attachment" | "record" | "message" | "sequence";
  readonly offset: number;
  readonly bytes: number;
  readonly text: string;
}

/** A whole record of the data section, opcode and length included; `bytes` are valid until the next one. */
export interface Frame {
  readonly kind: "frame";
  readonly opcode: number;
  readonly offset: number;
  readonly bytes: Buffer;
}

export type FrameOrDamage = Frame | { readonly kind: "damage"; readonly damage: Damage };

type Progress = (done: number, total: number) => void;

/**
 * The frames at these offsets, found whole by {@link readFrames} before: what a second look at a log reads,
 * and no checksum again.
 * @throws InputError when the file is missing or no longer holds them.
 */
export function* readFramesAt(
  path: string,
  offsets: readonly number[],
  onProgress?: Progress,
): Generator<Frame> {
  const file = new FileBytes(path);
  try {
    let buffer = Buffer.alloc(1 << 16);
    const peek = (at: number, length: number): Buffer => file.read(at, Buffer.allocUnsafe(length));
    for (const offset of offsets) {
      const shape = shapeAt(peek, offset, file.size);
      if (typeof shape === "string") throw logChanged(path);
      if (buffer.length < shape.bytes) buffer = Buffer.alloc(2 * shape.bytes);
      const bytes = file.read(offset, buffer.subarray(0, shape.bytes));
      yield { kind: "frame", opcode: shape.opcode, offset, bytes };
      onProgress?.(offset + shape.bytes, file.size);
    }
    onProgress?.(file.size, file.size);
  } finally {
    file.close();
  }
}

/** @throws InputError when the file is missing or is no MCAP file at all. */
export function* readFrames(
  path: string,
  onProgress?: Progress,
  from?: number,
): Generator<FrameOrDamage> {
  const file = new FileBytes(path);
  try {
    yield* framesOf(file, onProgress, from);
  } finally {
    file.close();
  }
}

/** The same of an open file. */
export function framesOf(
  file: FileBytes,
  onProgress?: Progress,
  from?: number,
): Generator<FrameOrDamage> {
  return new FrameReader(file, onProgress).frames(from);
}

class FrameReader {
  readonly #file: FileBytes;
  readonly #end: EndMarks;
  readonly #search: Search;
  readonly #progress: Progress | undefined;
  #buffer = Buffer.alloc(1 << 16);
  /** CRC-32 of everything before the next record. */
  #crc: number;
  #skipped = false;
  /** It is a log, but does not begin as one. */
  readonly #spoiled: boolean;
  /** Bytes that may yet be read in vain. */
  #credit: number;
  /** Where a search has proved a record to be whole. */
  #proven = -1;
  /** CRC-32 of the file to the end of its summary, once it was asked for. */
  #crcThroughSummary: number | undefined;

  constructor(file: FileBytes, progress?: Progress) {
    this.#file = file;
    this.#progress = progress;
    this.#crc = crc32(MAGIC);
    this.#end = new EndMarks(file);
    const hasMagic = file.read(0, Buffer.alloc(MAGIC.length)).equals(MAGIC);
    this.#spoiled = !hasMagic && this.#isLog();
    if (!hasMagic && !this.#spoiled)
      throw inputError(
        "not a capture log",
        file.path,
        "MCAP magic at offset 0",
        `${file.size} bytes without it`,
      );
    this.#search = new Search(file, this.#end);
    this.#credit = file.size;
  }

  *frames(from = MAGIC.length): Generator<FrameOrDamage> {
    let at = from;
    if (this.#spoiled && at === MAGIC.length) {
      this.#skipped = true;
      yield damage("record", 0, at, "the magic of MCAP at offset 0 is corrupted");
    }
    for (;;) {
      const shape = shapeAt(this.#peek, at, this.#file.size);
      const read = typeof shape === "string" ? shape : this.#recordAt(at, shape);
      if (typeof read === "string") {
        const next = this.#search.nextWhole({ at, crc: this.#crc }, at + 1);
        this.#skipped = true;
        yield damaged(read, this.#peek(at, 1)[0], at, next?.at, this.#file.size);
        if (next === undefined) return;
        this.#proven = at = next.at;
        this.#crc = next.crc;
        continue;
      }
      if (read[0] === Op.dataEnd) {
        yield* this.#close(read.readUInt32LE(PREFIX), at);
        return;
      }
      this.#crc = crcAfter(this.#crc, read, (shape as Shape).crc);
      yield { kind: "frame", opcode: read[0]!, offset: at, bytes: read };
      at += read.length;
      this.#progress?.(at, this.#file.size);
    }
  }

  /** Without the magic at its start: by a header behind it, or by the footer at its end. */
  #isLog(): boolean {
    const shape = shapeAt(this.#peek, MAGIC.length, this.#file.size);
    return (
      this.#end.footer !== undefined || (typeof shape !== "string" && shape.opcode === Op.header)
    );
  }

  /** The record, or why it cannot be used. */
  #recordAt(at: number, shape: Shape): Buffer | string {
    if (shape.crc && shape.bytes > this.#credit && this.#proven !== at) {
      const next = this.#search.nextWhole({ at, crc: this.#crc }, at);
      if (next?.at !== at) return "a record that no checksum proves";
    }
    const bytes = this.#read(at, shape.bytes);
    const problem =
      shape.opcode === Op.dataEnd ? this.#endDoubt(bytes, at) : crcDoubt(bytes, shape);
    this.#credit += problem === undefined ? bytes.length : -bytes.length;
    return problem ?? bytes;
  }

  readonly #peek = (at: number, length: number): Buffer =>
    this.#file.read(at, Buffer.allocUnsafe(length));

  #read(at: number, length: number): Buffer {
    if (this.#buffer.length < length)
      this.#buffer = Buffer.alloc(Math.max(length, 2 * this.#buffer.length));
    return this.#file.read(at, this.#buffer.subarray(0, length));
  }

  /** Bytes that only look like the end of the data would hide what follows: a CRC or the footer must bear it out. */
  #endDoubt(bytes: Buffer, at: number): string | undefined {
    const from = at + bytes.length;
    const { footer, summary } = this.#end;
    if (bytes.readUInt32LE(PREFIX) === this.#crc || footer === undefined || this.#end.isEnd(from))
      return undefined;
    if (!summary || summary.end < from) return "a damaged end of data";
    const before = crc32(bytes, this.#crc);
    this.#crcThroughSummary ??= crcOf(this.#file, from, summary.end, before);
    return crcOfLast(this.#crcThroughSummary, before, summary.end - from) === summary.crc
      ? undefined
      : "a damaged end of data";
  }

  /** After the data: their CRC, the summary, the footer. Nothing there is evidence, but damage there is told. */
  *#close(stated: number, at: number): Generator<FrameOrDamage> {
    if (!this.#skipped && stated !== 0 && stated !== this.#crc)
      yield damage(
        "record",
        0,
        at,
        `wrong data section CRC (expected ${hex(stated)}, found ${hex(this.#crc)}): something outside the chunks' own checksums is damaged`,
      );
    const problem = endProblem(this.#file, this.#end, at + PREFIX + 4);
    if (problem) yield damage("cut", problem.at, this.#file.size - problem.at, problem.text);
    else this.#progress?.(this.#file.size, this.#file.size);
  }
}

/** CRC-32 of the file after a record that is whole: what its own CRC vouches for is not read a second time. */
function crcAfter(before: number, bytes: Buffer, own: Shape["crc"]): number {
  if (!own) return crc32(bytes, before);
  const head = crc32(bytes.subarray(0, own.from), before);
  return crc32(bytes.subarray(own.to), crcThrough(head, own.stated, own.to - own.from));
}

function crcDoubt(bytes: Buffer, { opcode, crc }: Shape): string | undefined {
  if (!crc) return undefined;
  const found = crc32(bytes.subarray(crc.from, crc.to));
  if (found === crc.stated) return undefined;
  const what = opcode === Op.chunk ? "chunk" : "attachment";
  return `wrong ${what} CRC (expected ${hex(crc.stated)}, found ${hex(found)})`;
}

function damaged(
  problem: string,
  opcode: number | undefined,
  at: number,
  next: number | undefined,
  size: number,
): FrameOrDamage {
  if (next === undefined)
    return damage("cut", at, size - at, `the log ends at byte ${size} without its footer`);
  const what = opcode === Op.chunk ? "chunk" : opcode === Op.attachment ? "attachment" : "record";
  return damage(what, at, next - at, problem);
}

function damage(what: Damage["what"], offset: number, bytes: number, text: string): FrameOrDamage {
  return { kind: "damage", damage: { what, offset, bytes, text } };
}
