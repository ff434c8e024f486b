// Enters: a run's derived files (fused, telemetry and events tables, compare.json, align.json). Leaves:
// report.html, one file that needs no network. Reads batch by batch; memory does not grow with the run.

import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import { writeOwn } from "../capture/own-file.ts";
import type { RunPaths } from "../capture/run.ts";
import { checksumProblem, logChanges, noteChecksums } from "../dataset/checksums.ts";
import type { ComparedWindow } from "../schema/documents/compare.ts";
import { InputError } from "../schema/errors.ts";
import { type Finding, finding } from "../schema/findings.ts";
import { telemetryColumn } from "../schema/tables.ts";
import { clockFits, readAlign, readCompare } from "./documents.ts";
import { type Folds, readFolds } from "./folds.ts";
import { pageData } from "./page-content.ts";
import type { PageWindow } from "./page-data.ts";
import { renderPage } from "./page-template.ts";
import { headlineOf, type ReportModel } from "./report-model.ts";
import { budget } from "./sections/budget.ts";
import { clock } from "./sections/clock.ts";
import { discipline } from "./sections/discipline.ts";
import { comparison } from "./sections/comparison.ts";
import { findingsSection } from "./sections/findings.ts";
import { banner, header } from "./sections/header.ts";
import { folds } from "./sections/folds.ts";
import { provenance } from "./sections/provenance.ts";
import { traceSection } from "./sections/trace.ts";
import { windows } from "./sections/windows.ts";
import { readTelemetry } from "./telemetry.ts";
import { readTrace, type Trace } from "./trace.ts";
import { joinWindows, readEvents } from "./windows.ts";

export interface ReportOptions {
  /** Told how far reading has come, 0 to 1. */
  readonly progress?: (done: number, total: number) => void;
}

/**
 * Writes `run.report` from the run's derived files; a file that is not there is said to be missing in the page.
 * @throws InputError when nothing was fused or compared yet, or a file is damaged
 */
export async function writeReport(run: RunPaths, options: ReportOptions = {}): Promise<void> {
  keepReport(run, await renderRun(run, options));
}

/** The page of a run. @throws as {@link writeReport}. */
export async function renderRun(run: RunPaths, options: ReportOptions = {}): Promise<string> {
  return renderReport(await readModel(run, options));
}

/** Writes the page, and notes it among the run's checksums. */
export function keepReport(run: RunPaths, page: string): void {
  const sha256 = writeOwn(run.report, page);
  if (existsSync(run.checksums)) noteChecksums(run, [[run.report, sha256]]);
}

export function renderReport(m: ReportModel): string {
  const hasTrace = m.trace !== null || m.channels.length > 0;
  return renderPage({
    title: `${m.name}: ${m.source === "virtual" || m.source === "emulated" ? "simulated " : ""}Joules, truejoule`,
    head: banner(m),
    sections: [
      header(m),
      comparison(m),
      ...(hasTrace ? [traceSection()] : []),
      windows(m),
      folds(m),
      findingsSection(m),
      budget(m),
      discipline(m),
      clock(m),
      provenance(m),
    ],
    data: pageData(m),
  });
}

async function readModel(run: RunPaths, options: ReportOptions): Promise<ReportModel> {
  const missing: Finding[] = [];
  const has = (path: string, command: string): boolean => {
    if (existsSync(path)) return true;
    const file = basename(path);
    const text = `${file} is not in this run; truejoule ${command} writes it.`;
    missing.push(finding("file-missing", file, text));
    return false;
  };
  const comparison = has(run.compare, "compare") ? readCompare(run.compare) : null;
  const align = has(run.align, "fuse") ? readAlign(run.align) : null;
  const channels = has(run.telemetry, "fuse") ? await readTelemetry(run.telemetry) : [];
  const events = has(run.events, "fuse") ? await readEvents(run.events) : { list: [], total: 0 };
  const compared = comparison?.windows ?? [];
  const list = joinWindows(compared.map(windowOf), events);
  const edgesNs = list.list.flatMap((w) => (w.kind === "session" ? [] : [w.t0Ns, w.t1Ns]));
  const claimed = new Set(channels.map((c) => telemetryColumn(c.name)));
  const isTelemetry = (column: string): boolean =>
    claimed.has(column) || TELEMETRY_COLUMN.test(column);
  const progress = (done: number): void => options.progress?.(done, 1);
  const trace = has(run.fused, "fuse")
    ? await readTrace(run.fused, edgesNs, isTelemetry, progress)
    : null;
  if (trace === null && channels.length === 0 && comparison === null)
    throw new InputError(`${run.dir}: nothing to report; truejoule fuse and compare come first`);
  return {
    name: basename(resolve(run.dir)),
    source: comparison?.source ?? trace?.metadata.get("source") ?? "unknown",
    trace,
    channels,
    windows: list,
    comparison,
    clocks: clockFits(align, comparison),
    folds: await foldsOf(run, trace?.metadata),
    headline: headlineOf(compared),
    metadata: trace?.metadata ?? new Map<string, string>(),
    logChanges: logChanges(run),
    missing,
  };
}

/** Waveforms of another capture, or spoiled ones, are not shown: a sentence stands for them. */
async function foldsOf(run: RunPaths, fused: Trace["metadata"] | undefined): Promise<Folds | null> {
  if (!existsSync(run.folded)) return null;
  const problem = checksumProblem(run, run.folded);
  if (problem !== null) return { problem, kernels: [], warnings: [] };
  return readFolds(run.folded, fused?.get("capture_sha256"));
}

/** Columns of the channels that docs/reference.md names, for runs whose telemetry.arrow is gone. */
const TELEMETRY_COLUMN = /^power_(nvml|nvidia_smi|rapl|rocm|hwmon|meter)_/;

function windowOf(w: ComparedWindow): PageWindow {
  const p = w.physical;
  const expandedJ = p?.expanded_uncertainty_j ?? null;
  const u = p && expandedJ !== null ? { expandedJ, k: p.coverage_factor } : {};
  return { name: w.name, kind: w.kind, t0Ns: w.t0_ns, t1Ns: w.t1_ns, ...u };
}
