// A block → slices of at most SLICE_ROWS rows, so that what is worked on stays in the second-level cache
// and memory stays bounded however large the blocks of a log are.

import type { SampleBlock } from "../schema/records.ts";

export const SLICE_ROWS = 4096;

export function* slices(block: SampleBlock, rowBytes: number): Generator<SampleBlock> {
  const { rows, firstIndex, bytes } = block;
  if (rows <= SLICE_ROWS) {
    if (rows > 0) yield block;
    return;
  }
  for (let at = 0; at < rows; at += SLICE_ROWS) {
    const n = Math.min(SLICE_ROWS, rows - at);
    yield {
      ...block,
      firstIndex: firstIndex + at,
      rows: n,
      bytes: bytes.subarray(at * rowBytes, (at + n) * rowBytes),
      // What lies before the block does not lie before its later slices.
      ...(at > 0 ? { deviceTick: null, flags: 0 } : {}),
    };
  }
}
