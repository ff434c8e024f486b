// What the values of one sensor are like over a whole run, seen in cells of a few rows: levels that are held, not
// the values that stand alone. Columns come slice by slice; a cell goes on from one to the next.

/** Rows of a cell. What lasts for twice as many fills one. */
export const CELL_ROWS = 16;

export class ColumnWatch {
  /** The highest magnitude that all rows of some cell reach. */
  held = 0;
  /** The least magnitude of any row, but zero. */
  least = Infinity;
  /** Of the slice at hand. */
  low = Infinity;
  high = -Infinity;
  readonly #column: Float64Array;
  /** Of the cell at hand. */
  #low = Infinity;
  #high = -Infinity;
  #rows = 0;

  constructor(column: Float64Array) {
    this.#column = column;
  }

  add(rows: number): void {
    const column = this.#column;
    this.low = Infinity;
    this.high = -Infinity;
    for (let i = 0; i < rows;) {
      const from = i;
      const to = Math.min(rows, i + CELL_ROWS - this.#rows);
      let [low, high] = [Infinity, -Infinity];
      for (; i < to; i++) {
        const x = column[i]!;
        if (x < low) low = x;
        if (x > high) high = x;
      }
      this.#rows += to - from;
      this.#take(low, high, from, to);
      if (this.#rows === CELL_ROWS) this.#endCell();
    }
  }

  #take(low: number, high: number, from: number, to: number): void {
    if (low < this.#low) this.#low = low;
    if (high > this.#high) this.#high = high;
    if (low < this.low) this.low = low;
    if (high > this.high) this.high = high;
    if (low > 0) this.least = Math.min(this.least, low);
    else if (high < 0) this.least = Math.min(this.least, -high);
    else
      for (let i = from; i < to; i++) {
        const x = Math.abs(this.#column[i]!);
        if (x > 0 && x < this.least) this.least = x;
      }
  }

  #endCell(): void {
    const [low, high] = [this.#low, this.#high];
    this.held = Math.max(this.held, low > 0 ? low : high < 0 ? -high : 0);
    this.#low = Infinity;
    this.#high = -Infinity;
    this.#rows = 0;
  }
}
