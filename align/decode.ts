// Raw rows + field + linear calibration → a float64 column. One loop per byte layout, chosen once per
// field; nothing is allocated per row. Leaves: values in SI. Holds: nothing.
//
// The common loops do several rows a turn: at every turn V8 looks at the arrays' maps, lengths and
// addresses anew, which costs more than the conversion itself. `| 0` spares its checks for overflow; an
// array pattern for several variables would leave them boxed. Measured together: 2 to 3 times.

import type { RowField, RowLayout } from "../schema/records.ts";

/** value = (count − zero) · scale; saturated where the value is at or beyond `lo` or `hi`. */
export interface Linear {
  readonly scale: number;
  readonly zero: number;
  readonly lo: number;
  readonly hi: number;
}

const RAW: Linear = { scale: 1, zero: 0, lo: -Infinity, hi: Infinity };

/** Fills `out[0..rows)` from the rows in `bytes`. @returns false where surely no value is saturated. */
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
  const end = (bitOffset & 15) + bits;
  if ((stride & 1) === 0 && (end === 16 || (end < 16 && kind === "uint")))
    return wordReader(stride >> 1, bitOffset >> 4, smallField(bitOffset & 15, bits, kind, linear));
  if (shift + bits <= 16)
    return pairReader(stride, byte, shift + bits > 8, smallField(shift, bits, kind, linear));
  if (shift + bits <= 32) return byteReader(stride, byte, shift, bits, kind, linear);
  if (shift === 0 && (bits & 7) === 0 && bits <= 64 && kind === "uint")
    return wideReader(stride, byte, bits, linear);
  throw new Error(
    `${layout.stream}: field ${field.name} of ${bits} bits at bit ${bitOffset} is not readable`,
  );
}

function floatReader(stride: number, byte: number, bits: number, linear: Linear): ColumnReader {
  const { scale, zero } = linear;
  return (bytes, rows, out) => {
    const v = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bits === 32)
      for (let i = 0, at = byte; i < rows; i++, at += stride)
        out[i] = (v.getFloat32(at, true) - zero) * scale;
    else
      for (let i = 0, at = byte; i < rows; i++, at += stride)
        out[i] = (v.getFloat64(at, true) - zero) * scale;
    return hasLimits(linear);
  };
}

/** How a field of at most 16 bits is read: x = word & mask is its count times 2^shift. */
interface SmallField extends Linear {
  readonly mask: number;
  /** Bit of the sign, where reading the word has not extended it already. */
  readonly sign: number;
}

/** Scale and zero make up for the shift, exactly: V8 shifts by a variable amount slowly. */
function smallField(
  shift: number,
  bits: number,
  kind: "uint" | "int",
  { scale, zero, lo, hi }: Linear,
): SmallField {
  const unit = 1 << shift;
  const sign = kind === "int" ? 1 << (shift + bits - 1) : 0;
  return { mask: (unit << bits) - unit, sign, scale: scale / unit, zero: zero * unit, lo, hi };
}

/** Inside one aligned 16-bit word, unsigned or with its sign as the word's: u16, s16, 12 bits left-justified. */
function wordReader(stride: number, word: number, field: SmallField): ColumnReader {
  // Of a negative word the upper bits are kept too.
  const mask = field.sign === 0 ? field.mask : field.mask - 65536;
  return (bytes, rows, out) => {
    const fours = rows & ~3;
    const rest = readPairs(
      bytes,
      2 * (word + fours * stride),
      1,
      2 * stride,
      fours,
      rows,
      field,
      out,
    );
    return readFours(words16(bytes), word, stride, fours, mask, field, out) || rest;
  };
}

/** @param rows a multiple of four: a loop for the rest in here would slow this one by a third. */
function readFours(
  words: Int16Array,
  at: number,
  stride: number,
  rows: number,
  mask: number,
  field: SmallField,
  out: Float64Array,
): boolean {
  const { scale, zero, lo, hi } = field;
  let saturated = false;
  for (let i = 0; i < rows; i = (i + 4) | 0) {
    const a = ((words[at]! & mask) - zero) * scale;
    at = (at + stride) | 0;
    const b = ((words[at]! & mask) - zero) * scale;
    at = (at + stride) | 0;
    const c = ((words[at]! & mask) - zero) * scale;
    at = (at + stride) | 0;
    const d = ((words[at]! & mask) - zero) * scale;
    at = (at + stride) | 0;
    if (a <= lo || a >= hi || b <= lo || b >= hi) saturated = true;
    if (c <= lo || c >= hi || d <= lo || d >= hi) saturated = true;
    out[i] = a;
    out[(i + 1) | 0] = b;
    out[(i + 2) | 0] = c;
    out[(i + 3) | 0] = d;
  }
  return saturated;
}

/** A typed view where alignment and byte order allow it, a copy where not. */
function words16(bytes: Uint8Array): Int16Array {
  const words = bytes.byteLength >> 1;
  if ((bytes.byteOffset & 1) === 0) return new Int16Array(bytes.buffer, bytes.byteOffset, words);
  return new Int16Array(bytes.slice().buffer, 0, words);
}

/** Inside two bytes at any address: 12 bits packed, rows of odd length. `two`: it reaches into the second. */
function pairReader(stride: number, byte: number, two: boolean, field: SmallField): ColumnReader {
  return (bytes, rows, out) => readPairs(bytes, byte, two ? 1 : 0, stride, 0, rows, field, out);
}

/** Rows [from, rows), the first at byte `at`; the field's second byte is `next` further. */
function readPairs(
  bytes: Uint8Array,
  at: number,
  next: number,
  stride: number,
  from: number,
  rows: number,
  { mask, sign, scale, zero, lo, hi }: SmallField,
  out: Float64Array,
): boolean {
  let saturated = false;
  for (let i = from; i < rows; i++) {
    const x = (bytes[at]! | (bytes[(at + next) | 0]! << 8)) & mask;
    const a = ((x ^ sign) - sign - zero) * scale;
    if (a <= lo || a >= hi) saturated = true;
    out[i] = a;
    at = (at + stride) | 0;
  }
  return saturated;
}

const hasLimits = ({ lo, hi }: Linear): boolean => lo > -Infinity || hi < Infinity;

/** Fields of up to 32 bits, with their shift, at any address. */
function byteReader(
  stride: number,
  byte: number,
  shift: number,
  bits: number,
  kind: "uint" | "int",
  linear: Linear,
): ColumnReader {
  const { scale, zero } = linear;
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
    return hasLimits(linear);
  };
}

/** Counters of 40 to 64 bits: exact to 2^53, which is why time bases subtract their first value (timebase.ts). */
function wideReader(stride: number, byte: number, bits: number, linear: Linear): ColumnReader {
  const { scale, zero } = linear;
  return (bytes, rows, out) => {
    for (let i = 0, at = byte; i < rows; i++, at += stride)
      out[i] = (high(bytes, at, bits) * 4294967296 + low(bytes, at) - zero) * scale;
    return hasLimits(linear);
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
