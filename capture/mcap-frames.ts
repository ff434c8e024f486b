// An MCAP file → its data records one by one, each whole and checked, and every stretch that is not, in
// its place. Lengths are checked before they are believed, so that a damaged one cannot swallow the file;
// after damage the next whole chunk or attachment is searched by its CRC. One record is in memory.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { crc32 } from "node:zlib";
import { inputError } from "../schema/errors.ts";

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

/** Opcodes of the MCAP specification, version 0. */
export const Op = {
  header: 0x01,
  footer: 0x02,
  schema: 0x03,
  channel: 0x04,
  message: 0x05,
  chunk: 0x06,
  messageIndex: 0x07,
  attachment: 0x09,
  dataEnd: 0x0f,
} as const;

const MAGIC = Buffer.from([0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a]);
/** Opcode and length before every record. */
const PREFIX = 9;
/** Longer is damage (docs/capture.md); 1 MiB chunks and a rig file are far below. */
const MAX_RECORD = 256 << 20;
/** Fixed part of a chunk without compression: start, end, size u64; crc u32; "" and records length. */
const CHUNK_HEAD = 40;
const FOOTER_BYTES = 20;

/** @throws InputError when the file is missing or is no MCAP file at all. */
export function* readFrames(
  path: string,
  onProgress?: (done: number, total: number) => void,
): Generator<FrameOrDamage> {
  const fd = openCapture(path);
  try {
    yield* new FrameReader(fd, path, onProgress).frames();
  } finally {
    closeSync(fd);
  }
}

function openCapture(path: string): number {
  try {
    return openSync(path, "r");
  } catch {
    throw inputError("no capture log", path, "a run folder made by record or import");
  }
}

class FrameReader {
  readonly #fd: number;
  readonly #size: number;
  readonly #progress: ((done: number, total: number) => void) | undefined;
  readonly #head = Buffer.alloc(PREFIX);
  #buffer = Buffer.alloc(1 << 16);
  /** CRC-32 of everything before the next record; meaningless once something was skipped. */
  #crc: number;
  #skipped = false;

  constructor(fd: number, path: string, progress?: (done: number, total: number) => void) {
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
    this.#progress = progress;
    const magic = Buffer.alloc(MAGIC.length);
    const got = readSync(fd, magic, 0, magic.length, 0);
    if (got < magic.length || !magic.equals(MAGIC))
      throw inputError(
        "not a capture log",
        path,
        "MCAP magic at offset 0",
        `${this.#size} bytes without it`,
      );
    this.#crc = crc32(MAGIC);
  }

  *frames(): Generator<FrameOrDamage> {
    let at = MAGIC.length;
    for (;;) {
      const bytes = this.#recordAt(at);
      const opcode = bytes?.[0] ?? 0;
      const problem = bytes ? this.#problemOf(bytes, at) : "unreadable record";
      if (!bytes || problem) {
        const next = this.#nextWhole(at + 1);
        this.#skipped = true;
        yield this.#damaged(problem!, opcode, at, next);
        if (next === undefined) return;
        at = next;
        continue;
      }
      if (opcode === Op.dataEnd) {
        yield* this.#end(bytes.readUInt32LE(PREFIX), at);
        return;
      }
      this.#crc = crc32(bytes, this.#crc);
      yield { kind: "frame", opcode, offset: at, bytes };
      at += bytes.length;
      this.#progress?.(at, this.#size);
    }
  }

