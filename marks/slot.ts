// One slot ↔ what it says. encodeSlot fills private bytes for a writer; decodeSlot reads a slot that may
// change while it is read: it never throws and never leaves the slot, and its caller asks afterwards
// whether the slot held still (RingReader.accept).

import {
  FieldType,
  Flag,
  Kind,
  MAX_NAME_BYTES,
  MAX_STRING_BYTES,
  SLOT_BYTES,
  Slot,
} from "./layout.ts";
import type { Ring } from "./ring.ts";
import { TextCache } from "./text-cache.ts";

export type FieldValue = string | number | boolean;
export type Fields = Readonly<Record<string, FieldValue>>;

/** A slot's content; times in ns, meanings of `aux` and `id` by kind (docs/marks.md). */
export interface SlotMark {
  readonly kind: Kind;
  readonly name: string;
  readonly t: bigint;
  readonly aux: bigint;
  readonly id: bigint;
  readonly pid: number;
  readonly tid: number;
  readonly fields: Fields;
}

/** Writes everything but `seq` into `out` (one slot). What does not fit is left out and flagged. */
export function encodeSlot(mark: SlotMark, out: Buffer): void {
  out.fill(0, Slot.t, SLOT_BYTES);
  out.writeBigUInt64LE(mark.t, Slot.t);
  out.writeBigUInt64LE(mark.aux, Slot.aux);
  out.writeBigUInt64LE(mark.id, Slot.id);
  out.writeUInt32LE(mark.pid, Slot.pid);
  out.writeUInt32LE(mark.tid, Slot.tid);
  out[Slot.kind] = mark.kind;
  const name = writeText(out, Slot.payload, mark.name, MAX_NAME_BYTES);
  out[Slot.nameBytes] = name.bytes;
  let whole = name.whole;
  const start = Slot.payload + name.bytes;
  let at = start;
  let count = 0;
  for (const [key, value] of Object.entries(mark.fields)) {
    const field = encodeField(key, value);
    whole &&= field.whole;
    if (count === 255 || at + field.bytes.length > SLOT_BYTES) whole = false;
    else {
      field.bytes.copy(out, at);
      at += field.bytes.length;
      count++;
    }
  }
  out[Slot.fieldCount] = count;
  out.writeUInt16LE(at - start, Slot.fieldBytes);
  out[Slot.flags] = whole ? 0 : Flag.truncated;
}

/** Buffer.write stops at the last whole character. */
function writeText(
  out: Buffer,
  at: number,
  text: string,
  max: number,
): { bytes: number; whole: boolean } {
  const bytes = out.write(text, at, max);
  return { bytes, whole: bytes === Buffer.byteLength(text) };
}

function encodeField(key: string, value: FieldValue): { bytes: Buffer; whole: boolean } {
  const b = Buffer.alloc(2 + MAX_STRING_BYTES + 1 + MAX_STRING_BYTES);
  const k = writeText(b, 2, key, MAX_STRING_BYTES);
  b[1] = k.bytes;
  const at = 2 + k.bytes;
  const done = (type: number, bytes: number, whole = true) => {
    b[0] = type;
    return { bytes: b.subarray(0, at + bytes), whole: whole && k.whole };
  };
  if (typeof value === "boolean")
    return done(FieldType.boolean, b.writeUInt8(value ? 1 : 0, at) - at);
  if (Number.isSafeInteger(value) && !Object.is(value, -0))
    return done(FieldType.int, b.writeBigInt64LE(BigInt(value), at) - at);
  if (typeof value === "number") return done(FieldType.float, b.writeDoubleLE(value, at) - at);
  const text = writeText(b, at + 1, value, MAX_STRING_BYTES);
  b[at] = text.bytes;
  return done(FieldType.string, 1 + text.bytes, text.whole);
}

/** Field names that only the reader sets (docs/marks.md, "What the log holds"). */
const RESERVED = new Set(
  "pid tid span kind correlation truncated stamp_interval_ns stamp_rejected __proto__".split(" "),
);

