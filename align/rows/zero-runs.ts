// Runs of rows in which everything that a rail's sensors say is exactly zero, as samples stand in a file that were
// dropped on the way. Rows come slice by slice; a run goes on from one to the next. Holds: so many runs as fit into a
// bound; neighbours are joined when there are more.

import type { Measured, ZeroRun } from "./learned.ts";

/** Runs of one rail, even. */
const MOST_RUNS = 1 << 18;

export class ZeroRuns {
  /** Between rows that are not zero. */
  runs: ZeroRun[] = [];
  /** The first rows were zero. */
  startsAtZero = false;
  rows = 0;
  readonly #sensors: readonly Measured[];
  /** Of the run at hand; NaN where the last row was not zero. */
  #from = NaN;
  #before = NaN;

  constructor(sensors: readonly Measured[]) {
    this.#sensors = sensors;
  }

  /** The last rows were zero. */
  get endsAtZero(): boolean {
    return !Number.isNaN(this.#from);
  }

  /** @param mayBeZero false where no row of them is. */
  add(firstIndex: number, rows: number, mayBeZero: boolean): void {
    const [lead] = this.#sensors;
    if (!lead || rows === 0) return;
    const { column, zero } = lead;
    if (!mayBeZero) {
      if (this.endsAtZero) this.#end(firstIndex, Math.abs(column[0]!));
      this.#before = Math.abs(column[rows - 1]!);
      return;
    }
    for (let i = 0; i < rows; i++) {
      const x = column[i]!;
      if (x === zero && this.#isZero(i)) {
        this.rows++;
        if (Number.isNaN(this.#from)) this.#from = firstIndex + i;
        continue;
      }
      if (!Number.isNaN(this.#from)) this.#end(firstIndex + i, Math.abs(x));
      this.#before = Math.abs(x);
    }
  }

  #isZero(i: number): boolean {
    for (let k = 1; k < this.#sensors.length; k++) {
      const { column, zero } = this.#sensors[k]!;
      if (column[i] !== zero) return false;
    }
    return true;
  }

  #end(to: number, after: number): void {
    if (Number.isNaN(this.#before)) this.startsAtZero = true;
    else this.#keep({ from: this.#from, to, besideLeast: Math.min(this.#before, after) });
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
