// The rows of the killed recorder: each value follows from its index, so a wrong one is seen.

import { hash32 } from "../../stats/random.ts";
import type { RowLayout } from "../../schema/records.ts";

export const ROW_HZ = 100_000;
/** Rows a block. */
export const BLOCK = 512;

export const layout: RowLayout = {
  stream: "main",
  rowBytes: 8,
  fields: [{ name: "a", bitOffset: 0, bits: 16, kind: "uint" }],
};

export function rowsFrom(first: number, rows: number): Uint8Array {
  const out = new Uint32Array(rows * 2);
  for (let i = 0; i < out.length; i++) out[i] = hash32(first * 2 + i);
  return new Uint8Array(out.buffer);
}
