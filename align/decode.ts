// Raw rows + field + linear calibration → a float64 column. One loop per byte layout, chosen once per
// field; nothing is allocated per row. Leaves: values in SI. Holds: nothing.

import type { RowField, RowLayout } from "../schema/records.ts";

/** value = (count − zero) · scale. */
export interface Linear {
  readonly scale: number;
  readonly zero: number;
}

const RAW: Linear = { scale: 1, zero: 0 };

/** Fills `out[0..rows)` from the rows in `bytes`. */
export type ColumnReader = (bytes: Uint8Array, rows: number, out: Float64Array) => void;

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
  if (shift + bits <= 32) return byteReader(stride, byte, shift, bits, kind, linear);
  if (shift === 0 && (bits & 7) === 0 && bits <= 64 && kind === "uint") {
    const { scale, zero } = linear;
    return (bytes, rows, out) => {
      for (let i = 0, at = byte; i < rows; i++, at += stride)
        out[i] = (high(bytes, at, bits) * 4294967296 + low(bytes, at) - zero) * scale;
    };
  }
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
  };
}

/** A field inside one aligned 16-bit word: the common case (u16, s16, 12 bits left-justified). */
function wordReader(
  stride: number,
  word: number,
  shift: number,
  bits: number,
  kind: "uint" | "int",
  { scale, zero }: Linear,
): ColumnReader {
  const left = 32 - bits - shift;
  const right = 32 - bits;
  return (bytes, rows, out) => {
    const words = words16(bytes);
    if (kind === "uint")
      for (let i = 0, at = word; i < rows; i++, at += stride)
        out[i] = (((words[at]! << left) >>> right) - zero) * scale;
    else
      for (let i = 0, at = word; i < rows; i++, at += stride)
        out[i] = (((words[at]! << left) >> right) - zero) * scale;
  };
}

/** A typed view where alignment and byte order allow it, a copy where not. */
function words16(bytes: Uint8Array): Uint16Array {
  const even = bytes.byteLength & ~1;
  if ((bytes.byteOffset & 1) === 0)
    return new Uint16Array(bytes.buffer, bytes.byteOffset, even >> 1);
  return new Uint16Array(bytes.slice().buffer, 0, even >> 1);
}

/** Packed fields (12 bits across byte borders, 24 bits, …) of at most 32 bits including their shift. */
function byteReader(
  stride: number,
  byte: number,
  shift: number,
  bits: number,
  kind: "uint" | "int",
  { scale, zero }: Linear,
): ColumnReader {
  const n = (shift + bits + 7) >> 3;
  const left = 32 - bits - shift;
  const right = 32 - bits;
  const signed = kind === "int";
  return (bytes, rows, out) => {
    for (let i = 0, at = byte; i < rows; i++, at += stride) {
      let w = bytes[at]! | (bytes[at + 1]! << 8);
      if (n > 2) w |= bytes[at + 2]! << 16;
      if (n > 3) w |= bytes[at + 3]! << 24;
      const x = w << left;
      out[i] = ((signed ? x >> right : x >>> right) - zero) * scale;
    }
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
