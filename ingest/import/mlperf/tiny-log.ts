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
 * `m-infer-start` and `m-infer-done` become begin and end of `infer` on clock `log`, also where the device's line
 * garbled a part of them: the message came all the same, and when. `m-lap-us-N` is a
 * device's own microsecond count at an edge: `lap` on the clock of whoever printed it (`io`, `emon`),
 * with the host's time of the line as field `log_s`.
 */
export function readRunnerLog(path: string, context: ImportContext): RunnerLog {
  const marks: Mark[] = [];
  let session: { unix: Instant<"unix">; log: bigint } | undefined;
  let traceOn: bigint | undefined;
  let traceOff: bigint | undefined;
  let last = 0n;
  let [back, garbled] = [0, 0];
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
    const meant = mark ? undefined : meantBy(source, message);
    if (mark) marks.push(mark);
    else if (meant) {
      garbled++;
      marks.push({ name: "infer", phase: meant, clock: "log", t });
    }
  }
  const notes: Note[] = [];
  if (marks.length === 0) notes.push({ level: "warning", text: `${path}: no marks in it` });
  append(notes, counted(path, "warning", back, "lines go back in time"));
  const what = "garbled messages of begun or ended inferences, taken for what is left of them";
  append(notes, counted(path, "warning", garbled, what));
  const traceStart =
    session && instant<"unix">(session.unix + (traceOn ?? session.log) - session.log);
  const traceS =
    traceOn === undefined || traceOff === undefined ? null : Number(traceOff - traceOn) / 1e9;
  return { marks, traceStart: traceStart ?? null, traceS, notes };
}

function markOf(source: string, message: string, t: bigint, seconds: string): Mark | undefined {
  const start = /\bm-infer-start-(\d+)\s*$/.exec(message)?.[1];
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

/** Messages of inferences, and how many of their characters must be left, in their order: no other message has as many. */
const MEANT = [
  { phase: "end", text: "m-infer-done", least: 10 },
  { phase: "begin", text: "m-infer-start-", least: 11 },
] as const;
/** A message is short; whatever follows it on its line is noise. */
const MOST_CHARACTERS = 64;

/** Which mark a garbled message of the device is; undefined where it is none. */
function meantBy(source: string, message: string): "begin" | "end" | undefined {
  const said = source === "io" ? /\[dut\]:\s*(.*)/.exec(message)?.[1] : undefined;
  if (said === undefined) return undefined;
  const best = MEANT.map(({ phase, text, least }) => {
    const left = commonLength(said.slice(0, MOST_CHARACTERS), text);
    return { phase, missing: text.length - left, isMeant: left >= least };
  }).sort((a, b) => a.missing - b.missing)[0]!;
  return best.isMeant ? best.phase : undefined;
}

/** Length of the longest text that is left of both by striking characters out. */
function commonLength(a: string, b: string): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const c of a) {
    const next = [0];
    for (let j = 0; j < b.length; j++)
      next.push(c === b[j] ? row[j]! + 1 : Math.max(row[j + 1]!, next[j]!));
    row = next;
  }
  return row[b.length]!;
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
