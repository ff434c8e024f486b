// What an import found, counted from the log itself, and whether anything in it is lost or doubtful.

import { readCapture } from "../capture/log-reader.ts";
import { openRun } from "../capture/run.ts";
import type { ExitCode, Ui } from "./command.ts";

export function summarise(dir: string, ui: Ui): ExitCode {
  const counts = { rows: 0, reads: 0, marks: 0, edges: 0 };
  const notes: { level: string; text: string }[] = [];
  for (const r of readCapture(openRun(dir).capture)) {
    if (r.kind === "rows") counts.rows += r.block.rows;
    else if (r.kind === "read") counts.reads++;
    else if (r.kind === "mark") counts.marks++;
    else if (r.kind === "edge") counts.edges++;
    else if (r.kind === "note") notes.push(r.note);
  }
  for (const n of notes) if (n.level !== "info") ui.warn(n.text);
  if (ui.json) ui.document({ schema: "import/1", run: dir, ...counts, notes });
  ui.print(
    `${dir}: ${counts.rows} rows, ${counts.reads} telemetry reads, ${counts.marks} marks, ${counts.edges} edges; next: truejoule fuse ${dir}`,
  );
  return notes.some((n) => n.level !== "info") ? 3 : 0;
}