/** A program's own field of a reserved name is kept under another. */
export const fieldName = (name: string): string => (RESERVED.has(name) ? `user.${name}` : name);

/** What a slot said. `fields` start with `pid` and `tid`; reserved names of the program are renamed. */
export interface DecodedSlot extends Omit<SlotMark, "fields" | "pid" | "tid"> {
  readonly fields: Record<string, FieldValue>;
  readonly truncated: boolean;
}

const names = new TextCache();
const keys = new TextCache(fieldName);

/** @param at byte offset of the slot. @returns undefined when the bytes are no mark. */
export function decodeSlot(ring: Ring, at: number): DecodedSlot | undefined {
  const { bytes, longs } = ring;
  const kind = bytes[at + Slot.kind]!;
  const flags = bytes[at + Slot.flags]!;
  const nameBytes = bytes[at + Slot.nameBytes]!;
  const fieldBytes = bytes[at + Slot.fieldBytes]! + 256 * bytes[at + Slot.fieldBytes + 1]!;
  if (kind < Kind.begin || kind > Kind.exchange || flags > 3 || nameBytes > MAX_NAME_BYTES)
    return undefined;
  const start = at + Slot.payload;
  const end = start + nameBytes + fieldBytes;
  if (end > at + SLOT_BYTES) return undefined;
  const byReference = (flags & Flag.nameReference) !== 0;
  const name = byReference ? ring.name(word(ring, start)) : names.get(bytes, start, nameBytes);
  if (name === undefined) return undefined;
  const fields = { pid: word(ring, at + Slot.pid), tid: word(ring, at + Slot.tid) };
  if (!decodeFields(bytes, start + nameBytes, end, bytes[at + Slot.fieldCount]!, fields))
    return undefined;
  return {
    kind: kind as Kind,
    name,
    t: BigInt.asUintN(64, longs[(at + Slot.t) / 8]!),
    aux: BigInt.asUintN(64, longs[(at + Slot.aux) / 8]!),
    id: BigInt.asUintN(64, longs[(at + Slot.id) / 8]!),
    fields,
    truncated: (flags & Flag.truncated) !== 0,
  };
}

const word = (ring: Ring, at: number) => ring.words[at / 4]! >>> 0;

/** Bytes of a value by its type; a string's is its length byte. */
const VALUE_BYTES = [0, 8, 8, 1, 1];

/** @returns whether `count` fields fill the bytes from `start` to `end` exactly. */
function decodeFields(
  b: Buffer,
  start: number,
  end: number,
  count: number,
  into: Record<string, FieldValue>,
): boolean {
  let at = start;
  for (let i = 0; i < count; i++) {
    const type = at + 2 <= end ? b[at]! : 0;
    const keyBytes = b[at + 1]!;
    const valueAt = at + 2 + keyBytes;
    if (type < 1 || type > 4 || keyBytes === 0 || valueAt + VALUE_BYTES[type]! > end) return false;
    const next = valueAt + VALUE_BYTES[type]! + (type === FieldType.string ? b[valueAt]! : 0);
    if (next > end) return false;
    into[keys.get(b, at + 2, keyBytes)] = decodeValue(b, type, valueAt, next);
    at = next;
  }
  return at === end;
}

/** JSON has no NaN and no infinity. */
const finite = (value: number): FieldValue => (Number.isFinite(value) ? value : String(value));

function decodeValue(b: Buffer, type: number, at: number, next: number): FieldValue {
  if (type === FieldType.boolean) return b[at] !== 0;
  if (type === FieldType.float) return finite(b.readDoubleLE(at));
  if (type === FieldType.string) return b.toString("utf8", at + 1, next);
  const high = b.readInt32LE(at + 4);
  const value = high * 2 ** 32 + b.readUInt32LE(at);
  return Number.isSafeInteger(value) ? value : b.readBigInt64LE(at).toString();
}
