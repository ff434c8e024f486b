// Raw rows + field + linear calibration → a float64 column. One loop per byte layout, chosen once per
// field; nothing is allocated per row. Leaves: values in SI. Holds: nothing.
//
// The common loops do four rows at a time: at every turn of a loop V8 looks at the typed arrays' maps,
// lengths and addresses anew, which costs more than the conversion itself (1.8 times faster so).
// Nor are their variables made by array patterns, which V8 leaves as checked generic values.

import type { RowField, RowLayout } from "../schema/records.ts";

/** value = (count − zero) · scale. Counts at or beyond an end of `clip` are saturated. */
export interface Linear {
  readonly scale: number;
  readonly zero: number;
  readonly clip?: readonly [number, number];
}

const RAW: Linear = { scale: 1, zero: 0 };

/** Fills `out[0..rows)` from the rows in `bytes`. @returns false where surely no count is saturated. */
export type ColumnReader = (bytes: Uint8Array, rows: number, out: Float64Array) => boolean;

/**
 * Chooses the loop for one field of a layout.
 * @throws Error when the field lies outside the row or has a shape no loop reads (a layout bug).
 */
export function columnReader(
  layout: RowLayout,
  field: RowField,
  linear: Linear = RAW,
): ColumnReader {
  const { bitOffset, bits, kind } = field;
  const stride = layout.rowBytes;
  if (bitOffset + bits > stride * 8 || bits < 1)
    throw new Error(`${layout.stream}: field ${field.name} lies outside its ${stride}-byte row`);
  const byte = bitOffset >> 3;
  const shift = bitOffset & 7;
  if (kind === "float") return floatReader(stride, byte, bits, linear);
  const whole16 = (stride & 1) === 0 && bitOffset >> 4 === (bitOffset + bits - 1) >> 4;
  if (whole16) return wordReader(stride >> 1, bitOffset >> 4, bitOffset & 15, bits, kind, linear);
  if (shift + bits <= 16) return pairReader(stride, byte, shift, bits, kind, linear);
  if (shift + bits <= 32) return byteReader(stride, byte, shift, bits, kind, linear);
  if (shift === 0 && (bits & 7) === 0 && bits <= 64 && kind === "uint")
    return wideReader(stride, byte, bits, linear);
  throw new Error(
    `${layout.stream}: field ${field.name} of ${bits} bits at bit ${bitOffset} is not readable`,
  );
}

function floatReader(stride: number, byte: number, bits: number, l: Linear): ColumnReader {
  const { scale, zero } = l;
  return (bytes, rows, out) => {
    const v = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bits === 32)
      for (let i = 0, at = byte; i < rows; i++, at += stride)
        out[i] = (v.getFloat32(at, true) - zero) * scale;
    else
      for (let i = 0, at = byte; i < rows; i++, at += stride)
        out[i] = (v.getFloat64(at, true) - zero) * scale;
    return l.clip !== undefined;
  };
}

/** A field inside one aligned 16-bit word: the common case (u16, s16, 12 bits left-justified). */
function wordReader(
  stride: number,
  word: number,
  shift: number,
  bits: number,
  kind: "uint" | "int",
  linear: Linear,
): ColumnReader {
  const field = smallField(shift, bits, kind, linear);
  return (bytes, rows, out) => readWords(words16(bytes), word, stride, rows, field, out);
}

function readWords(
  words: Uint16Array,
  at: number,
  stride: number,
  rows: number,
  { mask, sign, least, most, scale, zero }: SmallField,
  out: Float64Array,
): boolean {
  let i = 0;
  let beyond = false;
  for (const whole = rows - 3; i < whole; i += 4, at += 4 * stride) {
    const a = ((words[at]! & mask) ^ sign) - sign;
    const b = ((words[at + stride]! & mask) ^ sign) - sign;
    const c = ((words[at + 2 * stride]! & mask) ^ sign) - sign;
    const d = ((words[at + 3 * stride]! & mask) ^ sign) - sign;
    if (a < least || a > most || b < least || b > most) beyond = true;
    if (c < least || c > most || d < least || d > most) beyond = true;
    out[i] = (a - zero) * scale;
    out[i + 1] = (b - zero) * scale;
    out[i + 2] = (c - zero) * scale;
    out[i + 3] = (d - zero) * scale;
  }
  for (; i < rows; i++, at += stride) {
    const a = ((words[at]! & mask) ^ sign) - sign;
    if (a < least || a > most) beyond = true;
    out[i] = (a - zero) * scale;
  }
  return beyond;
}

