// MLPerf Power captures: SPEC PTDaemon's sample log (spl.txt, about one line a second of AC power)
// and LoadGen's mlperf_log_detail.txt, whose power_begin and power_end bound the measured window.
// Both stamp naive local time; MLPerf's rules want one zone for both. A source is the folder, or the
// spl.txt itself where a folder holds several; a prefix of its name (run_1-) goes for the detail log too.

import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { inputError } from "../../../schema/errors.ts";
import type { Mark, Note } from "../../../schema/records.ts";
import { type Instant, instant } from "../../../schema/time.ts";
import { onDisk } from "../shared/dates.ts";
import type { ImportContext, Importer } from "../importer.ts";
import { readLines, toNumber } from "../shared/lines.ts";
import { presentSensors, rowSink, usualHz } from "../shared/rows.ts";
import { inPlace, placementNotes } from "../shared/placed-rows.ts";
import { type Placement, placementIfOdd } from "../shared/row-order.ts";
import { counted, cutLines } from "../shared/notes.ts";
import { RowTail, timedSession } from "../shared/text-log.ts";
import { textLayout, textRows, timedRig } from "../shared/text-rows.ts";
import { append } from "../../../schema/lists.ts";
import { valueAt } from "../../../stats/places.ts";

const WHAT = "a PTDaemon sample log";
const SPL = "spl.txt";

interface Sample {
  readonly t: Instant<"unix">;
  readonly line: number;
  readonly values: readonly number[];
}

/** What a first pass over the sample log found. */
interface Survey {
  readonly columns: readonly string[];
  readonly first: Instant<"unix">;
  readonly last: Instant<"unix">;
  /** From the median distance of samples. */
  readonly rowHz: number;
  readonly malformed: number;
  /** Samples that do not agree with themselves. */
  readonly contradicting: number;
  readonly placement: Placement | null;
}

/** @throws InputError when the log's first line is no sample or a stamp is no date. */
export const importMlperfPower: Importer = async (source, context) => {
  const spl = findSpl(source);
  const detail = join(dirname(spl), basename(spl).slice(0, -SPL.length) + "mlperf_log_detail.txt");
  const survey = surveySpl(spl, context);
  const notes: Note[] = [
    ...counted(
      spl,
      "warning",
      survey.contradicting,
      "samples whose watts are not their volts, amperes and power factor, or not the sum of their phases: damaged?",
    ),
    ...cutLines(spl, survey.malformed),
    ...(survey.placement ? placementNotes(spl, survey.placement) : []),
  ];
  const marks = existsSync(detail) ? readWindow(detail, context, survey.first) : [];
  append(notes, windowNotes(marks, detail, survey));

  const rig = timedRig(
    presentSensors(await context.rig("mlperf-power"), survey.columns, notes),
    survey.rowHz,
  );
  const layout = textLayout(rig, survey.columns);
  context.origin(spl);
  if (existsSync(detail)) context.origin(detail);
  const epoch = marks.reduce((least, m) => (m.t < least ? m.t : least), survey.first as bigint);
  const log = context.create(
    timedSession(epoch, true, { format: "mlperf-power", capture: basename(dirname(spl)) }),
    rig,
  );
  for (const mark of marks) log.mark(mark);
  const rows = textRows(rowSink(log, layout, instant<"host">(survey.first)), layout, spl);
  const read = (): Iterable<Sample | undefined> => samples(spl, context, survey.columns);
  for (const placed of inPlace(read, survey.placement)) {
    if (!placed) {
      rows.leaveOut();
      continue;
    }
    if (placed.leapNs > 0) rows.pause(Math.round((placed.leapNs * survey.rowHz) / 1e9));
    rows.add(placed.row.t, placed.row.values);
  }
  for (const note of [...notes, ...rows.end()]) log.note(note);
  log.close();
};

function findSpl(source: string): string {
  if (!existsSync(source)) throw inputError("no such file or folder", source, WHAT);
  // Whatever is no folder is opened, and refused there by what it is.
  if (!statSync(source).isDirectory()) return source;
  const found = readdirSync(source).filter((n) => n.endsWith(SPL));
  const [only] = found;
  if (only === undefined || found.length > 1)
    throw inputError(
      found.length === 0 ? "no sample log" : "several sample logs, name one of them",
      source,
      `one *${SPL}`,
      found.sort().join(", "),
    );
  return join(source, only);
}

function surveySpl(path: string, context: ImportContext): Survey {
  const columns = columnsOf(path);
  const read = (): Iterable<Sample | undefined> => samples(path, context, columns);
  const placement = placementIfOdd(path, read);
  let first: Instant<"unix"> | undefined;
  let last: Instant<"unix"> | undefined;
  let malformed = 0;
  let contradicting = 0;
  const steps: number[] = [];
  for (const sample of read()) {
    if (!sample) malformed++;
    else if (!agrees(columns, sample.values)) contradicting++;
  }
  for (const placed of inPlace(read, placement)) {
    if (!placed) continue;
    const { t } = placed.row;
    if (last !== undefined && t > last) steps.push(Number(t - last));
    first ??= t;
    last = t;
  }
  if (first === undefined || last === undefined) throw inputError("no sample in it", path, WHAT);
  return { columns, first, last, rowHz: usualHz(steps), malformed, contradicting, placement };
}

