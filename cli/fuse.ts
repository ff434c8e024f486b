// truejoule fuse RUN: one clock for everything, written as Arrow files.

import { clockTotals, type DaqClock } from "../align/clocks/segments.ts";
import type { FuseDocument } from "../schema/documents/fuse.ts";
import { UsageError } from "../schema/errors.ts";
import { quantity } from "../schema/units.ts";
import { type Command, tell } from "./command.ts";
import { withRun, workListener } from "./locked-run.ts";

export const command: Command = {
  summary: "aligns a run and writes the Arrow files",
  usage: "RUN [--rate 10kHz] [--window NAME]",
  help: `
Reads RUN/capture.mcap once for its clocks and once for its samples, in bounded memory, and writes
fused.arrow, events.arrow, telemetry.arrow, align.json and compare.json (docs/reference.md).
Energies always come from all samples, whatever --rate.`,
  options: { rate: { type: "string" }, window: { type: "string" } },
  optionHelp: [
    ["--rate RATE", "rows per second of fused.arrow (1kHz, 500 Hz); means over several samples"],
    ["--window NAME", "only the rows inside this window"],
  ],

  async run(call) {
    const [dir, ...extra] = call.positionals;
    if (!dir || extra.length > 0) throw new UsageError("fuse takes one RUN");
    const rate = call.options["rate"];
    const window = call.options["window"];
    const options = {
      ...(typeof rate === "string" ? { rateHz: await parseRate(rate) } : {}),
      ...(typeof window === "string" ? { window } : {}),
      ...workListener(call.ui),
    };
    const { fuseNow } = await import("../dataset/fuse.ts");
    const fused = await withRun(dir, "exclusive", (paths) => fuseNow(paths, options));
    const { comparison, rows, changed } = fused;
    const clock = comparison.clocks.daq;
    const document: FuseDocument = {
      schema: "fuse/1",
      run: dir,
      rows,
      windows: comparison.list.count,
      warnings: comparison.warnings,
      findings: comparison.findings,
    };
    if (call.ui.json) call.ui.document(document);
    call.ui.print(
      `${dir}: ${rows} rows, ${comparison.list.count} windows${
        clock ? `; clock ${clock.clock} by ${inWords(clock)}` : ""
      }; next: truejoule compare ${dir}`,
    );
    tell(call.ui, comparison.findings);
    return comparison.degraded || changed ? 3 : 0;
  },
};

function inWords(clock: DaqClock): string {
  const methods = [...new Set(clock.segments.map((s) => s.model.method))].join(" and ");
  const { edgesUsed, residualRmsNs } = clockTotals(clock);
  const segments = clock.segments.length > 1 ? ` in ${clock.segments.length} segments` : "";
  return `${methods}${segments}, ${edgesUsed} edges, residual ${(residualRmsNs / 1e6).toFixed(3)} ms rms`;
}

async function parseRate(text: string): Promise<number> {
  try {
    return await quantity(text.replace(/^([\d.]+)\s*/, "$1 "), "Hz");
  } catch (error) {
    throw new UsageError(`--rate: ${(error as Error).message}`);
  }
}
