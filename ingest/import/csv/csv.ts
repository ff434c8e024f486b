// Any CSV file with a time column, by `--map` (csv-map.ts): rails become DAQ rows, channels telemetry.
// What stands before the data (an oscilloscope's preamble, unit lines) is skipped and counted. Numbers
// are kept in SI as float64; what a sensor makes of them is the rig's. Times below 10^9 s count from
// some start of the file's own (an oscilloscope's trigger), which then is the session's clock.

import { basename } from "node:path";
import type { LogWriter } from "../../../capture/log-writer.ts";
import { InputError, inputError } from "../../../schema/errors.ts";
import type { Note } from "../../../schema/records.ts";
import type { Rail, Rig, Sensor } from "../../../schema/rig.ts";
import { append } from "../../../schema/lists.ts";
import { type Instant, instant } from "../../../schema/time.ts";
import { separatorOf, splitCells } from "../shared/csv-line.ts";
import { type ColumnUse, type CsvMap, parseMap } from "./csv-map.ts";
import { parseDate } from "../shared/dates.ts";
import type { ImportContext, Importer } from "../importer.ts";
import { decimalToNs, MAX_NS, readLines, toNumber, UNIX_FROM_NS } from "../shared/lines.ts";
import { rowSink, usualHz } from "../shared/rows.ts";
import { marksOf, type TextMark } from "../shared/text-marks.ts";
import { counted } from "../shared/notes.ts";
import { RowTail, timedRead, timedSession } from "../shared/text-log.ts";
import { textLayout, textRows, timedRig } from "../shared/text-rows.ts";

const WHAT = "CSV with the columns of --map";
/** A preamble longer than this is no preamble: the columns are not in the file. */
const MAX_PREAMBLE = 200;
/** Lines of units and the like between header and data. */
const MAX_UNIT_LINES = 3;
/** Rail of rigs/csv.yaml whose sensors stand for those of a rail that only the map names. */
const TEMPLATE = "template";

/** Where the data begin and which cell is what. */
interface Plan {
  readonly map: CsvMap;
  readonly separator: string;
  readonly firstLine: number;
  readonly width: number;
  readonly cellOf: (column: string | number) => number;
}

interface Row {
  /** Nanoseconds: Unix, or the file's own count. */
  readonly t: bigint;
  readonly cells: readonly string[];
}

/** @throws InputError when the map or a column is wrong, or no line holds data. */
export const importCsv: Importer = async (path, context) => {
  if (context.map === undefined)
    throw new InputError(
      `${path}: csv needs --map to say which column is what (docs/importing.md)`,
    );
  const map = parseMap(context.map);
  const plan = findData(path, map);
  const survey = surveyRows(path, plan, context);
  const unix = survey.first >= UNIX_FROM_NS;
  // Rows cannot be before zero; a trigger in the middle of a record becomes a mark.
  const zero = unix ? 0n : survey.first;
  const rig = map.fields.length > 0 ? await rigFor(map, survey.rowHz, context) : null;
  const names = map.fields.map((f) => f.name);
  const layout = rig && textLayout(rig, names);
  context.origin(path);
  const start = survey.first - zero;
  const log = context.create(
    timedSession(start, unix, { format: "csv", capture: basename(path), map: context.map }),
    rig,
  );
  const marks = survey.marks.map((m) => ({ ...m, t: m.t - zero }));
  if (zero < 0n) marks.push({ t: -zero, text: "trigger" });
  for (const mark of marksOf(marks)) log.mark(mark);
  const rows = layout && textRows(rowSink(log, layout, instant<"host">(start)), layout, path);
  const write = telemetryWriter(log, plan, unix);
  const values = new Float64Array(names.length);
  for (const row of dataRows(path, plan, context, (d, n) => context.progress(d, n))) {
    if (!row) continue;
    for (const [k, field] of map.fields.entries()) values[k] = numberAt(row, plan, field);
    rows?.add(row.t - zero, values);
    write(row, row.t - zero);
  }
  for (const note of [...survey.notes, ...(rows?.end() ?? [])]) log.note(note);
  log.close();
};

/** The first line of data: below the header that has every named column, where the mapped cells are numbers. */
function findData(path: string, map: CsvMap): Plan {
  const uses = [...map.fields, ...map.telemetry].map((u) => u.column);
  const columns = [...uses, ...(map.time.kind === "index" ? [] : [map.time.column])];
  if (map.mark !== undefined) columns.push(map.mark);
  const named = [...new Set(columns.filter((c) => typeof c === "string"))];
  let header: string[] | undefined;
  let separator = ",";
  let sinceHeader = 0;
  for (const { text, number } of readLines(path, WHAT)) {
    if (number > MAX_PREAMBLE) break;
    if (!header || named.length === 0) separator = separatorOf(text);
    const cells = splitCells(text, separator);
    if (!header && named.length > 0) {
      if (named.every((n) => cells.includes(n))) header = cells;
      continue;
    }
    const names = header ?? [];
    const cellOf = (c: string | number): number => (typeof c === "number" ? c : names.indexOf(c));
    const plan = { map, separator, firstLine: number, width: cells.length, cellOf };
    const whole = columns.every((c) => cellOf(c) < cells.length);
    if (
      whole &&
      uses.some((c) => toNumber(decimal(cells[cellOf(c)] ?? "", separator)) !== undefined)
    )
      return plan;
    if (header && ++sinceHeader > MAX_UNIT_LINES)
      throw inputError(
        "no numbers below the header",
        `${path}:${number}`,
        WHAT,
        JSON.stringify(text.slice(0, 60)),
      );
  }
  if (named.length > 0 && !header)
    throw inputError(
      "no header with every mapped column",
      path,
      named.map((n) => JSON.stringify(n)).join(", "),
    );
  throw inputError("no line of data", path, WHAT);
}