/** Meters print four or more digits; in the captures seen W and V·A·PF agree within 2 · 10⁻⁴. */
const AGREEMENT = 0.02;
const AGREEMENT_W = 0.1;

/** Whether watts are V·A·PF, or the sum of the phases; true where the columns for that are not there. */
function agrees(columns: readonly string[], values: readonly number[]): boolean {
  const value = (name: string): number => values[columns.indexOf(name)] ?? NaN;
  const phases = values.filter((_, i) => /^ch\d+_watts$/.test(valueAt(columns, i)));
  // PTDaemon prints −1 for a power factor that its meter does not give.
  const factor = value("pf") < 0 ? NaN : value("pf");
  const expected =
    phases.length > 0 ? phases.reduce((a, b) => a + b, 0) : value("volts") * value("amps") * factor;
  return !(Math.abs(value("watts") - expected) > AGREEMENT_W + AGREEMENT * Math.abs(expected));
}

/** `Watts`, `Volts`, `Amps`, `PF`, and per phase `ch1_watts`, …: the names on the first line. */
function columnsOf(path: string): string[] {
  for (const { text, number } of readLines(path, WHAT)) {
    if (text.trim() === "") continue;
    const cells = parse(text);
    if (!cells?.names.includes("watts"))
      throw inputError(
        "not a sample line",
        `${path}:${number}`,
        "Time,MM-DD-YYYY HH:MM:SS.mmm,Watts,…",
        JSON.stringify(text.slice(0, 40)),
      );
    return cells.names;
  }
  throw inputError("no sample in it", path, WHAT);
}

/** One entry a line that is not blank; undefined for a line unlike the first. */
function* samples(
  path: string,
  context: ImportContext,
  columns: readonly string[],
): Generator<Sample | undefined> {
  const tail = new RowTail();
  let near: Instant<"unix"> | undefined;
  for (const line of readLines(path, WHAT)) {
    if (line.text.trim() === "") continue;
    const cells = parse(line.text);
    if (!cells || tail.isCut(line) || cells.names.join() !== columns.join()) {
      yield undefined;
      continue;
    }
    tail.kept(line);
    const t = localTime(cells.time, context, near);
    if (t === undefined)
      throw inputError("bad time", `${path}:${line.number}`, "MM-DD-YYYY HH:MM:SS.mmm", cells.time);
    near = t;
    yield { t, line: line.number, values: cells.values };
  }
}

/** `Time,T,Name,x,…,Mark,text,Ch1,Name,x,…` → names and numbers; undefined when it is not that. */
function parse(text: string): { time: string; names: string[]; values: number[] } | undefined {
  const cells = text.split(",").map((c) => c.trim());
  const [begin, time, ...rest] = cells;
  if (begin !== "Time" || time === undefined || rest.length < 2) return undefined;
  const names: string[] = [];
  const values: number[] = [];
  let prefix = "";
  for (let i = 0; i < rest.length; i += 2) {
    const channel = /^Ch\d+$/.exec(valueAt(rest, i));
    if (channel) {
      prefix = `${channel[0].toLowerCase()}_`;
      i++;
    }
    const [name, value] = rest.slice(i, i + 2);
    if (name === undefined || value === undefined) return undefined;
    if (name === "Mark") continue;
    const number = toNumber(value);
    if (number === undefined) return undefined;
    names.push(prefix + name.toLowerCase());
    values.push(number);
  }
  return { time, names, values };
}

type Six = [number, number, number, number, number, number];

function localTime(
  text: string,
  context: ImportContext,
  near?: Instant<"unix">,
): Instant<"unix"> | undefined {
  const m = /^(\d\d)-(\d\d)-(\d{4}) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?$/.exec(text);
  if (!m) return undefined;
  const ns = Number((m[7] ?? "").padEnd(9, "0"));
  const [month, day, year, h, min, s] = m.slice(1, 7).map(Number) as Six;
  return onDisk(context.localToUnix([year, month, day, h, min, s, ns], near));
}

/** `:::MLLOG {"key": "power_begin", "value": "MM-DD-YYYY HH:MM:SS.mmm", …}` → mark `load`. */
function readWindow(path: string, context: ImportContext, first: Instant<"unix">): Mark[] {
  const marks: Mark[] = [];
  let near = first;
  for (const { text, number } of readLines(path, "a LoadGen detail log")) {
    const key = /"key":\s*"power_(begin|end)"/.exec(text)?.[1];
    if (key === undefined) continue;
    const value = /"value":\s*"([^"]*)"/.exec(text)?.[1] ?? "";
    const t = localTime(value, context, near);
    if (t === undefined)
      throw inputError("bad time", `${path}:${number}`, "MM-DD-YYYY HH:MM:SS.mmm", value);
    near = t;
    marks.push({ name: "load", phase: key === "begin" ? "begin" : "end", clock: "host", t });
  }
  return marks;
}

function windowNotes(marks: readonly Mark[], path: string, survey: Survey): Note[] {
  const begins = marks.filter((m) => m.phase === "begin").length;
  if (begins === 0 || begins * 2 !== marks.length)
    return [
      {
        level: "warning",
        text: `${path}: ${begins} power_begin and ${marks.length - begins} power_end`,
      },
    ];
  if (marks.some((m) => m.t < survey.first || m.t > survey.last))
    return [
      {
        level: "warning",
        text: `${path}: power_begin or power_end lies outside the meter's log: other zone or clock?`,
      },
    ];
  return [];
}
