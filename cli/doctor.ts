// truejoule doctor: what this machine can do and what stands in the way, one line each with the remedy.
// It opens no port, changes nothing and needs no root.

import { UsageError } from "../schema/errors.ts";
import type { Command, ExitCode, Ui } from "./command.ts";
import type { Finding, Machine } from "./doctor/machine.ts";

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
    const { thisMachine } = await import("./doctor/machine.ts");
    return report(await examine(await thisMachine(), options["rig"] as string | undefined), ui);
  },
};

/** All findings about a machine, and about a rig on it. */
export async function examine(m: Machine, rigName?: string): Promise<Finding[]> {
  const [{ rigFindings }, { hostFindings }, { portFindings }, { gpuFindings }, { meterFindings }] =
    await Promise.all([
      import("./doctor/rig.ts"),
      import("./doctor/host.ts"),
      import("./doctor/ports.ts"),
      import("./doctor/gpu.ts"),
      import("./doctor/meters.ts"),
    ]);
  const { readEnvironment } = await import("../nvml/environment.ts");
  const { bytesPerSecond } = await import("./recording/disk.ts");
  const asked = rigName === undefined ? null : await rigFindings(rigName, Date.now());
  const nvml = await m.openNvml();
  const library = typeof nvml === "string" ? null : nvml;
  try {
    const e = await readEnvironment({ root: m.root, nvml: library, cwd: m.cwd });
    return [
      ...hostFindings(m, e, asked?.rig ? bytesPerSecond(asked.rig) : null),
      ...(await portFindings(m)),
      ...gpuFindings(nvml),
      ...meterFindings(m),
      ...(asked?.findings ?? []),
    ];
  } finally {
    library?.close();
  }
}

function report(findings: readonly Finding[], ui: Ui): ExitCode {
  if (ui.json) ui.document({ schema: "doctor/1", findings });
  const width = Math.max(...findings.map((f) => f.check.length));
  for (const { check, verdict, text, remedy } of findings)
    ui.print(
      `${verdict.padEnd(6)}${check.padEnd(width + 2)}${text}${remedy ? `  → ${remedy}` : ""}`,
    );
  return findings.some((f) => f.check === "rig" && f.verdict === "no") ? 1 : 0;
}
