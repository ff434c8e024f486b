// truejoule fold RUN: the power of repeated kernels, finer than the samples are apart.

import { extname, resolve } from "node:path";
import { claimOutput, settleOutput } from "../capture/output.ts";
import { openRun } from "../capture/run.ts";
import type { Folded } from "../energy/fold.ts";
import type { FoldDocument } from "../schema/documents/fold.ts";
import { UsageError } from "../schema/errors.ts";
import { quantity } from "../schema/units.ts";
import { logNow } from "../dataset/changed-log.ts";
import { textsOf } from "../schema/findings.ts";
import { type Command, tell } from "./command.ts";
import { withRun, workListener } from "./locked-run.ts";

export const command: Command = {
  summary: "waveforms of repeated kernels, finer than the sample period",
  usage: "RUN [--out OUT [--force]] [--kernel NAME] [--step 2us]",
  help: `
Launches of one kernel fall anywhere against the sample clock, so the rows near all of them, put in order of
their time since the kernel's start, show its power in steps far shorter than a sample period
(docs/folding.md). Needs a run recorded with --cuda. Without --kernel the 16 names that ran longest are folded,
those with at least 30 launches. Without --out they are kept with the run, where report shows them. OUT is an
Arrow file, or CSV where its name ends so.`,
  options: {
    out: { type: "string" },
    kernel: { type: "string" },
    step: { type: "string" },
    force: { type: "boolean" },
  },
  optionHelp: [
    ["--out OUT", "RUN/folded.arrow; another Arrow or .csv file"],
    ["--kernel NAME", "only this kernel, by its full name"],
    ["--force", "OUT is replaced also where it is no earlier output of truejoule"],
    ["--step TIME", "width of a step; else as narrow as the launches fill, at least 2 us"],
  ],

  async run(call) {
    const [dir, ...extra] = call.positionals;
    if (!dir || extra.length > 0) throw new UsageError("fold takes one RUN");
    const { kernel, step } = call.options;
    const own = openRun(dir).folded;
    const out = (call.options["out"] as string | undefined) ?? own;
    const isOwn = resolve(out) === resolve(own);
    if (!isOwn) claimOutput(out, call.options["force"] === true);
    const { foldedToJson, writeFolded } = await import("../dataset/folded.ts");
    const { prepare } = await import("../energy/compare.ts");
    const options = {
      ...(typeof kernel === "string" ? { kernel } : {}),
      ...(typeof step === "string" ? { stepNs: await parseStep(step) } : {}),
    };
    const csv = extname(out) === ".csv";
    const { source, folded, findings, changed } = await withRun(dir, "exclusive", async (paths) => {
      const prepared = prepare(paths.capture, call.ui.progress("reading"));
      const { changed } = await logNow(paths, workListener(call.ui), prepared.scan.sha256);
      const progress = call.ui.progress("folding");
      return { ...(await writeFolded(paths, out, csv, prepared, options, progress)), changed };
    }).finally(() => {
      if (!isOwn) settleOutput(out);
    });
    const document: FoldDocument = {
      ...{ schema: "fold/1", run: dir, source, out },
      kernels: folded.map(foldedToJson),
      warnings: textsOf(findings),
      findings,
    };
    if (call.ui.json) call.ui.document(document);
    if (source !== "hardware") call.ui.print(`source: ${source}`);
    for (const f of folded) call.ui.print(line(f));
    tell(call.ui, findings);
    call.ui.print(isOwn ? `${out}; truejoule report ${dir} shows it` : out);
    return changed ? 3 : 0;
  },
};

async function parseStep(text: string): Promise<number> {
  let stepNs: number;
  try {
    stepNs = 1e9 * (await quantity(text.replace(/^([\d.]+)\s*/, "$1 "), "s"));
  } catch (error) {
    throw new UsageError(`--step: ${(error as Error).message}`);
  }
  if (!(stepNs >= 10)) throw new UsageError(`--step ${text}: at least 10 ns`);
  return stepNs;
}

const us = (ns: number): string => `${Number((ns / 1e3).toPrecision(3))} µs`;

function line(f: Folded): string {
  const response =
    f.stepResponseNs === null
      ? "step response of the path not stated by the rig"
      : `path's step response ${us(f.stepResponseNs)}${f.shorterThanResponse ? ": longer than the kernel, whose power it smooths" : ""}`;
  const filled = f.samples.filter((n) => n > 0).length;
  return `${f.kernel}: ${f.launches} launches of ${us(f.durationNs)}, ${filled} of ${f.samples.length} steps of ${us(f.stepNs)}, peak ${peak(f)}; ${response}`;
}

function peak(f: Folded): string {
  const at = f.powerW.reduce((best, w, s) => (w > (f.powerW[best] ?? -Infinity) ? s : best), 0);
  return `${f.powerW[at]!.toFixed(1)} ± ${f.expandedUncertaintyW[at]!.toFixed(1)} W at ${us(f.phaseNs[at]!)}`;
}
