// Where a record of the data section might stand → what it is and how long, by its lengths alone, and which
// of its bytes a checksum vouches for. Lengths, those inside the record too, are looked at in a few bytes
// before anything is read or allocated by them.

import { MAX_SEAL, readSeal } from "./seal.ts";

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
  metadata: 0x0c,
  dataEnd: 0x0f,
} as const;

export const MAGIC = Buffer.from([0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a]);
/** Opcode and length before every record. */
export const PREFIX = 9;
/** Longer is damage (docs/capture.md); 1 MiB chunks and a rig file are far below. */
const MAX_RECORD = 256 << 20;
/** Two short texts. */
const MAX_HEADER = 1 << 16;
/** Fixed part of a chunk without compression: start, end, size u64; crc u32; "" and records length. */
export const CHUNK_HEAD = 40;
/** Where the records of a chunk frame begin in it. */
export const CHUNK_RECORDS = PREFIX + CHUNK_HEAD;

export interface Shape {
  readonly opcode: number;
  /** Prefix included. */
  readonly bytes: number;
  /** The stretch under a CRC-32 of the record's own, from its beginning, and what that should be. */
  readonly crc?: { readonly from: number; readonly to: number; readonly stated: number };
}

/** Gives `length` bytes from an offset, or fewer where the file ends. */
export type Peek = (at: number, length: number) => Buffer;

/** @param size of the file. @returns why no record can be used here, in words, or its shape. */
export function shapeAt(peek: Peek, at: number, size: number): Shape | string {
  const head = peek(at, PREFIX + CHUNK_HEAD);
  if (head.length < PREFIX) return "unreadable record";
  const opcode = head[0]!;
  const length = Number(head.readBigUInt64LE(1));
  if (length > MAX_RECORD || at + PREFIX + length > size) return "unreadable record";
  const record = { opcode, bytes: PREFIX + length };
  switch (opcode) {
    case Op.chunk:
      return chunk(head, record);
    case Op.attachment:
      return attachment(peek, at, record);
    case Op.messageIndex:
      return isMessageIndex(head, length) ? record : "a damaged message index";
    case Op.metadata:
      return isSeal(peek, at, record.bytes) ? record : "metadata that is no seal";
    case Op.header:
      return isHeader(peek, at, record.bytes) ? record : "a damaged header";
    case Op.dataEnd:
      return length === 4 ? record : "a damaged end of data";
    default:
      return "unreadable record"; // schemas, channels and messages live inside chunks
  }
}

function chunk(head: Buffer, record: Shape): Shape | string {
  const size = record.bytes - PREFIX - CHUNK_HEAD;
  if (size < 0) return "a chunk too short for its header";
  const sizes = [head.readBigUInt64LE(PREFIX + 16), head.readBigUInt64LE(PREFIX + 32)];
  if (head.readUInt32LE(PREFIX + 28) !== 0 || sizes.some((n) => n !== BigInt(size)))
    return "a chunk whose lengths contradict each other, or compressed";
  const stated = head.readUInt32LE(PREFIX + 24);
  return { ...record, crc: { from: PREFIX + CHUNK_HEAD, to: record.bytes, stated } };
}

/** The records of a chunk frame. */
export function chunkRecords(b: Buffer): Buffer {
  return b.subarray(PREFIX + CHUNK_HEAD);
}

/** Times, name, media type, length of the data, the data, CRC. */
function attachment(peek: Peek, at: number, record: Shape): Shape | string {
  const contradiction = "an attachment whose lengths contradict each other";
  const to = record.bytes - 4;
  let inner = PREFIX + 16;
  for (let k = 0; k < 2; k++) {
    if (inner + 4 > to) return contradiction;
    inner += 4 + peek(at + inner, 4).readUInt32LE();
  }
  if (inner + 8 > to || peek(at + inner, 8).readBigUInt64LE() !== BigInt(to - inner - 8))
    return contradiction;
  return { ...record, crc: { from: PREFIX, to, stated: peek(at + to, 4).readUInt32LE() } };
}

/** Channel, then pairs of time and offset: their length must fill the record. */
function isMessageIndex(head: Buffer, length: number): boolean {
  const pairs = length - 6;
  return pairs >= 0 && pairs % 16 === 0 && head.readUInt32LE(PREFIX + 2) === pairs;
}

function isSeal(peek: Peek, at: number, bytes: number): boolean {
  return bytes <= MAX_SEAL && readSeal(peek(at, bytes)) !== undefined;
}

/** Directly behind the magic, two texts and nothing else: profile and library. */
function isHeader(peek: Peek, at: number, bytes: number): boolean {
  if (at !== MAGIC.length || bytes > MAX_HEADER) return false;
  const b = peek(at, bytes);
  let inner = PREFIX;
  for (let k = 0; k < 2; k++) {
    if (inner + 4 > b.length) return false;
    inner += 4 + b.readUInt32LE(inner);
  }
  return inner === b.length;
}

export function hex(x: number): string {
  return x.toString(16).padStart(8, "0");
}
