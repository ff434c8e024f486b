// The rows of an nvidia-smi CSV log, and which GPU each is of: a path enters, stamped cells leave.

import { inputError } from "../../../schema/errors.ts";
import type { Note } from "../../../schema/records.ts";
import type { Instant } from "../../../schema/time.ts";
import { parseDate } from "../shared/dates.ts";
import type { ImportContext } from "../importer.ts";
import { readLines } from "../shared/lines.ts";
import { RowTail } from "../shared/text-log.ts";

const WHAT = "an nvidia-smi CSV log with a timestamp column";

/** Columns that say which GPU a row is of, best first; older names beside the present ones. */
const IDENTITY = ["index", "uuid", "gpu_uuid", "pci.bus_id", "gpu_bus_id", "serial", "gpu_serial"];

/**
 * What differs between models or boards and is never set while a card runs. Power and clocks are no such thing:
 * a script that reads one card before and after each kernel alternates them as two cards would.
 */
const BOARD =
  /^(name|gpu_name|vbios_version|pci\.device_id|pci\.sub_device_id|memory\.total|power\.(default|min|max)_limit)$/;

export interface SmiRow {
  readonly t: Instant<"unix">;
  readonly cells: readonly string[];
  readonly text: string;
}

const cellsOf = (text: string): string[] => text.split(",").map((c) => c.trim());

/** Cells of the first line that is not blank. @throws InputError when `timestamp` is not among them. */
export function readHeader(path: string): string[] {
  for (const { text, number } of readLines(path, WHAT)) {
    if (text.trim() === "") continue;
    const cells = cellsOf(text);
    if (!cells.includes("timestamp"))
      throw inputError(
        "no timestamp column",
        `${path}:${number}`,
        WHAT,
        JSON.stringify(text.slice(0, 60)),
      );
    return cells;
  }
  throw inputError("no header", path, WHAT);
}

/**
 * Whole rows; headers that stand again, as where a log was appended to, are passed over. `short` counts the rows
 * that were left out so far.
 * @throws InputError when a stamp is not a date.
 */
export function smiRows(
  path: string,
  header: readonly string[],
  context: ImportContext,
  start?: Instant<"unix">,
): { rows: Iterable<SmiRow>; short: () => number } {
  let short = 0;
  const stampAt = header.indexOf("timestamp");
  function* rows(): Generator<SmiRow> {
    let begun = false;
    const tail = new RowTail();
    let near = start;
    for (const line of readLines(path, WHAT)) {
      const { text, number } = line;
      if (text.trim() === "") continue;
      const cells = cellsOf(text);
      const again = cells.length === header.length && cells.every((c, i) => c === header[i]);
      if (!begun || again) {
        begun = true;
        continue;
      }
      if (cells.length !== header.length || tail.isCut(line)) {
        short++;
        continue;
      }
      tail.kept(line);
      const t = parseDate(cells[stampAt]!, context, near);
      if (t === undefined)
        throw inputError(
          "bad time",
          `${path}:${number}`,
          "YYYY/MM/DD HH:MM:SS.mmm",
          cells[stampAt],
        );
      near = t;
      yield { t, cells, text };
    }
  }
  return { rows: rows(), short: () => short };
}

/** How the rows of a log are told apart. */
export interface Gpus {
  readonly count: number;
  readonly name: string;
  /** From 0, in the order of first appearance; rows must come in file order. */
  readonly of: (row: SmiRow) => number;
  /** What stands in the name of a channel. */
  readonly label: (gpu: number) => string;
  readonly notes: readonly Note[];
}

