// truejoule report RUN: RUN/report.html, one file, readable without a network.

import { existsSync, statSync } from "node:fs";
import { openRun } from "../capture/run.ts";
import { UsageError } from "../schema/errors.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  summary: "writes RUN/report.html, one file, readable without a network",
  usage: "RUN",
  help: `
Reads the run's Arrow files, align.json and compare.json; fuses the run first where they are missing or
older than the capture.`,
  options: {},
  optionHelp: [],

  async run(call) {
    const [dir, ...extra] = call.positionals;
    if (!dir || extra.length > 0) throw new UsageError("report takes one RUN");
    const paths = openRun(dir);
    const made = [paths.fused, paths.events, paths.telemetry, paths.align, paths.compare];
    const since = statSync(paths.capture).mtimeMs;
    // A run without a physical trace has no fused.arrow; everything else must be there and current.
    const stale = made.some(
      (f) =>
        (f === paths.fused ? false : !existsSync(f)) ||
        (existsSync(f) && statSync(f).mtimeMs < since),
    );
    if (stale) {
      const { fuseRun } = await import("../dataset/fuse.ts");
      fuseRun(paths, { onProgress: (label) => call.ui.progress(label) });
    }
    const { writeReport } = await import("../view/report.ts");
    await writeReport(paths);
    if (call.ui.json) call.ui.document({ schema: "report/1", run: dir, report: paths.report });
    call.ui.print(paths.report);
    return 0;
  },
};
