// Cells of separated values (RFC 4180) with text that anyone may have written. A spreadsheet runs a cell that begins
// like a formula, quoted or not; such a text gets an apostrophe in front, which a spreadsheet shows as text, and
// `import` takes off again: `=1+1` is written `'=1+1`, and `'=1+1` is written `''=1+1`. Controls, line ends
// among them, are shown (schema/visible.ts), so that a row is a line. Numbers of our own need none of it.

import { visible } from "./visible.ts";

/** Apostrophes, blanks, and then the beginning of a formula, full-width ones included. */
const FORMULA = /^'*\s*[=+\-@＝＋－＠]/u;

/** A cell that holds `text`. */
export function csvCell(text: string): string {
  const shown = visible(text);
  const guarded = FORMULA.test(shown) ? `'${shown}` : shown;
  return /[",;]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

/** The text of a cell whose quotes are taken off: the inverse of the guard. */
export function unguarded(cell: string): string {
  return cell.startsWith("'") && FORMULA.test(cell) ? cell.slice(1) : cell;
}
