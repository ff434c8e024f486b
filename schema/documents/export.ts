// What `truejoule export --json` prints (`export/1`).

import type { DocumentOf } from "./document.ts";
import { FINDING } from "./finding.ts";
import { constant, count, listOf, object, text } from "./words.ts";

export const EXPORT = object({
  schema: constant("export/1"),
  run: text,
  format: text,
  /** Rows, or packets of a Perfetto trace. */
  files: listOf(object({ path: text, rows: count })),
  warnings: listOf(text),
  findings: listOf(FINDING),
});

export type ExportDocument = DocumentOf<typeof EXPORT>;
