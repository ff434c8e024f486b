// Runs of rows in which a sensor says exactly zero, as samples stand in a file that were dropped on the way. Rows come slice by slice; a run goes on from one to the next. Holds: so many runs as fit into a
// bound; neighbours are joined when there are more.

import type { Measured, ZeroRun } from "./learned.ts";

/** Runs of one sensor, even. */
const MOST_RUNS = 1 << 18;

export class ZeroRuns {
  /** Between rows that are not zero. */
  runs: ZeroRun[] = [];
  /** The first rows were zero. */
  startsAtZero = false;
  rows = 0;
  /** The greatest magnitude that a run lies between. */
  beside = 0;
  readonly #column: Float64Array;
  readonly #zero: number;
  /** Of the run at hand; NaN where the last row was not zero. */
  #from = NaN;
  #before = NaN;

  constructor({ column, zero }: Measured) {
    this.#column = column;
    this.#zero = zero;
  }

  /** The last rows were zero. */
  get endsAtZero(): boolean {
    return !Number.isNaN(this.#from);
  }

  /** @param mayBeZero false where no row of them is. */
  add(firstIndex: number, rows: number, mayBeZero: boolean): void {
    const column = this.#column;
    if (rows === 0) return;
    if (!mayBeZero) {
      if (this.endsAtZero) this.#end(firstIndex, Math.abs(column[0]!));
      this.#before = Math.abs(column[rows - 1]!);
      return;
    }
    for (let i = 0; i < rows; i++) {
      const x = column[i]!;
      if (x === this.#zero) {
        this.rows++;
        if (Number.isNaN(this.#from)) this.#from = firstIndex + i;
        continue;
      }
      if (!Number.isNaN(this.#from)) this.#end(firstIndex + i, Math.abs(x));
      this.#before = Math.abs(x);
    }
  }

  #end(to: number, after: number): void {
    if (Number.isNaN(this.#before)) this.startsAtZero = true;
    else {
      const besideLeast = Math.min(this.#before, after);
      if (besideLeast > this.beside) this.beside = besideLeast;
      this.#keep({ from: this.#from, to, besideLeast });
    }
    this.#from = NaN;
  }

  #keep(run: ZeroRun): void {
    this.runs.push(run);
    if (this.runs.length < MOST_RUNS) return;
    const joined = (a: ZeroRun, b: ZeroRun): ZeroRun => ({
      from: a.from,
      to: b.to,
      besideLeast: Math.min(a.besideLeast, b.besideLeast),
    });
    this.runs = this.runs.flatMap((a, i, all) => {
      const b = all[i + 1];
      return i % 2 === 0 && b ? [joined(a, b)] : [];
    });
  }
}
