// truejoule report RUN: RUN/report.html, one file, readable without a network.

import type { RunPaths } from "../capture/run.ts";
import { UsageError } from "../schema/errors.ts";
import { logNow } from "./changed-log.ts";
import type { Command, Ui } from "./command.ts";
import { withRun } from "./locked-run.ts";

export const command: Command = {
  summary: "writes RUN/report.html, one file, readable without a network",
  usage: "RUN",
  help: `
Reads the run's Arrow files, align.json and compare.json; fuses the run first where they are missing, no longer
as they were written (SHA256SUMS), or not made from the log as it is now (its SHA-256, never its time). Exit 3
when the log was another one when they were made.`,
  options: {},
  optionHelp: [],

  async run(call) {
    const [dir, ...extra] = call.positionals;
    if (!dir || extra.length > 0) throw new UsageError("report takes one RUN");
    const { report, changed } = await withRun(dir, "exclusive", async (paths) => {
      const { keepReport } = await import("../view/report.ts");
      const made = await currentReport(paths, call.ui);
      keepReport(paths, made.page);
      return { report: paths.report, changed: made.changed };
    });
    if (call.ui.json) call.ui.document({ schema: "report/1", run: dir, report });
    call.ui.print(report);
    return changed ? 3 : 0;
  },
};

/** The report's page, made now, of files that were made from the log as it is now: fuses where they are not. */
export async function currentReport(
  paths: RunPaths,
  ui: Ui,
): Promise<{ page: string; changed: boolean }> {
  const { sha256, changed } = await logNow(paths, ui);
  const { staleFiles } = await import("../dataset/made-from.ts");
  const stale = await staleFiles(paths, sha256);
  const spoiled = stale.filter((s) => s.endsWith("as it was written"));
  for (const s of spoiled) ui.warn(`${s}; made anew`);
  if (stale.length > 0) {
    const { fuseRun } = await import("../dataset/fuse.ts");
    fuseRun(paths, { onProgress: (label) => ui.progress(label) });
  }
  const { renderRun } = await import("../view/report.ts");
  return { page: await renderRun(paths), changed };
}
