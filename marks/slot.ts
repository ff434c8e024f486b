// One slot ↔ what it says. encodeSlot fills private bytes for a writer; decodeSlot reads a reader's copy, which
// may hold anything: it never throws and never leaves the slot.

import {
  FieldType,
  Flag,
  Kind,
  MAX_NAME_BYTES,
  MAX_STRING_BYTES,
  SLOT_BYTES,
  Slot,
} from "./layout.ts";
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

/** Private bytes of slots; the three views are the same memory. */
export interface SlotBuffer {
  readonly bytes: Buffer;
  readonly words: Uint32Array;
  readonly longs: BigUint64Array;
}

export function slotBuffer(slots = 1): SlotBuffer {
  const memory = new ArrayBuffer(slots * SLOT_BYTES);
  return {
    bytes: Buffer.from(memory),
    words: new Uint32Array(memory),
    longs: new BigUint64Array(memory),
  };
}

/**
 * Writes everything but `seq`. What does not fit is left out and flagged.
 * @returns bytes in use; what lies beyond is not touched.
 */
export function encodeSlot(mark: SlotMark, out: SlotBuffer): number {
  const { bytes } = out;
  out.longs[Slot.t / 8] = mark.t;
  out.longs[Slot.aux / 8] = mark.aux;
  out.longs[Slot.id / 8] = mark.id;
  out.words[Slot.pid / 4] = mark.pid;
  out.words[Slot.tid / 4] = mark.tid;
  bytes[Slot.kind] = mark.kind;
  const text = { at: Slot.payload, whole: true };
  bytes[Slot.nameBytes] = putText(bytes, text, nameOf(mark.name), MAX_NAME_BYTES);
  const start = text.at;
  let count = 0;
  for (const key in mark.fields) if (putField(bytes, text, key, mark.fields[key]!)) count++;
  bytes[Slot.fieldCount] = count;
  bytes[Slot.fieldBytes] = text.at - start;
  bytes[Slot.fieldBytes + 1] = bytes[Slot.fieldBytes + 2] = bytes[Slot.fieldBytes + 3] = 0;
  bytes[Slot.flags] = text.whole ? 0 : Flag.truncated;
  return text.at;
}

/** From untyped programs: an object's own conversion may throw. */
const nameOf = (name: unknown): string =>
  typeof name === "string" ? name : `<${name === null ? "null" : typeof name}>`;

/** Where the next byte goes, and whether all that came so far was kept whole. */
interface Cursor {
  at: number;
  whole: boolean;
}

/** @returns bytes written; Buffer.write stops at the last whole character. */
function putText(out: Buffer, cursor: Cursor, text: string, max: number): number {
  const bytes = out.write(text, cursor.at, Math.min(max, SLOT_BYTES - cursor.at));
  if (bytes < text.length || Buffer.byteLength(text) > bytes) cursor.whole = false;
  cursor.at += bytes;
  return bytes;
}

const VALUES = new Set(["string", "number", "boolean"]);

/** @returns whether the field went in: all of it, or with its text cut at its own limit. */
function putField(out: Buffer, cursor: Cursor, key: string, value: FieldValue): boolean {
  // From untyped programs anything may come, and a mark must not end the program that is measured.
  if (!VALUES.has(typeof value)) return (cursor.whole = false);
  const keyBytes = Math.min(Buffer.byteLength(key), MAX_STRING_BYTES);
  const isText = typeof value === "string";
  const size = isText
    ? 1 + Math.min(Buffer.byteLength(value), MAX_STRING_BYTES)
    : typeof value === "boolean"
      ? 1
      : 8;
  // 208 bytes of payload: whatever would be cut at 255 does not fit in the first place.
  if (keyBytes === 0 || cursor.at + 2 + keyBytes + size > SLOT_BYTES) return (cursor.whole = false);
  const head = cursor.at;
  cursor.at += 2;
  out[head + 1] = putText(out, cursor, key, keyBytes);
  if (isText) {
    out[cursor.at] = size - 1;
    cursor.at++;
    putText(out, cursor, value, size - 1);
    out[head] = FieldType.string;
  } else {
    out[head] = putNumber(out, cursor.at, value);
    cursor.at += size;
  }
  return true;
}

/** @returns the type of what it wrote. */
function putNumber(out: Buffer, at: number, value: number | boolean): number {
  if (typeof value === "boolean") {
    out[at] = value ? 1 : 0;
    return FieldType.boolean;
  }
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    out.writeDoubleLE(value, at);
    return FieldType.float;
  }
  out.writeInt32LE(value | 0, at);
  out.writeInt32LE(Math.floor(value / 2 ** 32), at + 4);
  return FieldType.int;
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

/**
 * @param at byte offset of the slot, @param nameAt the name at a reference into the names area
 * @returns undefined when the bytes are no mark.
 */
export function decodeSlot(
  slots: SlotBuffer,
  at: number,
  nameAt: (reference: number) => string | undefined,
): DecodedSlot | undefined {
  const { bytes, longs } = slots;
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
  const name = byReference ? nameAt(word(slots, start)) : names.get(bytes, start, nameBytes);
  if (name === undefined) return undefined;
  const fields = { pid: word(slots, at + Slot.pid), tid: word(slots, at + Slot.tid) };
  if (!decodeFields(bytes, start + nameBytes, end, bytes[at + Slot.fieldCount]!, fields))
    return undefined;
  return {
    kind: kind as Kind,
    name,
    t: longs[(at + Slot.t) / 8]!,
    aux: longs[(at + Slot.aux) / 8]!,
    id: longs[(at + Slot.id) / 8]!,
    fields,
    truncated: (flags & Flag.truncated) !== 0,
  };
}

const word = (slots: SlotBuffer, at: number) => slots.words[at / 4]!;

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

/** JSON has no integers beyond 2^53: such a number stays a text. */
export const integer = (value: bigint): number | string => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
};

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
