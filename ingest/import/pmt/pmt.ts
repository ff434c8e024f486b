// Text logs of PMT (Power Measurement Toolkit): `timestamp NAME…`, then lines of seconds and watts, and
// `M SECONDS "message"` for marks. What PMT reads is the driver's or the board's own claim, so its columns
// are telemetry and the run has no physical trace. A dump of PowerSensor3 is one: see ps3-dump.ts.
//
// Marks count from a zero that the file does not state (the program's start state, up to 0.2 s after the
// first line in logs seen). Lines stand in order of writing, though, so each mark lies between its
// neighbours, and the zero lies where all marks agree with that.

import { basename } from "node:path";
import { inputError } from "../../../schema/errors.ts";
import type { Mark, Note } from "../../../schema/records.ts";
import { instant } from "../../../schema/time.ts";
import type { ImportContext, Importer } from "../importer.ts";
import { readLines, secondsToNs, toNumber, UNIX_FROM_NS } from "../shared/lines.ts";
import { importPs3Dump } from "./ps3-dump.ts";
import { MOST_FIELDS } from "../shared/rows.ts";
import { cutLines } from "../shared/notes.ts";
import { inPlace, placementNotes, refuseLeaps } from "../shared/placed-rows.ts";
import { type Placement, placementIfOdd, type TimedRow } from "../shared/row-order.ts";
import { RowTail, timedRead, timedSession } from "../shared/text-log.ts";
import { marksOf } from "../shared/text-marks.ts";

const WHAT = "a PMT log (timestamp NAME…) or a PowerSensor3 dump (marker time …)";

/** Stamps are printed to 1 ms, so neighbours may contradict each other by that much each. */
const ROUNDING_NS = 2_000_000n;

type Entry =
  | ({ readonly kind: "row"; readonly cells: readonly string[] } & TimedRow)
  | { readonly kind: "mark"; readonly t: bigint; readonly message: string }
  | { readonly kind: "cut" };

/** @throws InputError when the first line is neither header. */
export const importPmt: Importer = async (path, context) => {
  const header = firstLine(path);
  if (header.length > MOST_FIELDS)
    throw inputError("too many columns", `${path}:1`, `at most ${MOST_FIELDS}`, `${header.length}`);
  if (header[0] === "marker") return importPs3Dump(path, header, context);
  if (header[0] !== "timestamp" || header.length < 2)
    throw inputError(
      "unknown header",
      `${path}:1`,
      WHAT,
      JSON.stringify(header.join(" ").slice(0, 60)),
    );
  importLog(path, header.slice(1), context);
};

function firstLine(path: string): string[] {
  for (const { text } of readLines(path, WHAT))
    if (text.trim() !== "") return text.trim().split(/\s+/);
  return [];
}

function importLog(path: string, columns: readonly string[], context: ImportContext): void {
  const survey = surveyLog(path, columns.length);
  const { marks, notes } = placeMarks(path, survey);
  const start = marks.reduce((least, m) => (m.t < least ? m.t : least), survey.first);
  const unix = survey.first >= UNIX_FROM_NS;
  context.origin(path);
  const log = context.create(
    timedSession(start, unix, { format: "pmt", capture: basename(path) }),
    null,
  );
  const channels = channelNames(columns);
  for (const name of channels) log.declareTelemetry({ name, quantity: "power", unit: "W" });
  for (const mark of marks) log.mark(mark);
  for (const placed of inPlace(() => rowsOf(path, columns.length), survey.placement)) {
    if (!placed) continue;
    const { t, cells } = placed.row;
    const stamp = unix ? instant<"unix">(t) : null;
    for (const [i, channel] of channels.entries()) {
      const value = toNumber(cells[i]!) ?? NaN;
      log.read(timedRead(channel, t, { value, stamp }));
    }
  }
  for (const note of [...survey.notes, ...notes]) log.note(note);
  log.close();
}

/** Columns of one name (two GPUs) are numbered in their order: `nvml.0.power_instant`. */
function channelNames(columns: readonly string[]): string[] {
  const names = columns.map(channelName);
  return names.map((name, i) => {
    const same = names.flatMap((other, k) => (other === name ? [k] : []));
    return same.length === 1 ? name : name.replace(".", `.${same.indexOf(i)}.`);
  });
}

/** PMT's name of a column → channel; the backend is known by the names that only it uses. */
function channelName(column: string): string {
  const name = column.toLowerCase().replace(/[^a-z0-9]+/g, "_");
  if (name === "gpu_instant") return "nvml.power_instant";
  if (name === "gpu_average") return "nvml.power_average";
  if (name === "device") return "rocm.device";
  if (/^(package|core|uncore|dram|psys)/.test(name)) return `rapl.${name}`;
  return `meter.${name}`;
}

