// truejoule demo: the main job where no hardware is at hand. The virtual bench records a load with known
// Joules; the run is fused, compared and reported. What it prints is simulated, and says so.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { createRun } from "../capture/run.ts";
import type { Command, Ui } from "./command.ts";

const DURATION_S = 10;

export const command: Command = {
  summary: "the whole job on the virtual bench: record, fuse, compare, report",
  usage: "[--out RUN] [--seed N]",
  help: `
Writes a capture of the virtual bench (a simulated card whose true Joules are known), then fuses and
compares it and writes its report. This is what \`npm start\` runs.`,
  options: { out: { type: "string" }, seed: { type: "string" } },
  optionHelp: [
    ["--out RUN", "run folder (runs/demo); an earlier demo there is replaced"],
    ["--seed N", "another card, another load (1)"],
  ],

  async run(call) {
    const dir = (call.options["out"] as string | undefined) ?? join("runs", "demo");
    const paths = createRun(dir, "virtual");
    sayWhatThisIs(call.ui);
    const { writeVirtualCapture } = await import("../rigs/virtual/capture.ts");
    const seed = Number(call.options["seed"] ?? 1);
    const truth = await writeVirtualCapture(dir, { seed, durationS: DURATION_S });
    const { fuseRun } = await import("../dataset/fuse.ts");
    const { comparison, rows } = fuseRun(paths, { onProgress: (label) => call.ui.progress(label) });
    if (!call.ui.quiet)
      process.stderr.write(
        `recorded ${DURATION_S} s of the virtual bench: ${rows} rows, ${comparison.windows.length} windows\n`,
      );
    const { writeReport } = await import("../view/report.ts");
    await writeReport(paths);
    const { printTable } = await import("./compare.ts");
    if (call.ui.json)
      call.ui.document(
        (await import("../energy/compare-json.ts")).comparisonToJson(comparison, dir),
      );
    const load = comparison.windows.filter((r) => r.window.name === "load");
    printTable(load, 1, "virtual bench (simulated, true Joules known)", call.ui);
    const true_ = truth.windows.find((w) => w.name === "load")!.energyJ;
    call.ui.print(`    the truth behind it: ${true_.toFixed(1)} J`);
    call.ui.print(`report: ${paths.report}`);
    return comparison.degraded ? 3 : 0;
  },
};

function sayWhatThisIs(ui: Ui): void {
  if (ui.quiet) return;
  const gpu = existsSync("/dev/nvidia0")
    ? "an NVIDIA GPU is here: to measure it, describe your bench in a rig file (rigs/README.md)"
    : "no NVIDIA GPU here";
  process.stderr.write(`virtual bench: everything below is simulated; ${gpu}\n`);
}
