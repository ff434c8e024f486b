// The first reading of a CSV file: when its rows begin, how far apart they are, what marks stand in them, and
// where the rows belong whose times do not follow each other.

import { InputError, inputError } from "../../../schema/errors.ts";
import { append } from "../../../schema/lists.ts";
import type { Note } from "../../../schema/records.ts";
import type { ImportContext } from "../importer.ts";
import { counted } from "../shared/notes.ts";
import {
  inPlace,
  type Placement,
  placementNotes,
  placementOf,
  TimeWatch,
} from "../shared/row-order.ts";
import { usualHz } from "../shared/rows.ts";
import type { TextMark } from "../shared/text-marks.ts";
import { SeriesWatch } from "./series-column.ts";
import { dataRows, numberAt, type Plan, type Row, WHAT } from "./csv-table.ts";

/** Values that an error lists. */
const SHOWN_SERIES = 4;
/** Steps that are enough for a median. */
const MEDIAN_STEPS = 1 << 16;

export interface Survey {
  /** Time of the first row that is kept, ns. */
  readonly first: bigint;
  /** From the median distance of rows. */
  readonly rowHz: number;
  readonly marks: readonly TextMark[];
  readonly notes: readonly Note[];
  /** Null where every row belongs where it stands. */
  readonly placement: Placement | null;
}

/** @throws InputError where no row is whole, or the rows' times contradict each other. */
export function surveyRows(plan: Plan, context: ImportContext): Survey {
  const { path } = plan;
  const watch = new TimeWatch();
  const series = new SeriesWatch(usedCells(plan), plan.names);
  const steps: number[] = [];
  const marks: (TextMark & { row: number })[] = [];
  let first: bigint | undefined;
  let last: bigint | undefined;
  let cut = 0;
  let others = 0;
  let rows = 0;
  for (const row of dataRows(plan, context)) {
    if (!row) {
      if (row === null) others++;
      else cut++;
      continue;
    }
    watch.add(row.t);
    if (hasNumber(row, plan)) series.add(row);
    if (last !== undefined && row.t > last && steps.length < MEDIAN_STEPS)
      steps.push(Number(row.t - last));
    last = row.t;
    if (isWhole(row, plan)) first ??= row.t;
    const text = plan.map.mark === undefined ? "" : row.cells[plan.cellOf(plan.map.mark)]!;
    if (text !== "") marks.push({ t: row.t, text, row: rows });
    rows++;
  }
  if (rows === 0 && others > 0) throw noSuchRows(plan);
  refuseSeries(plan, series);
  const placement = watch.odd ? placementOf(path, timed(plan, context)) : null;
  if (placement) first = firstOf(plan, context, placement);
  if (first === undefined) throw inputError("no line has a time and all its numbers", path, WHAT);
  const placed = marks.filter((m) => !placement?.left.has(m.row));
  const notes: Note[] = [];
  if (plan.firstLine > 2)
    notes.push({
      level: "info",
      text: `${path}: ${plan.firstLine - 1} lines stand before the data`,
    });
  append(notes, counted(path, "info", others, "rows are none of those that where= asks for"));
  const lost = (n: number, text: string): void =>
    void append(notes, counted(path, "loss", n, text));
  lost(cut, "lines are cut, malformed or without a time and were left out");
  if (placement) append(notes, placementNotes(path, placement));
  lost(marks.length - placed.length, "marks stand in rows without a place and were left out");
  return { first, rowHz: usualHz(steps), marks: placed, notes, placement };
}

/** Cells of which the map says what they are. */
function usedCells({ map, cellOf }: Plan): Set<number> {
  const columns = [...map.fields, ...map.telemetry, ...map.where].map((u) => u.column);
  if (map.time.kind !== "index") columns.push(map.time.column);
  if (map.mark !== undefined) columns.push(map.mark);
  return new Set(columns.map(cellOf));
}

/** Rows without are no part of what is measured. */
const hasNumber = (row: Row, plan: Plan): boolean =>
  [...plan.map.fields, ...plan.map.telemetry].some((u) => Number.isFinite(numberAt(row, plan, u)));

const noSuchRows = ({ path, map }: Plan): InputError =>
  new InputError(
    `${path}: no row has ${map.where.map((w) => `${JSON.stringify(w.value)} in column ${nameOf(w.column)}`).join(" and ")}; change where= in --map`,
  );

const nameOf = (column: string | number): string =>
  typeof column === "number" ? `#${column + 1}` : column;

function refuseSeries({ path, names }: Plan, { found }: SeriesWatch): void {
  if (!found) return;
  const column = names[found.cell] ?? `#${found.cell + 1}`;
  const shown = found.values.slice(0, SHOWN_SERIES).join(", ");
  const more = found.values.length > SHOWN_SERIES ? ", …" : "";
  throw new InputError(
    `${path}: rows of ${found.values.length} series, told apart by column "${column}" (${shown}${more}), are no single measurement; take one by where=${column}=${found.values[0]} in --map, and import the others likewise`,
  );
}

/** The others leave no trace in the stream. */
const isWhole = (row: Row, plan: Plan): boolean =>
  plan.map.fields.every((f) => Number.isFinite(numberAt(row, plan, f)));

function* timed(plan: Plan, context: ImportContext): Generator<Row> {
  for (const row of dataRows(plan, context)) if (row) yield row;
}

function firstOf(plan: Plan, context: ImportContext, placement: Placement): bigint | undefined {
  for (const placed of inPlace(() => dataRows(plan, context), placement))
    if (placed && isWhole(placed.row, plan)) return placed.row.t;
  return undefined;
}
