// The first reading of a CSV file: when its rows begin, how far apart they are, what marks stand in them, and
// where the rows belong whose times do not follow each other.

import { InputError, inputError } from "../../../schema/errors.ts";
import { append } from "../../../schema/lists.ts";
import type { Note } from "../../../schema/records.ts";
import type { ImportContext } from "../importer.ts";
import { spread, tickNotes, type Ticks, TickWatch } from "../shared/coarse-times.ts";
import { counted } from "../shared/notes.ts";
import { UNIX_FROM_NS } from "../shared/lines.ts";
import { inPlace, placementNotes, type PlacedRow, refuseLeaps } from "../shared/placed-rows.ts";
import { type Placement, placementOf, TimeWatch } from "../shared/row-order.ts";
import { usualHz } from "../shared/rows.ts";
import type { TextMark } from "../shared/text-marks.ts";
import { SeriesWatch } from "./series-column.ts";
import { hzOf } from "./csv-map.ts";
import { dataRows, hasValue, numberAt, type Plan, type Row, WHAT } from "./csv-table.ts";

/** Values that an error lists. */
const SHOWN_SERIES = 4;
/** Steps that are enough for a median. */
const MEDIAN_STEPS = 1 << 16;

export interface Survey extends Start {
  readonly rowHz: number;
  readonly notes: readonly Note[];
  readonly layout: RowsLayout;
}

/** What the rows' times say of the rows. */
interface RowsLayout {
  /** Null where every row belongs where it stands. */
  readonly placement: Placement | null;
  /** Null where every row has a time of its own. */
  readonly ticks: Ticks | null;
}

interface Start {
  /** The first row that is kept. */
  readonly first: Row;
  readonly marks: readonly TextMark[];
}

/** @throws InputError where no row is whole, rows are of several series, or their times contradict each other. */
export function surveyRows(plan: Plan, context: ImportContext): Survey {
  const { path, map } = plan;
  const watch = { order: new TimeWatch(), ticks: new TickWatch(), series: new SeriesWatch(plan) };
  const start = new StartWatch(plan);
  const steps: number[] = [];
  let last: Row | undefined;
  const count = { rows: 0, cut: 0, others: 0 };
  for (const row of dataRows(plan, context)) {
    if (!row) {
      count[row === null ? "others" : "cut"]++;
      continue;
    }
    count.rows++;
    start.add(row);
    watch.order.add(row.t);
    if (!hasValue(row, plan)) continue;
    watch.series.add(row);
    if (map.time.kind !== "index") watch.ticks.add(row.t, () => valuesOf(row, plan));
    if (last && row.t > last.t && steps.length < MEDIAN_STEPS) steps.push(Number(row.t - last.t));
    last = row;
  }
  if (count.rows === 0 && count.others > 0) throw noSuchRows(plan);
  refuseSeries(plan, watch.series);
  const placement = watch.order.odd ? placementOf(path, dataRows(plan, context)) : null;
  if (placement && map.telemetry.some((t) => t.channel.quantity === "power"))
    refuseLeaps(path, placement);
  const ticks = watch.ticks.ticks(path);
  const layout = { placement, ticks };
  const kept = placement || ticks ? new StartWatch(plan) : start;
  if (kept !== start)
    for (const placed of placedRows(plan, context, layout)) if (placed) kept.add(placed.row);
  const { first } = kept;
  if (!first) throw inputError("no line has a time and all its numbers", path, WHAT);
  if (kept.unixLine !== undefined)
    throw new InputError(
      `${path}:${kept.unixLine}: Unix times begin, behind times that count from a start of the file's own: the clock was set; split the file before this line and import the parts`,
    );
  const notes: Note[] = [];
  if (plan.firstLine > 2)
    notes.push({
      level: "info",
      text: `${path}: ${plan.firstLine - 1} lines stand before the data`,
    });
  const counts = (level: Note["level"], n: number, text: string): void =>
    void append(notes, counted(path, level, n, text));
  counts("info", count.others, "rows are none of those that where= asks for");
  counts("loss", count.cut, "lines are cut, malformed or without a time and were left out");
  if (placement) append(notes, placementNotes(path, placement));
  if (ticks) append(notes, tickNotes(path, ticks));
  const lost = start.marks.length - kept.marks.length;
  counts("loss", lost, "marks stand in rows without a place and were left out");
  const rowHz = map.time.kind === "index" ? hzOf(map.time.rate) : (ticks?.rowHz ?? usualHz(steps));
  return { first, marks: kept.marks, rowHz, notes, layout };
}

/** The rows as they are to be written; undefined where one was left out. */
export function placedRows(
  plan: Plan,
  context: ImportContext,
  { placement, ticks }: RowsLayout,
  progress?: ImportContext["progress"],
): Iterable<PlacedRow<Row> | undefined> {
  const placed = inPlace(() => dataRows(plan, context, progress), placement);
  return ticks ? spread(placed, ticks, (row) => hasValue(row, plan)) : placed;
}

/** The first row and the marks. */
class StartWatch {
  first: Row | undefined;
  readonly marks: TextMark[] = [];
  /** Line of the first Unix time behind other ones. */
  unixLine: number | undefined;
  readonly #plan: Plan;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  add(row: Row): void {
    const { map, cellOf } = this.#plan;
    // Others leave no trace in the stream.
    if (!this.first && map.fields.every((f) => Number.isFinite(numberAt(row, this.#plan, f))))
      this.first = row;
    if (this.first && this.first.t < UNIX_FROM_NS && row.t >= UNIX_FROM_NS)
      this.unixLine ??= row.line;
    const text = map.mark === undefined ? "" : row.cells[cellOf(map.mark)]!;
    if (text !== "") this.marks.push({ t: row.t, text });
  }
}

const valuesOf = (row: Row, plan: Plan): number[] =>
  [...plan.map.fields, ...plan.map.telemetry].map((use) => numberAt(row, plan, use));

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
