// Raw rows + field + linear calibration → a float64 column. One loop per byte layout, chosen once per
// field; nothing is allocated per row. Leaves: values in SI. Holds: nothing. The samples themselves take
// the faster loops of kernels.ts where their fields allow it; these here read every field.

import type { RowField, RowLayout } from "../../schema/records.ts";

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
  const fill =
    kind === "float"
      ? floats(stride, byte, bits, linear)
      : shift + bits <= 32
        ? integers(stride, byte, shift, bits, kind, linear)
        : shift === 0 && (bits & 7) === 0 && bits <= 64 && kind === "uint"
          ? wideCounters(stride, byte, bits, linear)
          : undefined;
  if (!fill)
    throw new Error(
      `${layout.stream}: field ${field.name} of ${bits} bits at bit ${bitOffset} is not readable`,
    );
  return (bytes, rows, out) => {
    fill(bytes, rows, out);
    return linear.clip !== undefined;
  };
}

type Fill = (bytes: Uint8Array, rows: number, out: Float64Array) => void;

function floats(stride: number, byte: number, bits: number, { scale, zero }: Linear): Fill {
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

/** Fields of at most 32 bits including their shift: words, packed 12 bits, 24 bits. */
function integers(
  stride: number,
  byte: number,
  shift: number,
  bits: number,
  kind: "uint" | "int",
  { scale, zero }: Linear,
): Fill {
  const n = (shift + bits + 7) >> 3;
  const left = 32 - bits - shift;
  const right = 32 - bits;
  const signed = kind === "int";
  return (bytes, rows, out) => {
    for (let i = 0, at = byte; i < rows; i++, at += stride) {
      let w = bytes[at]!;
      if (n > 1) w |= bytes[at + 1]! << 8;
      if (n > 2) w |= bytes[at + 2]! << 16;
      if (n > 3) w |= bytes[at + 3]! << 24;
      const x = w << left;
      out[i] = ((signed ? x >> right : x >>> right) - zero) * scale;
    }
  };
}

/** Counters of 40 to 64 bits: exact to 2^53, which is why time bases subtract their first value (timebase.ts). */
function wideCounters(stride: number, byte: number, bits: number, { scale, zero }: Linear): Fill {
  return (bytes, rows, out) => {
    for (let i = 0, at = byte; i < rows; i++, at += stride)
      out[i] = (high(bytes, at, bits) * 4294967296 + low(bytes, at) - zero) * scale;
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
