// truejoule doctor: what this machine can do and what stands in the way, one line each with the remedy.
// It opens no port, changes nothing and needs no root.

import { UsageError } from "../schema/errors.ts";
import type { Command, ExitCode, Ui } from "./command.ts";
import type { Finding } from "./doctor/machine.ts";
import { mostOf } from "../stats/summary.ts";

export const command: Command = {
  summary: "what this machine can do and what stands in the way, one line each with the remedy",
  usage: "[--rig FILE|NAME]",
  help: `
ok: nothing to do. warn: works, with a doubt or a cost. no: does not work here; what follows → would change
it. Opens no port (truejoule devices does), changes nothing, needs no root. Exit 1 only where the rig asked
for cannot be read.`,
  options: { rig: { type: "string" } },
  optionHelp: [["--rig FILE|NAME", "check this rig file too"]],

  async run({ options, positionals, ui }) {
    if (positionals.length > 0) throw new UsageError("doctor takes no arguments but --rig");
    const { examine } = await import("./doctor/examine.ts");
    const { thisMachine } = await import("./doctor/machine.ts");
    return report(await examine(await thisMachine(), options["rig"] as string | undefined), ui);
  },
};

function report(findings: readonly Finding[], ui: Ui): ExitCode {
  if (ui.json) ui.document({ schema: "doctor/1", findings });
  const width = mostOf(findings.map((f) => f.check.length));
  for (const { check, verdict, text, remedy } of findings)
    ui.print(
      `${verdict.padEnd(6)}${check.padEnd(width + 2)}${text}${remedy ? `  → ${remedy}` : ""}`,
    );
  return findings.some((f) => f.check === "rig" && f.verdict === "no") ? 1 : 0;
}
