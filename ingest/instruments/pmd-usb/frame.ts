// A frame of an ElmorLabs PMD-USB with two bytes of time and all channels (`07 01 02 FF`): 18 bytes,
// little-endian: u16 tick, then V and I of four inputs, each a signed 12-bit count in the upper bits of 16
// (ElmorLabs/PMDLogger).

import type { RowField } from "../../../schema/records.ts";

export const FRAME_BYTES = 18;
export const TICK: RowField = { name: "tick", bitOffset: 0, bits: 16, kind: "uint" };
export const FIELDS: readonly RowField[] = ["pcie1", "pcie2", "eps1", "eps2"]
  .flatMap((input) => [`${input}_v`, `${input}_i`])
  .map((name, k) => ({ name, bitOffset: 16 * (k + 1) + 4, bits: 12, kind: "int" }));
