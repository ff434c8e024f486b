// origin.json of a log (docs/capture.md): the files that an import read.

import type { DocumentOf } from "./document.ts";
import { count, listOf, object, text } from "./words.ts";

export const ORIGIN = object({
  files: listOf(
    object({
      /** Without its folder. */
      name: text,
      bytes: count,
      /** Hex. */
      sha256: text,
    }),
  ),
});

export type OriginDocument = DocumentOf<typeof ORIGIN>;
export type OriginFile = OriginDocument["files"][number];