/** Looks through the whole log for what tells its GPUs apart. */
export function gpusOf(
  path: string,
  header: readonly string[],
  context: ImportContext,
  near?: Instant<"unix">,
): Gpus {
  const identity = IDENTITY.map((name) => header.indexOf(name)).find((at) => at >= 0);
  const nameAt = header.findIndex((c) => c === "name" || c === "gpu_name");
  const boardAt = header.flatMap((c, at) => (BOARD.test(fieldOf(c)) ? [at] : []));
  const boards = new Map<string, number>();
  const ids = new Map<string, number>();
  const names = new Set<string>();
  /** How many stamps came with one row, with two, …, rows that repeat each other counted once. */
  const turns: number[] = [];
  let turn = new Set<string>();
  let last: Instant<"unix"> | undefined;
  for (const { t, cells, text } of smiRows(path, header, context, near).rows) {
    if (identity !== undefined) {
      const id = cells[identity]!;
      if (!ids.has(id)) ids.set(id, ids.size);
    }
    if (nameAt >= 0) names.add(cells[nameAt]!);
    const board = boardOf(cells, boardAt);
    boards.set(board, (boards.get(board) ?? 0) + 1);
    if (t !== last) {
      turns[turn.size] = (turns[turn.size] ?? 0) + 1;
      turn = new Set();
    }
    turn.add(text);
    last = t;
  }
  const name = names.size === 1 ? [...names][0]! : "";
  if (identity !== undefined) {
    const labels = [...ids.keys()];
    const byIndex = header[identity] === "index" && labels.every((l) => /^\d+$/.test(l));
    return {
      count: Math.max(1, ids.size),
      name,
      of: (row) => ids.get(row.cells[identity]!)!,
      label: (gpu) => (byIndex ? labels[gpu]! : String(gpu)),
      notes:
        ids.size > 1 && !byIndex
          ? [
              {
                level: "info",
                text: `${path}: GPUs are numbered as they come: ${labels.map((l, i) => `${i} is ${l}`).join(", ")}`,
              },
            ]
          : [],
    };
  }
  const inTurn = byTurn(path, turns);
  const apart = inTurn.count > 1 ? undefined : byBoard(path, boards, boardAt, header);
  return { name, ...(apart ?? inTurn) };
}

/** `power.max_limit [W]` → `power.max_limit`. */
const fieldOf = (header: string): string => header.replace(/\s*\[.*$/, "");

const boardOf = (cells: readonly string[], at: readonly number[]): string =>
  at.map((i) => cells[i]!).join(", ");

/** Rows of boards that differ are of several GPUs; a value that failed now and then makes none of its own. */
function byBoard(
  path: string,
  boards: ReadonlyMap<string, number>,
  boardAt: readonly number[],
  header: readonly string[],
): Omit<Gpus, "name"> | undefined {
  const rows = [...boards.values()].reduce((sum, n) => sum + n, 0);
  const isShare = (n: number): boolean => 2 * boards.size * n >= rows;
  if (boards.size < 2 || rows < MIN_TURNS || ![...boards.values()].every(isShare)) return undefined;
  const order = new Map([...boards.keys()].map((board, i) => [board, i]));
  const columns = boardAt.map((at) => fieldOf(header[at]!)).join(", ");
  return {
    count: boards.size,
    of: (row) => order.get(boardOf(row.cells, boardAt))!,
    label: (gpu) => String(gpu),
    notes: [
      {
        level: "warning",
        text: `${path}: no column names the GPU, but its rows are of ${boards.size} different ones by ${columns}: ${[...order].map(([board, i]) => `${i} is ${board}`).join("; ")}`,
      },
    ],
  };
}

/** Fewer stamps than this do not show how many GPUs take turns. */
const MIN_TURNS = 8;
/** Of the stamps, those that must come with the same number of rows. */
const SAME_TURNS = 0.9;

function byTurn(path: string, turns: readonly number[]): Omit<Gpus, "name"> {
  const all = turns.reduce((sum, n, size) => sum + (size > 0 ? n : 0), 0);
  const count = turns.findIndex((n, size) => size > 1 && n >= SAME_TURNS * all);
  if (count < 0 || all < MIN_TURNS)
    return { count: 1, of: () => 0, label: (gpu) => String(gpu), notes: [] };
  let place = 0;
  let last: Instant<"unix"> | undefined;
  let rows = new Set<string>();
  return {
    count,
    of: ({ t, text }) => {
      if (t !== last) {
        place = 0;
        rows = new Set();
      } else if (!rows.has(text)) place++;
      rows.add(text);
      last = t;
      return Math.min(place, count - 1);
    },
    label: (gpu) => String(gpu),
    notes: [
      {
        level: "warning",
        text: `${path}: every stamp comes with ${count} rows and no column names the GPU: taken as ${count} GPUs in the order of the rows`,
      },
    ],
  };
}

/** No host has as many; each becomes a channel for every column. */
const MOST_GPUS = 256;

/** @throws InputError when a log names more GPUs than there can be: another column was taken for theirs. */
export function checkGpus(count: number, path: string): void {
  if (count > MOST_GPUS)
    throw inputError("too many GPUs", path, `at most ${MOST_GPUS}`, `${count} or more`);
}