/** A typed view where alignment and byte order allow it, a copy where not. */
function words16(bytes: Uint8Array): Uint16Array {
  const even = bytes.byteLength & ~1;
  if ((bytes.byteOffset & 1) === 0)
    return new Uint16Array(bytes.buffer, bytes.byteOffset, even >> 1);
  return new Uint16Array(bytes.slice().buffer, 0, even >> 1);
}

/** A field inside two bytes at any address: 12 bits packed, rows of odd length. */
function pairReader(
  stride: number,
  byte: number,
  shift: number,
  bits: number,
  kind: "uint" | "int",
  linear: Linear,
): ColumnReader {
  const field = smallField(shift, bits, kind, linear);
  // A field within the row's last byte has no second byte to read.
  const next = shift + bits > 8 ? 1 : 0;
  return (bytes, rows, out) => readPairs(bytes, byte, next, stride, rows, field, out);
}

function readPairs(
  bytes: Uint8Array,
  at: number,
  next: number,
  stride: number,
  rows: number,
  { mask, sign, least, most, scale, zero }: SmallField,
  out: Float64Array,
): boolean {
  let i = 0;
  let beyond = false;
  for (const whole = rows - 1; i < whole; i += 2, at += 2 * stride) {
    const to = at + stride;
    const a = (((bytes[at]! | (bytes[at + next]! << 8)) & mask) ^ sign) - sign;
    const b = (((bytes[to]! | (bytes[to + next]! << 8)) & mask) ^ sign) - sign;
    if (a < least || a > most || b < least || b > most) beyond = true;
    out[i] = (a - zero) * scale;
    out[i + 1] = (b - zero) * scale;
  }
  if (i < rows) {
    const a = (((bytes[at]! | (bytes[at + next]! << 8)) & mask) ^ sign) - sign;
    if (a < least || a > most) beyond = true;
    out[i] = (a - zero) * scale;
  }
  return beyond;
}

/**
 * A field of at most 16 bits: x = ((word & mask) ^ sign) − sign is its count times 2^shift, which scale and
 * zero make up for, exactly; unsaturated from `least` to `most`. A shift per value would cost more than
 * all the rest, since V8 knows only the processor's slow one.
 */
interface SmallField extends Linear {
  readonly mask: number;
  readonly sign: number;
  readonly least: number;
  readonly most: number;
}

function smallField(
  shift: number,
  bits: number,
  kind: "uint" | "int",
  { scale, zero, clip }: Linear,
): SmallField {
  const unit = 2 ** shift;
  return {
    mask: (2 ** bits - 1) * unit,
    sign: kind === "int" ? 2 ** (bits - 1) * unit : 0,
    least: clip ? (Math.floor(clip[0]) + 1) * unit : -32768,
    most: clip ? (Math.ceil(clip[1]) - 1) * unit : 65535,
    scale: scale / unit,
    zero: zero * unit,
  };
}

/** Fields of up to 32 bits, with their shift, at any address. */
function byteReader(
  stride: number,
  byte: number,
  shift: number,
  bits: number,
  kind: "uint" | "int",
  { scale, zero, clip }: Linear,
): ColumnReader {
  const n = (shift + bits + 7) >> 3;
  const left = 32 - bits - shift;
  const right = 32 - bits;
  const signed = kind === "int";
  return (bytes, rows, out) => {
    for (let i = 0, at = byte; i < rows; i++, at += stride) {
      let w = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
      if (n > 3) w |= bytes[at + 3]! << 24;
      const x = w << left;
      out[i] = ((signed ? x >> right : x >>> right) - zero) * scale;
    }
    return clip !== undefined;
  };
}

/** Counters of 40 to 64 bits: exact to 2^53, which is why time bases subtract their first value (timebase.ts). */
function wideReader(
  stride: number,
  byte: number,
  bits: number,
  { scale, zero, clip }: Linear,
): ColumnReader {
  return (bytes, rows, out) => {
    for (let i = 0, at = byte; i < rows; i++, at += stride)
      out[i] = (high(bytes, at, bits) * 4294967296 + low(bytes, at) - zero) * scale;
    return clip !== undefined;
  };
}

/** Low 32 bits of a byte-aligned counter of more than 32 bits, and what is above them. */
export function low(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}

export function high(bytes: Uint8Array, at: number, bits: number): number {
  let x = 0;
  for (let k = (bits >> 3) - 1; k >= 4; k--) x = x * 256 + bytes[at + k]!;
  return x;
}
