// What `truejoule fuse --json` prints (`fuse/1`).

import type { DocumentOf } from "./document.ts";
import { FINDING } from "./finding.ts";
import { constant, count, listOf, object, text } from "./words.ts";

export const FUSE = object({
  schema: constant("fuse/1"),
  run: text,
  /** Of fused.arrow. */
  rows: count,
  windows: count,
  warnings: listOf(text),
  findings: listOf(FINDING),
});

export type FuseDocument = DocumentOf<typeof FUSE>;
