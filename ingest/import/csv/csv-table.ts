// A CSV file under a map → where its data begin, which cell is what, and its rows one at a time.

import { inputError } from "../../../schema/errors.ts";
import type { Instant } from "../../../schema/time.ts";
import type { ImportContext } from "../importer.ts";
import { separatorOf, splitCells } from "../shared/csv-line.ts";
import { parseDate } from "../shared/dates.ts";
import { decimalToNs, MAX_NS, readLines, toNumber } from "../shared/lines.ts";
import { RowTail } from "../shared/text-log.ts";
import type { ColumnUse, CsvMap, RowRate } from "./csv-map.ts";

export const WHAT = "CSV with the columns of --map";
/** A preamble longer than this is no preamble: the columns are not in the file. */
const MAX_PREAMBLE = 200;
/** Lines of units and the like between header and data. */
const MAX_UNIT_LINES = 3;

/** Where the data begin and which cell is what. */
export interface Plan {
  readonly path: string;
  readonly map: CsvMap;
  readonly separator: string;
  readonly firstLine: number;
  readonly width: number;
  /** Of the header; none where the map gives columns by number alone. */
  readonly names: readonly string[];
  readonly cellOf: (column: string | number) => number;
}

export interface Row {
  /** Nanoseconds: Unix, or the file's own count. */
  readonly t: bigint;
  /** Of the rows with the cells of a row, from 0. */
  readonly index: number;
  readonly cells: readonly string[];
  /** Its line in the file, from 1. */
  readonly line: number;
}

/** The first line of data: below the header that has every named column, where the mapped cells are numbers. */
export function findData(path: string, map: CsvMap): Plan {
  const uses = [...map.fields, ...map.telemetry].map((u) => u.column);
  const columns = [...uses, ...(map.time.kind === "index" ? [] : [map.time.column])];
  if (map.mark !== undefined) columns.push(map.mark);
  for (const { column } of map.where) columns.push(column);
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
    const plan = { path, map, separator, firstLine: number, width: cells.length, names, cellOf };
    const whole = columns.every((c) => cellOf(c) < cells.length);
    if (
      whole &&
      uses.some((c) => toNumber(decimal(cells[cellOf(c)] ?? "", separator)) !== undefined)
    )
      return plan;
    // A row whose cells are empty is none of units: a channel may begin later than others.
    const isEmpty = whole && uses.every((c) => (cells[cellOf(c)] ?? "").trim() === "");
    if (header && !isEmpty && ++sinceHeader > MAX_UNIT_LINES)
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

export function numberAt(row: Row, plan: Plan, use: ColumnUse): number {
  return (toNumber(decimal(row.cells[plan.cellOf(use.column)]!, plan.separator)) ?? NaN) * use.toSi;
}

/** One entry a line from the first line of data on; undefined where it is cut or has no time, null where the map leaves it to another series. */
export function* dataRows(
  plan: Plan,
  context: ImportContext,
  progress?: ImportContext["progress"],
): Generator<Row | undefined | null> {
  const { path, map } = plan;
  const { time } = map;
  let index = 0;
  const tail = new RowTail();
  let near: Instant<"unix"> | undefined;
  for (const line of readLines(path, WHAT, progress)) {
    const { text, number } = line;
    if (number < plan.firstLine || text.trim() === "") continue;
    const cells = splitCells(text, plan.separator);
    if (map.where.some((w) => cells[plan.cellOf(w.column)] !== w.value)) {
      yield cells.length === plan.width ? null : undefined;
      continue;
    }
    let t: bigint | undefined;
    if (time.kind === "index") t = indexedNs(index, time.rate);
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
    yield t === undefined || !whole ? undefined : { t, index, cells, line: number };
    index++;
  }
}

/** Rounded once, whichever the row: no error adds up. Undefined beyond what a log can hold. */
function indexedNs(index: number, { rows, ns }: RowRate): bigint | undefined {
  const t = (2n * BigInt(index) * ns + rows) / (2n * rows);
  return t < MAX_NS ? t : undefined;
}

/** Cells of which the map says what they are. */
export function usedCells({ map, cellOf }: Plan): Set<number> {
  const columns = [...map.fields, ...map.telemetry, ...map.where].map((u) => u.column);
  if (map.time.kind !== "index") columns.push(map.time.column);
  if (map.mark !== undefined) columns.push(map.mark);
  return new Set(columns.map(cellOf));
}

/** Whether anything stands where the map has a number: a row without is no part of what is measured. */
export const hasValue = (row: Row, { map, cellOf }: Plan): boolean =>
  [...map.fields, ...map.telemetry].some((u) => row.cells[cellOf(u.column)] !== "");
