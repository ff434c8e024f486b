// truejoule report RUN: RUN/report.html, one file, readable without a network.

import { UsageError } from "../schema/errors.ts";
import type { Command } from "./command.ts";
import { withRun, workListener } from "./locked-run.ts";

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
      const { currentReport } = await import("../view/current-report.ts");
      const made = await currentReport(paths, workListener(call.ui));
      keepReport(paths, made.page);
      return { report: paths.report, changed: made.changed };
    });
    if (call.ui.json) call.ui.document({ schema: "report/1", run: dir, report });
    call.ui.print(report);
    return changed ? 3 : 0;
  },
};