  /** The whole record at an offset, prefix included; undefined where there cannot be one. */
  #recordAt(at: number): Buffer | undefined {
    if (readSync(this.#fd, this.#head, 0, PREFIX, at) < PREFIX) return undefined;
    const length = Number(this.#head.readBigUInt64LE(1));
    if (!isData(this.#head[0]!) || length > MAX_RECORD || at + PREFIX + length > this.#size)
      return undefined;
    return this.#read(at, PREFIX + length);
  }

  #read(at: number, length: number): Buffer {
    if (this.#buffer.length < length) this.#buffer = Buffer.alloc(2 * length);
    const bytes = this.#buffer.subarray(0, length);
    readSync(this.#fd, bytes, 0, length, at);
    return bytes;
  }

  #damaged(
    problem: string,
    opcode: number | undefined,
    at: number,
    next: number | undefined,
  ): FrameOrDamage {
    const bytes = (next ?? this.#size) - at;
    if (next === undefined)
      return damage("cut", at, bytes, `the log ends at byte ${this.#size} without its footer`);
    const what = opcode === Op.chunk ? "chunk" : opcode === Op.attachment ? "attachment" : "record";
    return damage(what, at, bytes, problem);
  }

  #problemOf(bytes: Buffer, at: number): string | undefined {
    const problem = problemOf(bytes, at);
    if (problem || bytes[0] !== Op.dataEnd) return problem;
    const proven = !this.#skipped && bytes.readUInt32LE(PREFIX) === this.#crc;
    return proven || this.#endsAt(at + bytes.length) ? undefined : "a damaged end of data";
  }

  /** Bytes that only look like the end of the data would hide what follows: the footer must bear it out. */
  #endsAt(end: number): boolean {
    const footer = this.#footer();
    return !footer || footer.summaryStart === end || this.#summaryProblem(end) === undefined;
  }

  /** After the data: their CRC, the summary, the footer. Nothing there is evidence, but damage there is told. */
  *#end(stated: number, at: number): Generator<FrameOrDamage> {
    if (!this.#skipped && stated !== 0 && stated !== this.#crc)
      yield damage(
        "record",
        0,
        at,
        `wrong data section CRC (expected ${hex(stated)}, found ${hex(this.#crc)}): something outside the chunks' own checksums is damaged`,
      );
    const from = at + PREFIX + 4;
    const problem = this.#summaryProblem(from);
    if (problem) yield damage("cut", from, this.#size - from, problem);
    else this.#progress?.(this.#size, this.#size);
  }

  #summaryProblem(from: number): string | undefined {
    const footer = this.#footer();
    if (!footer || footer.offset < from)
      return `the log ends at byte ${this.#size} without its footer, though all data are there`;
    const bytes = Buffer.alloc(Math.min(MAX_RECORD, this.#size - MAGIC.length - 4 - from));
    readSync(this.#fd, bytes, 0, bytes.length, from);
    return footer.crc === 0 || footer.crc === crc32(bytes)
      ? undefined
      : "wrong CRC of the summary, though all data are there";
  }

  /** The footer, if the file ends with one. */
  #footer(): { offset: number; summaryStart: number; crc: number } | undefined {
    const b = Buffer.alloc(PREFIX + FOOTER_BYTES + MAGIC.length);
    const offset = this.#size - b.length;
    if (offset < MAGIC.length || readSync(this.#fd, b, 0, b.length, offset) < b.length)
      return undefined;
    const whole =
      b[0] === Op.footer &&
      b.readBigUInt64LE(1) === BigInt(FOOTER_BYTES) &&
      b.subarray(PREFIX + FOOTER_BYTES).equals(MAGIC);
    if (!whole) return undefined;
    const summaryStart = Number(b.readBigUInt64LE(PREFIX));
    return { offset, summaryStart, crc: b.readUInt32LE(PREFIX + 16) };
  }

  /** Next offset of a whole chunk or attachment, or of the end of the data: the way back after damage. */
  #nextWhole(from: number): number | undefined {
    const window = Buffer.alloc(Math.min(1 << 20, this.#size));
    for (let base = from; base + PREFIX <= this.#size; base += window.length - PREFIX) {
      const n = readSync(this.#fd, window, 0, window.length, base);
      for (let i = 0; i + PREFIX <= n; i++) {
        const opcode = window[i]!;
        if (opcode !== Op.chunk && opcode !== Op.attachment && opcode !== Op.dataEnd) continue;
        if (window.readUInt32LE(i + 5) === 0 && this.#isWhole(base + i)) return base + i;
      }
      if (n < window.length) return undefined;
    }
    return undefined;
  }

  #isWhole(at: number): boolean {
    const bytes = this.#recordAt(at);
    if (!bytes || problemOf(bytes, at) !== undefined) return false;
    return bytes[0] !== Op.dataEnd || (this.#footer() !== undefined && this.#endsAt(at + 13));
  }
}

/** What may stand in our data section; schemas, channels and messages live inside chunks. */
function isData(opcode: number): boolean {
  return (
    opcode === Op.header ||
    opcode === Op.chunk ||
    opcode === Op.messageIndex ||
    opcode === Op.attachment ||
    opcode === Op.dataEnd
  );
}

/** Why a record cannot be used, or undefined: inner lengths and its own CRC. */
function problemOf(b: Buffer, at: number): string | undefined {
  const length = b.length - PREFIX;
  const opcode = b[0]!;
  if (opcode === Op.chunk) return chunkProblem(b);
  if (opcode === Op.attachment) return attachmentProblem(b);
  if (opcode === Op.header && !(at === MAGIC.length && isHeader(b))) return "a damaged header";
  if (opcode === Op.dataEnd && length !== 4) return "a damaged end of data";
  if (opcode === Op.messageIndex && !isMessageIndex(b)) return "a damaged message index";
  return undefined;
}

/** Channel, then pairs of time and offset: their length must fill the record. */
function isMessageIndex(b: Buffer): boolean {
  const pairs = b.length - PREFIX - 6;
  return pairs >= 0 && pairs % 16 === 0 && b.readUInt32LE(PREFIX + 2) === pairs;
}

/** Two strings and nothing else: profile and library. */
function isHeader(b: Buffer): boolean {
  let at = PREFIX;
  for (let k = 0; k < 2; k++) {
    if (at + 4 > b.length) return false;
    at += 4 + b.readUInt32LE(at);
  }
  return at === b.length;
}

function chunkProblem(b: Buffer): string | undefined {
  const size = b.length - PREFIX - CHUNK_HEAD;
  if (size < 0) return "a chunk too short for its header";
  const { records, crc } = chunkParts(b);
  const sizes = [b.readBigUInt64LE(PREFIX + 16), b.readBigUInt64LE(PREFIX + 32)];
  if (b.readUInt32LE(PREFIX + 28) !== 0 || sizes.some((n) => n !== BigInt(size)))
    return "a chunk whose lengths contradict each other, or compressed";
  const found = crc32(records);
  return found === crc ? undefined : `wrong chunk CRC (expected ${hex(crc)}, found ${hex(found)})`;
}

/** The records of a chunk frame and the CRC that its header states. */
export function chunkParts(b: Buffer): { records: Buffer; crc: number } {
  return { records: b.subarray(PREFIX + CHUNK_HEAD), crc: b.readUInt32LE(PREFIX + 24) };
}

function attachmentProblem(b: Buffer): string | undefined {
  const end = b.length - 4;
  let at = PREFIX + 16;
  for (let k = 0; k < 2 && at + 4 <= end; k++) at += 4 + b.readUInt32LE(at); // name, media type
  if (at + 8 > end || BigInt(end - at - 8) !== b.readBigUInt64LE(at))
    return "an attachment whose lengths contradict each other";
  const [stated, found] = [b.readUInt32LE(end), crc32(b.subarray(PREFIX, end))];
  return found === stated
    ? undefined
    : `wrong attachment CRC (expected ${hex(stated)}, found ${hex(found)})`;
}

const hex = (x: number): string => x.toString(16).padStart(8, "0");

function damage(what: Damage["what"], offset: number, bytes: number, text: string): FrameOrDamage {
  return { kind: "damage", damage: { what, offset, bytes, text } };
}
