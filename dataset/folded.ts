// Folded waveforms of a run → a table, Arrow or CSV: one row a kernel and step of phase (docs/folding.md).

import { resolve } from "node:path";
import { identityOf } from "../capture/identity.ts";
import type { RunPaths } from "../capture/run.ts";
import type { Prepared } from "../energy/result.ts";
import { foldKernels } from "../energy/fold-run.ts";
import type { Folded, FoldOptions } from "../energy/fold.ts";
import type { FoldedKernelJson, FoldMetadata } from "../schema/documents/fold.ts";
import { allAbout, counted, type Finding, type FindingCode, textsOf } from "../schema/findings.ts";
import type { Source } from "../schema/records.ts";
import { type Column, foldedColumns } from "../schema/tables.ts";
import { ArrowFile, writeArrow } from "./arrow-file.ts";
import { arrowIn } from "./arrow-reader.ts";
import { noteChecksums } from "./checksums.ts";
import { nullable } from "./events.ts";
import { exportCsv } from "./export-csv.ts";
import { tableMetadata } from "./fuse.ts";

type Progress = (done: number, total: number) => void;

/** @throws InputError when there is nothing to fold. */
export async function writeFolded(
  paths: RunPaths,
  out: string,
  csv: boolean,
  prepared: Prepared,
  options: Pick<FoldOptions, "kernel" | "stepNs">,
  onProgress: Progress,
): Promise<{ source: Source; folded: readonly Folded[]; findings: readonly Finding[] }> {
  const folded = foldKernels(prepared, options, onProgress);
  const findings = folded.flatMap(findingsOf);
  const said: FoldMetadata = {
    kernels: folded.map(foldedToJson),
    warnings: textsOf(findings),
    findings,
  };
  const shared = tableMetadata(prepared, identityOf(paths.capture, prepared.scan.sha256));
  const metadata = {
    ...shared,
    "truejoule.schema": "folded/1",
    "truejoule.fold": JSON.stringify(said),
  };
  if (csv) await writeCsv(out, folded, metadata);
  else {
    const sha256 = writeArrow(out, columnsOf(folded), metadata, (f) => writeRows(f, folded));
    if (resolve(out) === resolve(paths.folded))
      noteChecksums(paths, [[out, sha256]], prepared.scan.sha256);
  }
  const { source } = prepared.scan.session;
  return { source, folded, findings };
}

export function foldedToJson(f: Folded): FoldedKernelJson {
  return {
    kernel: f.kernel,
    launches: f.launches,
    crowded_fraction: f.crowded,
    duration_ns: f.durationNs,
    duration_p5_p95_ns: f.durationSpanNs,
    step_ns: f.stepNs,
    steps: f.samples.length,
    empty_steps: f.samples.filter((n) => n === 0).length,
    phase_u_ns: f.phaseUNs,
    sensor_rise_ns: f.sensorRiseNs,
    step_response_ns: f.stepResponseNs,
    shorter_than_response: f.shorterThanResponse,
  };
}

const columnsOf = (folded: readonly Folded[]): Column[] =>
  foldedColumns(folded[0]!.rails.map((r) => r.name));

function writeRows(file: ArrowFile, folded: readonly Folded[]): void {
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
}

/** By way of the same table, in memory: a few thousand rows. */
async function writeCsv(
  out: string,
  folded: readonly Folded[],
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const parts: Uint8Array[] = [];
  const file = new ArrowFile(
    (bytes) => void parts.push(bytes.slice()),
    columnsOf(folded),
    metadata,
  );
  writeRows(file, folded);
  file.close();
  await exportCsv(await arrowIn(Buffer.concat(parts)), out);
}

const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);

function findingsOf(f: Folded): Finding[] {
  const empty = f.samples.filter((n) => n === 0).length;
  const [p5, p95] = f.durationSpanNs;
  const us = (ns: number): string => (ns / 1e3).toFixed(1);
  const when = (code: FindingCode, is: boolean, text: string) => counted(code, is ? 1 : 0, text);
  const seen = [
    ...when(
      "fold-below-response",
      f.shorterThanResponse,
      " is shorter than the physical path's step response: the waveform is the path's answer, its area still the energy",
    ),
    ...counted(
      "fold-steps-empty",
      empty,
      `: ${empty} of ${f.samples.length} steps are empty: too few launches, or launches in step with the sample clock`,
    ),
    ...when(
      "fold-crowded",
      f.crowded > 0.1,
      `: beside ${Math.round(100 * f.crowded)} % of its launches another kernel ran within the phases shown`,
    ),
    ...when(
      "fold-smeared",
      p95 - p5 > Math.max(f.stepNs, 0.05 * f.durationNs),
      `: its launches last ${us(p5)} to ${us(p95)} µs: its end is smeared`,
    ),
  ];
  return allAbout(f.kernel, seen, f.kernel);
}
