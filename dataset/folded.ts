// Folded waveforms of a run → a table, Arrow or CSV: one row a kernel and step of phase (docs/folding.md).

import { rmSync } from "node:fs";
import type { RunPaths } from "../capture/run.ts";
import { prepare } from "../energy/compare.ts";
import { foldKernels } from "../energy/fold-run.ts";
import type { Folded, FoldOptions } from "../energy/fold.ts";
import type { Source } from "../schema/records.ts";
import { foldedColumns } from "../schema/tables.ts";
import { ArrowFile } from "./arrow-file.ts";
import { openArrow } from "./arrow-reader.ts";
import { nullable } from "./events.ts";
import { exportCsv } from "./export-csv.ts";
import { tableMetadata } from "./fuse.ts";

type Progress = (label: string) => (done: number, total: number) => void;

/** @throws InputError when there is nothing to fold. */
export async function writeFolded(
  paths: RunPaths,
  out: string,
  csv: boolean,
  options: Pick<FoldOptions, "kernel" | "stepNs">,
  onProgress: Progress,
): Promise<{ source: Source; folded: readonly Folded[]; warnings: readonly string[] }> {
  const prepared = prepare(paths.capture, onProgress("reading"));
  const folded = foldKernels(prepared, options, onProgress("folding"));
  const metadata = {
    ...tableMetadata(prepared, paths.capture),
    "truejoule.schema": "folded/1",
  };
  const table = csv ? `${out}.arrow` : out;
  writeTable(table, folded, metadata);
  if (csv) {
    const file = await openArrow(table, "truejoule fold");
    try {
      await exportCsv(file, out);
    } finally {
      await file.close();
      rmSync(table);
    }
  }
  const { source } = prepared.scan.session;
  return { source, folded, warnings: folded.flatMap(warningsOf) };
}

function writeTable(
  path: string,
  folded: readonly Folded[],
  metadata: Readonly<Record<string, string>>,
): void {
  const rails = folded[0]!.rails.map((r) => r.name);
  const file = new ArrowFile(path, foldedColumns(rails), metadata);
  for (const f of folded) {
    const numbers = (values: Float64Array) => nullable([...values].map(finite), Float64Array);
    file.write(f.samples.length, [
      { data: Array<string>(f.samples.length).fill(f.kernel) },
      { data: f.phaseNs },
      { data: Int32Array.from(f.samples) },
      numbers(f.powerW),
      numbers(f.expandedUncertaintyW),
      ...f.rails.map((r) => numbers(r.powerW)),
    ]);
  }
  file.close();
}

const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);

function warningsOf(f: Folded): string[] {
  const empty = f.samples.filter((n) => n === 0).length;
  const spreadNs = f.durationSpanNs[1] - f.durationSpanNs[0];
  return [
    ...(f.shorterThanResponse
      ? [
          `${f.kernel} is shorter than the physical path's step response: the waveform is the path's answer, its area still the energy`,
        ]
      : []),
    ...(empty > 0
      ? [
          `${f.kernel}: ${empty} of ${f.samples.length} steps are empty: too few launches, or launches in step with the sample clock`,
        ]
      : []),
    ...(f.crowded > 0.1
      ? [
          `${f.kernel}: beside ${Math.round(100 * f.crowded)} % of its launches another kernel ran within the phases shown`,
        ]
      : []),
    ...(spreadNs > Math.max(f.stepNs, 0.05 * f.durationNs)
      ? [
          `${f.kernel}: its launches last ${f.durationSpanNs.map((x) => (x / 1e3).toFixed(1)).join(" to ")} µs: its end is smeared`,
        ]
      : []),
  ];
}
