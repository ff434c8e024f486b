// One slot ↔ what it says. encodeSlot fills private bytes for a writer; decodeSlot reads a slot that may
// change while it is read: it never throws and never leaves the slot, and its caller asks afterwards
// whether the slot held still (RingReader.accept).

import {
  FieldType,
  Flag,
  Kind,
  MAX_NAME_BYTES,
  MAX_STRING_BYTES,
  PAYLOAD_BYTES,
  SLOT_BYTES,
  Slot,
} from "./layout.ts";

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
  readonly truncated: boolean;
}

/** Writes everything but `seq` into `out` (one slot). What does not fit is left out and flagged. */
export function encodeSlot(mark: Omit<SlotMark, "truncated">, out: Buffer): void {
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

/**
 * @param bytes the memory around the slot; @param at its offset there
 * @param nameAt resolves a reference into the names area
 * @returns undefined when the bytes are no mark
 */
export function decodeSlot(
  bytes: Buffer,
  at: number,
  nameAt: (reference: number) => string | undefined,
): SlotMark | undefined {
  const kind = bytes[at + Slot.kind]!;
  const flags = bytes[at + Slot.flags]!;
  const nameBytes = bytes[at + Slot.nameBytes]!;
  const fieldBytes = bytes.readUInt16LE(at + Slot.fieldBytes);
  if (kind < Kind.begin || kind > Kind.exchange || flags > 3 || nameBytes > MAX_NAME_BYTES)
    return undefined;
  if (nameBytes + fieldBytes > PAYLOAD_BYTES) return undefined;
  const start = at + Slot.payload;
  const byReference = (flags & Flag.nameReference) !== 0;
  const name = byReference
    ? nameAt(bytes.readUInt32LE(start))
    : bytes.toString("utf8", start, start + nameBytes);
  const first = start + nameBytes;
  const fields = decodeFields(bytes, first, first + fieldBytes, bytes[at + Slot.fieldCount]!);
  if (name === undefined || fields === undefined) return undefined;
  return {
    kind: kind as Kind,
    name,
    t: bytes.readBigUInt64LE(at + Slot.t),
    aux: bytes.readBigUInt64LE(at + Slot.aux),
    id: bytes.readBigUInt64LE(at + Slot.id),
    pid: bytes.readUInt32LE(at + Slot.pid),
    tid: bytes.readUInt32LE(at + Slot.tid),
    fields,
    truncated: (flags & Flag.truncated) !== 0,
  };
}

const NONE: Fields = {};
/** Bytes of a value by its type; a string's is its length byte. */
const VALUE_BYTES = [0, 8, 8, 1, 1];

function decodeFields(b: Buffer, start: number, end: number, count: number): Fields | undefined {
  if (count === 0) return start === end ? NONE : undefined;
  const fields: Record<string, FieldValue> = {};
  let at = start;
  for (let i = 0; i < count; i++) {
    const type = at + 2 <= end ? b[at]! : 0;
    const keyBytes = b[at + 1]!;
    const valueAt = at + 2 + keyBytes;
    if (type < 1 || type > 4 || keyBytes === 0 || valueAt + VALUE_BYTES[type]! > end)
      return undefined;
    const next = valueAt + VALUE_BYTES[type]! + (type === FieldType.string ? b[valueAt]! : 0);
    if (next > end) return undefined;
    // A key such as __proto__ must become a plain property.
    const key = b.toString("utf8", at + 2, valueAt);
    const value = decodeValue(b, type, valueAt, next);
    Object.defineProperty(fields, key, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
    at = next;
  }
  return at === end ? fields : undefined;
}

function decodeValue(b: Buffer, type: number, at: number, next: number): FieldValue {
  if (type === FieldType.boolean) return b[at] !== 0;
  if (type === FieldType.float) return b.readDoubleLE(at);
  if (type === FieldType.string) return b.toString("utf8", at + 1, next);
  const value = b.readBigInt64LE(at);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}
