// What an import found, counted from the log itself.

import { readCapture } from "../../capture/log-reader.ts";
import type { Note } from "../../schema/records.ts";

export interface ImportSummary {
  readonly rows: number;
  /** Of telemetry. */
  readonly reads: number;
  readonly marks: number;
  /** Of the trigger line. */
  readonly edges: number;
  /** What the importer has to say; all but `info` is a loss or a doubt. */
  readonly notes: readonly Note[];
}

/** @throws InputError where the log cannot be read. */
export function summaryOf(capture: string): ImportSummary {
  const counts = { rows: 0, reads: 0, marks: 0, edges: 0 };
  const notes: Note[] = [];
  for (const r of readCapture(capture)) {
    if (r.kind === "rows") counts.rows += r.block.rows;
    else if (r.kind === "read") counts.reads++;
    else if (r.kind === "mark") counts.marks++;
    else if (r.kind === "edge") counts.edges++;
    else if (r.kind === "note") notes.push(r.note);
  }
  return { ...counts, notes };
}
