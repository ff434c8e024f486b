// truejoule report RUN: RUN/report.html, one file, readable without a network.

import { existsSync, statSync } from "node:fs";
import { openRun, type RunPaths } from "../capture/run.ts";
import { UsageError } from "../schema/errors.ts";
import type { Command, Ui } from "./command.ts";

export const command: Command = {
  summary: "writes RUN/report.html, one file, readable without a network",
  usage: "RUN",
  help: `
Reads the run's Arrow files, align.json and compare.json; fuses the run first where they are missing or
older than the capture, or no longer as they were written (SHA256SUMS).`,
  options: {},
  optionHelp: [],

  async run(call) {
    const [dir, ...extra] = call.positionals;
    if (!dir || extra.length > 0) throw new UsageError("report takes one RUN");
    const paths = openRun(dir);
    await currentReport(paths, call.ui, true);
    if (call.ui.json) call.ui.document({ schema: "report/1", run: dir, report: paths.report });
    call.ui.print(paths.report);
    return 0;
  },
};

/** Fuses where derived files are missing or older than the capture, then writes the report. */
export async function currentReport(paths: RunPaths, ui: Ui, anyway = false): Promise<void> {
  const made = [paths.fused, paths.events, paths.telemetry, paths.align, paths.compare];
  const modifiedMs = (f: string): number => (existsSync(f) ? statSync(f).mtimeMs : NaN);
  const since = modifiedMs(paths.capture);
  // A run without a physical trace has no fused.arrow; everything else must be there and current.
  const { checksumProblem } = await import("../dataset/checksums.ts");
  const stale = made.some(
    (f) =>
      modifiedMs(f) < since ||
      (f !== paths.fused && Number.isNaN(modifiedMs(f))) ||
      (existsSync(f) && checksumProblem(paths, f) !== null),
  );
  if (stale) {
    const { fuseRun } = await import("../dataset/fuse.ts");
    fuseRun(paths, { onProgress: (label) => ui.progress(label) });
  }
  const newest = Math.max(...[...made, paths.folded].map((f) => modifiedMs(f) || 0));
  if (!anyway && !stale && modifiedMs(paths.report) >= newest) return;
  const { writeReport } = await import("../view/report.ts");
  await writeReport(paths);
}
