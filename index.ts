// The whole public API: record or import a run, fuse it, compare it, report it; read its log. Each verb does what the
// command of that name does (docs/reference.md), says by exceptions what a command says by exit codes 1 and 2, and by
// `degraded` what it says by exit code 3. Everything else is inside. docs/api.md is made from this file.

import { type CaptureRecord, readCapture as readLog } from "./capture/log-reader.ts";
import type { RunPaths } from "./capture/run.ts";
import { withRun } from "./capture/run-lock.ts";
import { compareRun } from "./dataset/compare-run.ts";
import { type FuseOptions, fuseNow } from "./dataset/fuse.ts";
import {
  importRun as importInto,
  type ImportedRun,
  type ImportRequest,
} from "./ingest/import/import-run.ts";
import type { RecordRequest } from "./record/request.ts";
import { recordRun, type RecordListener } from "./record/run.ts";
import type { RecordingResult } from "./record/plan.ts";
import { resolveRig } from "./rigs/load.ts";
import type { CompareDocument } from "./schema/documents/compare.ts";
import { degrades, type Finding } from "./schema/findings.ts";
import type { WorkListener } from "./schema/work-listener.ts";
import { currentReport } from "./view/current-report.ts";
import { keepReport } from "./view/report.ts";
import { openBench } from "./virtual/record/open-bench.ts";

/** What a recording gave. Counts are of what the log holds. */
export interface Recording extends Pick<
  RecordingResult,
  | "elapsedS"
  | "rows"
  | "lostRows"
  | "reads"
  | "failedReads"
  | "marks"
  | "lostMarks"
  | "bytes"
  | "ended"
  | "exitCode"
  | "findings"
> {
  /** Its folder. */
  readonly run: string;
  /** Something was lost or is doubtful, or it ended before its time. */
  readonly degraded: boolean;
}

/**
 * Records DAQ, trigger edges, marks and telemetry into a new run, until its duration or its program ends.
 * @throws UsageError, InputError, SourceError where it cannot begin; nothing is left behind then.
 */
export async function record(
  request: RecordRequest,
  listener: RecordListener = {},
): Promise<Recording> {
  const { paths, result } = await recordRun(request, openBench, listener);
  const { elapsedS, rows, lostRows, reads, failedReads, marks, lostMarks, bytes } = result;
  const { ended, exitCode, findings } = result;
  const counts = { elapsedS, rows, lostRows, reads, failedReads, marks, lostMarks, bytes };
  const lost = lostRows + lostMarks > 0 || ended === "failure";
  const degraded = lost || degrades(findings);
  return { run: paths.dir, ...counts, ended, exitCode, findings, degraded };
}

/** What an import gave. */
export interface Imported extends Omit<ImportedRun, "paths"> {
  /** Its folder. */
  readonly run: string;
  /** One of `notes` is a loss or a doubt. */
  readonly degraded: boolean;
}

/**
 * A foreign capture → the log that a recorder would have written.
 * @throws UsageError, InputError naming what is wrong with the source, and where; nothing is left behind then.
 */
export async function importRun(
  request: ImportRequest,
  listener: WorkListener = {},
): Promise<Imported> {
  const { paths, notes, ...counts } = await importInto(request, resolveRig, listener);
  const degraded = notes.some((n) => n.level !== "info");
  return { run: paths.dir, ...counts, notes, degraded };
}

/** What fusing gave. */
export interface FusedRun {
  /** Of fused.arrow. */
  readonly rows: number;
  readonly windows: number;
  readonly findings: readonly Finding[];
  /** Something was lost or is doubtful. */
  readonly degraded: boolean;
}

/**
 * Aligns a run and writes its Arrow files, align.json and compare.json. Energies come from all samples, whatever
 * {@link FuseOptions.rateHz}.
 * @param run its folder.
 * @throws UsageError for a rate that does not divide the rows', InputError where the log cannot be read
 */
