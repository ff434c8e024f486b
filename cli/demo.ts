// truejoule demo: the main job where no hardware is at hand. The virtual bench is recorded live, over a
// pty and in real time, as a bench with a DAQ would be; then fused, compared and reported. The DAQ and
// its load are simulated, and so is the driver where there is no GPU; both are said plainly.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { claimRun, type EarlierRun } from "../capture/new-run.ts";
import type { RunPaths } from "../capture/run.ts";
import type { Comparison } from "../energy/result.ts";
import type { RecordRequest } from "../record/request.ts";
import { recordInto } from "../record/run.ts";
import { builtInRig } from "../rigs/load.ts";
import { type Command, tell, type Ui } from "./command.ts";
import { printTable } from "./compare.ts";
import { tellWaiting } from "./locked-run.ts";
import { seedOf } from "./record.ts";
import { listener, needHere } from "./recording.ts";
import { tellLine } from "./terminal.ts";

const DURATION_S = 10;

export const command: Command = {
  summary: "the whole job on the virtual bench: record, fuse, compare, report",
  records: true,
  usage: "[--out RUN] [--seed N]",
  help: `
Records ${DURATION_S} s of the virtual bench (a simulated card whose true Joules are known) through the same path
a real DAQ takes, fuses and compares it and writes its report. This is what \`npm start\` runs. Where a
pseudo-terminal cannot be had, the capture is written directly and the table says so.`,
  options: { out: { type: "string" }, seed: { type: "string" } },
  optionHelp: [
    ["--out RUN", "run folder (runs/demo); an earlier demo there is replaced"],
    ["--seed N", "another card, another load (1)"],
  ],

  async run(call) {
    const dir = (call.options["out"] as string | undefined) ?? join("runs", "demo");
    const seed = seedOf(call.options);
    const { ui } = call;
    const { paths, truthJ, comparison } = await make(dir, seed, ui);
    const load = comparison.windows.filter((r) => r.window.name === "load");
    if (ui.json) {
      const { comparisonToJson } = await import("../dataset/documents/compare-json.ts");
      ui.document(comparisonToJson(comparison, dir));
    }
    printTable(load, load.length, "virtual bench (simulated; its true Joules are known)", ui);
    const window = load[0]?.window;
    if (window)
      ui.print(`    the truth behind it: ${truthJ(window.t0Ns, window.t1Ns).toFixed(1)} J`);
    ui.print(`report: ${paths.report}`);
    tell(ui, comparison.findings);
    return comparison.degraded ? 3 : 0;
  },
};

type TruthJ = (t0Ns: number, t1Ns: number) => number;

/** An earlier demo, and nothing else that was ever recorded. */
const isDemo = ({ session }: EarlierRun): boolean =>
  session.source === "virtual" && LABEL in session.labels;
const LABEL = "demo";

interface Made {
  readonly paths: RunPaths;
  readonly truthJ: TruthJ;
  readonly comparison: Comparison;
}

async function make(dir: string, seed: number, ui: Ui): Promise<Made> {
  const run = await claimRun(dir, tellWaiting, isDemo);
  try {
    const live = process.platform === "linux";
    const truthJ = live ? await recordLive(run.paths, seed, ui) : await writeCapture(dir, seed);
    const { fuseRun } = await import("../dataset/fuse.ts");
    const { comparison } = fuseRun(run.paths, { onProgress: (label) => ui.progress(label) });
    const { writeReport } = await import("../view/report.ts");
    await writeReport(run.paths);
    return { paths: run.paths, truthJ, comparison };
  } finally {
    run.release();
  }
}

async function recordLive(paths: RunPaths, seed: number, ui: Ui): Promise<TruthJ> {
  const { openBench } = await import("../virtual/record/open-bench.ts");
  if (existsSync("/dev/nvidia0") && !ui.quiet)
    tellLine(
      "an NVIDIA GPU is here: describe your bench in a rig file to measure it (rigs/README.md)",
    );
  const request: RecordRequest = {
    out: paths.dir,
    rig: "virtual",
    durationS: DURATION_S,
    labels: { [LABEL]: String(seed) },
    simulation: { seed },
    signals: true,
  };
  const rig = await builtInRig("virtual");
  const how = { open: openBench, listener: listener(ui, request) };
  const { bench, result } = await recordInto(paths, rig, request, how);
  needHere(paths, result);
  return bench.truthJ!;
}

/** Without a pty: the same bench, written faster than real time. */
async function writeCapture(dir: string, seed: number): Promise<TruthJ> {
  const { writeVirtualCapture } = await import("../virtual/bench/capture.ts");
  const truth = await writeVirtualCapture(dir, {
    seed,
    durationS: DURATION_S,
    labels: { [LABEL]: String(seed) },
  });
  return (t0, t1) => truth.energyJ(t0, t1);
}
