// Enters: typed arrays. Leaves: base64 of their little-endian bytes: a third of what JSON numbers take,
// and no digit lost.

import type { Packed } from "./page-data.ts";

export function packFloats(values: Float32Array): Packed<"f32"> {
  return { kind: "f32", base64: base64(littleEndian(values, 4)) };
}

export function packDoubles(values: Float64Array): Packed<"f64"> {
  return { kind: "f64", base64: base64(littleEndian(values, 8)) };
}

export function packBytes(values: Uint8Array): Packed<"u8"> {
  return { kind: "u8", base64: base64(values) };
}

const HOST_IS_LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function littleEndian(values: Float32Array | Float64Array, width: 4 | 8): Uint8Array {
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  if (HOST_IS_LITTLE) return bytes;
  const copy = Buffer.from(bytes);
  return width === 4 ? copy.swap32() : copy.swap64();
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