export function fuse(run: string, options: FuseOptions = {}): Promise<FusedRun> {
  return exclusively(run, options, async (paths) => {
    const { comparison, rows, changed } = await fuseNow(paths, options);
    const { findings, list, degraded } = comparison;
    return { rows, windows: list.count, findings, degraded: degraded || changed };
  });
}

export interface CompareOptions extends WorkListener {
  /** Windows of this name come first where not all can have a budget. */
  readonly window?: string;
}

/** What a comparison gave. */
export interface Compared {
  /** As in compare.json, which it also is written to. */
  readonly document: CompareDocument;
  /** Something was lost or is doubtful. */
  readonly degraded: boolean;
}

/**
 * Physical Joules with their expanded uncertainty beside every telemetry channel's, per window.
 * @param run its folder. @throws InputError where the log cannot be read
 */
export function compare(run: string, options: CompareOptions = {}): Promise<Compared> {
  return exclusively(run, options, async (paths) => {
    const { window } = options;
    const { comparison, document, changed } = await compareRun(paths, { run, window }, options);
    return { document, degraded: comparison.degraded || changed };
  });
}

/** What reporting gave. */
export interface Reported {
  /** Path of the page, one HTML file that needs no network. */
  readonly report: string;
  /** The log is not the one that files of the run were made from. */
  readonly degraded: boolean;
}

/**
 * Writes the run's report; fuses it first where its files are missing, spoiled or of another log.
 * @param run its folder. @throws InputError where the log cannot be read
 */
export function report(run: string, listener: WorkListener = {}): Promise<Reported> {
  return exclusively(run, listener, async (paths) => {
    const { page, changed } = await currentReport(paths, listener);
    keepReport(paths, page);
    return { report: paths.report, degraded: changed };
  });
}

/**
 * What a run's log holds, in the order in which it was written. A damaged part is a record of kind `damage`, and the rest goes on.
 * @param capture path of capture.mcap.
 * @throws InputError where it is no log of truejoule
 */
export function readCapture(capture: string): Iterable<CaptureRecord> {
  return readLog(capture);
}

const exclusively = <T>(
  run: string,
  { onWaiting }: WorkListener,
  work: (paths: RunPaths) => Promise<T>,
): Promise<T> => withRun(run, "exclusive", work, onWaiting);

export { openRun } from "./capture/run.ts";
export {
  type Combined,
  combineWindows,
  ratioOfWindows,
} from "./dataset/documents/combined-windows.ts";
export { loadRig, resolveRig } from "./rigs/load.ts";
export { InputError, SourceError, UsageError } from "./schema/errors.ts";

export type { CaptureRecord, Damage } from "./capture/log-reader.ts";
export type { RunPaths } from "./capture/run.ts";
export type { FuseOptions } from "./dataset/fuse.ts";
export type { ImportRequest } from "./ingest/import/import-run.ts";
export type { RecordingState } from "./record/plan.ts";
export type { RecordRequest, Simulation } from "./record/request.ts";
export type { RecordedFrom, RecordListener } from "./record/run.ts";
export type { LoadedRig } from "./rigs/load.ts";
export type { CompareDocument } from "./schema/documents/compare.ts";
export type { Finding, FindingCode, Level } from "./schema/findings.ts";
export type {
  AutoRange,
  ClockExchange,
  ClockPair,
  Edge,
  Mark,
  Note,
  RowField,
  RowLayout,
  SampleBlock,
  Source,
  TelemetryChannel,
  TelemetryRead,
} from "./schema/records.ts";
export type {
  Calibration,
  CodeErrors,
  DeviceClock,
  Disciplined,
  Rail,
  Reference,
  Rig,
  Sensor,
  SensorNoise,
  SharedError,
  TextFormat,
  TriggerLine,
} from "./schema/rig.ts";
export type { Session } from "./schema/session.ts";
export type { ClockName, Instant } from "./schema/time.ts";
export type { WorkListener } from "./schema/work-listener.ts";
