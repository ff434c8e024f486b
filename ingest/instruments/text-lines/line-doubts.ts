// Lines that fit the rig or do not, and silence → what the user should hear of a text device: within two
// seconds that no line is a row, with the line seen and the line expected; once, the first line among rows that
// was none.

import type { TextFormat } from "../../../schema/rig.ts";

const SHOWN = 60;
/** After so long without any row, lines are no greeting. */
const PATIENCE_NS = 1e9;
/** So many lines and no row among them, in the midst of rows. */
const MANY = 3;

export class LineDoubts {
  readonly #stream: string;
  readonly #format: TextFormat;
  readonly #periodNs: number;
  #anyRow = false;
  /** Since the last time it was asked. */
  #rows = 0;
  #others = 0;
  #firstOther: string | null = null;
  #firstNs: number | null = null;
  #lastNs: number | null = null;
  #nowNs: number | null = null;
  #ended = false;

  constructor(stream: string, format: TextFormat, rowHz: number) {
    this.#stream = stream;
    this.#format = format;
    this.#periodNs = 1e9 / rowHz;
  }

  read(hostNs: number | null): void {
    this.#nowNs = hostNs;
  }

  row(): void {
    if (!this.#anyRow) this.#firstOther = null; // a greeting is no fault
    this.#anyRow = true;
    this.#rows++;
  }

  noRow(line: string): void {
    this.#others++;
    this.#firstOther ??= line;
    this.#firstNs ??= this.#nowNs;
    this.#lastNs = this.#nowNs;
  }

  end(): void {
    this.#ended = true;
  }

  /** What is to be said now. @param overlong lines too long to be any. */
  take(silent: boolean, overlong: number): string[] {
    const [rows, others] = [this.#rows, this.#others];
    this.#rows = this.#others = 0;
    const out: string[] = [];
    if (this.#noLineFits(rows, others)) out.push(`no line is a row: ${this.#shown()}`);
    else if (this.#anyRow && this.#firstOther !== null)
      out.push(`a line that is no row: ${this.#shown()}`);
    const { baud, lines } = this.#format;
    const question = `is ${baud} baud the device's rate, and does it print ${lines} lines?`;
    if (silent) out.push(`no bytes for 2 s: ${question}`);
    else if (!this.#anyRow && overlong > 0) out.push(`bytes, but no line: ${question}`);
    return out.map((text) => `${this.#stream}: ${text}`);
  }

  #noLineFits(rows: number, others: number): boolean {
    if (this.#anyRow) return rows === 0 && others >= MANY;
    if (this.#firstOther === null) return false;
    if (this.#ended || this.#firstNs === null || this.#nowNs === null) return true;
    const stillPrints = this.#nowNs - this.#lastNs! <= Math.max(PATIENCE_NS, 2.5 * this.#periodNs);
    return others > 0 && stillPrints && this.#nowNs - this.#firstNs >= PATIENCE_NS / 2;
  }

  #shown(): string {
    const { lines, columns, tick } = this.#format;
    const names = columns.map((c) => (c === tick?.column ? `${c} (a counter)` : c));
    const expected =
      lines === "json"
        ? `an object with the numbers ${names.join(", ")}`
        : `${columns.length} numbers (${names.join(", ")}) with commas, semicolons, tabs or spaces between`;
    return `seen "${printable(this.#firstOther!)}", expected ${expected}`;
  }
}

/** Latin-1 text, one line of ASCII and cut. */
function printable(text: string): string {
  const hex = (c: string): string => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`;
  const cut = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
  return cut.replace(/[^\x20-\x7e…]/g, hex);
}
