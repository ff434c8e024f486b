// One line of separated values → cells, quotes taken off, text as it was before schema/csv.ts guarded it.

import { unguarded } from "../../../schema/csv.ts";

/** Runs of blanks, where nothing better cuts the line. */
const BLANKS = " ";

/** The separator that cuts a line into most cells. */
export function separatorOf(line: string): string {
  const counts = [",", ";", "\t"].map((s) => [splitCells(line, s).length, s] as const);
  const best = counts.reduce((a, b) => (b[0] > a[0] ? b : a));
  return best[0] > 1 ? best[1] : BLANKS;
}

/** Cells without surrounding blanks; a quoted cell may hold the separator, and "" for a quote (RFC 4180). */
export function splitCells(line: string, separator: string): string[] {
  const cells = plainCells(line, separator);
  return line.includes("'") ? cells.map(unguarded) : cells;
}

function plainCells(line: string, separator: string): string[] {
  if (separator === BLANKS) return line.trim().split(/\s+/);
  if (!line.includes('"')) {
    const plain = line.split(separator);
    return line.includes(" ") ? plain.map((c) => c.trim()) : plain;
  }
  const cells: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!;
    if (c === '"' && quoted && line[i + 1] === '"') cell += line[++i]!;
    else if (c === '"') quoted = !quoted;
    else if (c === separator && !quoted) {
      cells.push(cell.trim());
      cell = "";
    } else cell += c;
  }
  cells.push(cell.trim());
  return cells;
}