/** What a first pass found; each mark with the rows before and after it. */
interface Survey {
  readonly first: bigint;
  readonly marks: readonly {
    t: bigint;
    message: string;
    after: bigint | null;
    before: bigint | null;
  }[];
  readonly notes: readonly Note[];
  readonly placement: Placement | null;
}

function surveyLog(path: string, columns: number): Survey {
  const marks: { t: bigint; message: string; after: bigint | null; before: bigint | null }[] = [];
  let first: bigint | null = null;
  let last: bigint | null = null;
  let open = 0;
  let cut = 0;
  let rows = 0;
  const placement = placementIfOdd(path, () => rowsOf(path, columns));
  if (placement) refuseLeaps(path, placement);
  for (const entry of entries(path, columns)) {
    if (entry.kind === "cut") cut++;
    else if (entry.kind === "mark")
      marks.push({ t: entry.t, message: entry.message, after: last, before: null });
    else if (!placement?.left.has(rows++)) {
      if (first === null || entry.t < first) first = entry.t;
      last = entry.t;
      for (; open < marks.length; open++) marks[open]!.before = entry.t;
    }
  }
  if (first === null) throw inputError("no sample in it", path, WHAT);
  const notes: Note[] = [
    ...cutLines(path, cut),
    ...(placement ? placementNotes(path, placement) : []),
  ];
  if (marks.length === 0) notes.push({ level: "warning", text: `${path}: no marks in it` });
  return { first, marks, notes, placement };
}

function* rowsOf(path: string, columns: number): Generator<Extract<Entry, { kind: "row" }>> {
  for (const entry of entries(path, columns)) if (entry.kind === "row") yield entry;
}

function* entries(path: string, columns: number): Generator<Entry> {
  const tail = new RowTail();
  let begun = false;
  for (const line of readLines(path, WHAT)) {
    const { text } = line;
    if (text.trim() === "") continue;
    if (!begun) {
      begun = true;
      continue;
    }
    const mark = /^M\s+(\S+)\s+(?:\d+\s+)?"(.*)"\s*$/.exec(text);
    if (mark) {
      const t = secondsToNs(mark[1]!);
      yield t === undefined ? { kind: "cut" } : { kind: "mark", t, message: mark[2]! };
      continue;
    }
    const cells = text.trim().split(/\s+/);
    const t = secondsToNs(cells[0]!);
    if (t === undefined || cells.length !== columns + 1 || tail.isCut(line)) {
      yield { kind: "cut" };
      continue;
    }
    tail.kept(line);
    yield { kind: "row", t, line: line.number, cells: cells.slice(1) };
  }
}

function placeMarks(path: string, { first, marks }: Survey): { marks: Mark[]; notes: Note[] } {
  if (marks.length === 0) return { marks: [], notes: [] };
  // The newest PMT stamps marks as it stamps rows.
  if (marks.every((m) => m.t >= UNIX_FROM_NS === first >= UNIX_FROM_NS) && first >= UNIX_FROM_NS)
    return { marks: placed(marks, 0n), notes: [] };
  const zero = markZero(first, marks);
  const seconds = (Number(zero.at - first) / 1e9).toFixed(4);
  const note: Note = zero.agree
    ? {
        level: "info",
        text: `${path}: marks count from ${seconds} s after the first line, ± ${(Number(zero.half) / 1e9).toFixed(4)} s, by their place among the lines`,
      }
    : {
        level: "warning",
        text: `${path}: marks contradict their place among the lines; they are taken to count from ${seconds} s after the first line`,
      };
  return { marks: placed(marks, zero.at), notes: [note] };
}

/** The zero of the marks' seconds, on the rows' clock: the first row's time, if every mark allows that. */
function markZero(
  first: bigint,
  marks: Survey["marks"],
): { at: bigint; half: bigint; agree: boolean } {
  let lo: bigint | null = null;
  let hi: bigint | null = null;
  for (const { t, after, before } of marks) {
    if (after !== null && (lo === null || after - t > lo)) lo = after - t;
    if (before !== null && (hi === null || before - t < hi)) hi = before - t;
  }
  const from: bigint = lo ?? hi ?? first;
  const to: bigint = hi ?? lo ?? first;
  const agree = from <= to + ROUNDING_NS;
  const half = agree && to > from ? (to - from) / 2n : ROUNDING_NS;
  // Some versions count marks and rows from the same start.
  for (const natural of first < UNIX_FROM_NS ? [0n, first] : [first])
    if (from <= natural + ROUNDING_NS && natural <= to + ROUNDING_NS)
      return { at: natural, half, agree };
  return { at: (from + to) / 2n, half, agree };
}

function placed(marks: Survey["marks"], zero: bigint): Mark[] {
  return marksOf(marks.map(({ t, message }) => ({ t: zero + t, text: message })));
}
