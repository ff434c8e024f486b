// The text files beside an MLPerf Tiny trace: log.txt of the runner → marks on the clocks it shows,
// results.txt → published energies.
// A log line is `SSSSS.mmm source: message`, the host's seconds since the runner started.

import { onDisk } from "../shared/dates.ts";
import { decimalToNs, readLines, secondsToNs } from "../shared/lines.ts";
import { counted } from "../shared/notes.ts";
import { append } from "../../../schema/lists.ts";
import type { ImportContext } from "../importer.ts";
import type { Mark, Note } from "../../../schema/records.ts";
import { type Instant, instant } from "../../../schema/time.ts";

export interface RunnerLog {
  readonly marks: readonly Mark[];
  /** UTC when the trace was switched on, to the second and as the host's log has it. */
  readonly traceStart: Instant<"unix"> | null;
  /** How long the host had the trace switched on, s; null where the log does not say. */
  readonly traceS: number | null;
  readonly notes: readonly Note[];
}

const LINE = /^(\d+\.\d+)\s+([\w-]+):\s+(.*)$/;

/**
 * `m-infer-start` and `m-infer-done` become begin and end of `infer` on clock `log`. `m-lap-us-N` is a
 * device's own microsecond count at an edge: `lap` on the clock of whoever printed it (`io`, `emon`),
 * with the host's time of the line as field `log_s`.
 */
export function readRunnerLog(path: string, context: ImportContext): RunnerLog {
  const marks: Mark[] = [];
  let session: { unix: Instant<"unix">; log: bigint } | undefined;
  let traceOn: bigint | undefined;
  let traceOff: bigint | undefined;
  let last = 0n;
  let back = 0;
  for (const { text } of readLines(path, "a log of the MLPerf Tiny runner")) {
    const [, seconds, source, message] = LINE.exec(text) ?? [];
    if (seconds === undefined || source === undefined || message === undefined) continue;
    const t = secondsToNs(seconds);
    if (t === undefined) continue;
    if (t < last) back++;
    last = t;
    const started = /^m-session-start-id\[(\d{14})\]/.exec(message)?.[1];
    const unix = started === undefined ? undefined : sessionStart(started, context);
    if (unix !== undefined) session = { unix, log: t };
    if (/^m-trace\[on\]/.test(message)) traceOn ??= t;
    if (/^m-trace\[off\]/.test(message)) traceOff = t;
    const mark = markOf(source, message, t, seconds);
    if (mark) marks.push(mark);
  }
  const notes: Note[] = [];
  if (marks.length === 0) notes.push({ level: "warning", text: `${path}: no marks in it` });
  append(notes, counted(path, "warning", back, "lines go back in time"));
  const traceStart =
    session && instant<"unix">(session.unix + (traceOn ?? session.log) - session.log);
  const traceS =
    traceOn === undefined || traceOff === undefined ? null : Number(traceOff - traceOn) / 1e9;
  return { marks, traceStart: traceStart ?? null, traceS, notes };
}

function markOf(source: string, message: string, t: bigint, seconds: string): Mark | undefined {
  const start = /\bm-infer-start-(\d+)/.exec(message)?.[1];
  if (start !== undefined)
    return {
      name: "infer",
      phase: "begin",
      clock: "log",
      t,
      fields: { iterations: Number(start) },
    };
  if (/\bm-infer-done\b/.test(message)) return { name: "infer", phase: "end", clock: "log", t };
  const lap = /^m-lap-us-(\d+)$/.exec(message)?.[1];
  const lapNs = lap === undefined ? undefined : decimalToNs(lap, 3);
  if (lapNs === undefined) return undefined;
  const fields = { log_s: Number(seconds) };
  return { name: "lap", phase: "instant", clock: source, t: lapNs, fields };
}

function sessionStart(id: string, context: ImportContext): Instant<"unix"> | undefined {
  const part = (at: number, length = 2): number => Number(id.slice(at, at + length));
  const local = [part(0, 4), part(4), part(6), part(8), part(10), part(12), 0] as const;
  return onDisk(context.localToUnix(local));
}

const TO_JOULE: Readonly<Record<string, number>> = { nJ: 1e9, uJ: 1e6, mJ: 1e3, J: 1 };

/**
 * `Energy data for window N …` with `Energy : X uJ` below it → `published_infer_(N/2)_j`: the runner counts
 * the stretches between edges from 0, and every second one is an inference.
 */
export function readPublished(path: string): Record<string, string> {
  return published(
    path,
    /Energy data for window (\d+)\b/,
    /\bEnergy\s*:\s*([\d.]+) ([a-z]?J)\s*$/i,
    (n) => `infer_${n / 2}`,
  );
}

/** `Energy data for trial N` (from 0) with `Total Energy : X uJ` below it → `published_trial_(N+1)_j`. */
export function readPublishedTrials(path: string): Record<string, string> {
  return published(
    path,
    /Energy data for trial (\d+)\b/,
    /\bTotal Energy\s*:\s*([\d.]+) ([a-z]?J)\s*$/i,
    (n) => `trial_${n + 1}`,
  );
}

function published(
  path: string,
  heading: RegExp,
  figure: RegExp,
  nameOf: (n: number) => string,
): Record<string, string> {
  const labels: Record<string, string> = {};
  let name: string | undefined;
  for (const { text } of readLines(path, "published results")) {
    const n = heading.exec(text)?.[1];
    if (n !== undefined) name = nameOf(Number(n));
    const [, value, unit] = figure.exec(text) ?? [];
    const perJoule = unit === undefined ? undefined : TO_JOULE[unit];
    if (name === undefined || value === undefined || perJoule === undefined) continue;
    labels[`published_${name}_j`] = String(Number(value) / perJoule);
    name = undefined;
  }
  return labels;
}
