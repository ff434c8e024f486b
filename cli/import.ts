// truejoule import FORMAT SRC --out RUN: a foreign capture → the same log a recorder would have written.

import { formats } from "../ingest/import/formats.ts";
import type { ImportRequest } from "../ingest/import/import-run.ts";
import { resolveRig } from "../rigs/load.ts";
import { UsageError } from "../schema/errors.ts";
import type { Command } from "./command.ts";
import { workListener } from "./locked-run.ts";

export const command: Command = {
  summary: "turns a foreign capture into a run",
  usage: "FORMAT SRC --out RUN [--rig FILE|NAME] [--tz ZONE] [--map MAP] [--replace]",
  help: `
Reads SRC (a file or a folder, as the format has it) and writes RUN/capture.mcap: raw counts with their
scale, telemetry reads and marks, just as a recorder would. Nothing in SRC is changed.

formats:
${Object.entries(formats)
  .map(([name, f]) => `  ${name.padEnd(14)}${f.summary}`)
  .join("\n")}

example: truejoule import yang-pmd 5050/3090 --out runs/3090 --tz Europe/London`,
  options: {
    out: { type: "string" },
    rig: { type: "string" },
    tz: { type: "string" },
    map: { type: "string" },
    replace: { type: "boolean" },
  },
  optionHelp: [
    [
      "--out RUN",
      "folder to make; an earlier import of the same source there is replaced, anything else is not",
    ],
    ["--rig FILE|NAME", "rig that describes the instrument, instead of the format's built-in one"],
    [
      "--tz ZONE",
      "zone of local times without one (Europe/London); UTC is assumed and flagged otherwise",
    ],
    ["--map MAP", "which column is what, and which rows count, for csv (docs/importing.md)"],
    ["--replace", "an earlier import of another source is replaced too"],
  ],

  async run({ positionals, options, ui }) {
    const [format, source, ...extra] = positionals;
    const { out, rig, tz, map, replace } = options;
    if (!format || !source || extra.length > 0) throw new UsageError("import takes FORMAT and SRC");
    if (typeof out !== "string") throw new UsageError("import needs --out RUN");
    const request: ImportRequest = {
      format,
      source,
      out,
      ...(typeof rig === "string" ? { rig } : {}),
      ...(typeof tz === "string" ? { zone: tz } : {}),
      ...(typeof map === "string" ? { map } : {}),
      replace: replace === true,
    };
    const { importRun } = await import("../ingest/import/import-run.ts");
    const imported = await importRun(request, resolveRig, workListener(ui));
    const { rows, reads, marks, edges, notes } = imported;
    const told = notes.filter((n) => n.level !== "info");
    for (const n of told) ui.warn(n.text);
    if (ui.json) ui.document({ schema: "import/1", run: out, rows, reads, marks, edges, notes });
    ui.print(
      `${out}: ${rows} rows, ${reads} telemetry reads, ${marks} marks, ${edges} edges; next: truejoule fuse ${out}`,
    );
    return told.length > 0 ? 3 : 0;
  },
};