/** Files with semicolons often have decimal commas. */
const decimal = (cell: string, separator: string): string =>
  separator === ";" ? cell.replace(",", ".") : cell;

function numberAt(row: Row, plan: Plan, use: ColumnUse): number {
  return (toNumber(decimal(row.cells[plan.cellOf(use.column)]!, plan.separator)) ?? NaN) * use.toSi;
}

/** One entry a line from the first line of data on; undefined where it is cut or has no time. */
function* dataRows(
  path: string,
  plan: Plan,
  context: ImportContext,
  progress?: ImportContext["progress"],
): Generator<Row | undefined> {
  const { time } = plan.map;
  let index = 0;
  const tail = new RowTail();
  let near: Instant<"unix"> | undefined;
  for (const line of readLines(path, WHAT, progress)) {
    const { text, number } = line;
    if (number < plan.firstLine || text.trim() === "") continue;
    const cells = splitCells(text, plan.separator);
    let t: bigint | undefined;
    if (time.kind === "index") t = wholeNs((index++ / time.rateHz) * 1e9);
    else {
      const cell = cells[plan.cellOf(time.column)] ?? "";
      if (time.kind === "date") {
        const date = parseDate(cell, context, near);
        near = date ?? near;
        t = date;
      } else t = decimalToNs(decimal(cell, plan.separator), time.power);
    }
    const whole = cells.length === plan.width && !tail.isCut(line);
    tail.kept(line);
    yield t === undefined || !whole ? undefined : { t, cells };
  }
}

const wholeNs = (ns: number): bigint | undefined =>
  ns < Number(MAX_NS) ? BigInt(Math.round(ns)) : undefined;

interface Survey {
  readonly first: bigint;
  /** From the median distance of rows. */
  readonly rowHz: number;
  readonly marks: TextMark[];
  readonly notes: readonly Note[];
}

function surveyRows(path: string, plan: Plan, context: ImportContext): Survey {
  const marks: TextMark[] = [];
  const steps: number[] = [];
  let first: bigint | undefined;
  let last: bigint | undefined;
  let cut = 0;
  for (const row of dataRows(path, plan, context)) {
    if (!row) {
      cut++;
      continue;
    }
    if (last !== undefined && row.t > last && steps.length < 1 << 16)
      steps.push(Number(row.t - last));
    last = row.t;
    // Of rows that will be kept, as the others leave no trace in the stream.
    if (
      first === undefined &&
      plan.map.fields.every((f) => Number.isFinite(numberAt(row, plan, f)))
    )
      first = row.t;
    const text = plan.map.mark === undefined ? "" : row.cells[plan.cellOf(plan.map.mark)]!;
    if (text !== "") marks.push({ t: row.t, text });
  }
  if (first === undefined) throw inputError("no line has a time and all its numbers", path, WHAT);
  const notes: Note[] = [];
  if (plan.firstLine > 2)
    notes.push({
      level: "info",
      text: `${path}: ${plan.firstLine - 1} lines stand before the data`,
    });
  append(
    notes,
    counted(path, "loss", cut, "lines are cut, malformed or without a time and were left out"),
  );
  return { first, rowHz: usualHz(steps), marks, notes };
}

/** The rig's own rails; those that only the map names are made after its rail `template`. */
async function rigFor(map: CsvMap, rowHz: number, context: ImportContext): Promise<Rig> {
  const rig = await context.rig("csv");
  const template = rig.rails.find((r) => r.name === TEMPLATE);
  const known = rig.rails.filter((r) => r.name !== TEMPLATE);
  const made = [...map.rails].flatMap(([name, kinds]) => {
    if (known.some((r) => r.name === name)) return [];
    if (!template) throw inputError(`no rail ${name}, which --map names`, `rig ${rig.name}`);
    return [railFrom(template, name, kinds)];
  });
  return timedRig({ ...rig, rails: [...known, ...made] }, rowHz);
}

function railFrom(template: Rail, name: string, kinds: ReadonlySet<"v" | "a" | "w">): Rail {
  const sensor = (like: Sensor | undefined, kind: "v" | "a" | "w"): Sensor | undefined =>
    like && kinds.has(kind) ? { ...like, field: `${name}_${kind}` } : undefined;
  const voltage = sensor(template.voltage, "v");
  const current = sensor(template.current, "a");
  const power = sensor(template.power, "w");
  if (!power && !(voltage && current))
    throw new InputError(`--map: rail ${name} needs w.${name}, or v.${name} and a.${name}`);
  return {
    name,
    ...(voltage ? { voltage } : {}),
    ...(current ? { current } : {}),
    ...(power ? { power } : {}),
  };
}

function telemetryWriter(
  log: LogWriter,
  plan: Plan,
  unix: boolean,
): (row: Row, tNs: bigint) => void {
  const { telemetry } = plan.map;
  for (const { channel } of telemetry) log.declareTelemetry(channel);
  return (row, tNs) => {
    for (const use of telemetry) {
      const stamp = unix ? instant<"unix">(row.t) : null;
      log.read(timedRead(use.channel.name, tNs, { value: numberAt(row, plan, use), stamp }));
    }
  };
}
