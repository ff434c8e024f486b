// Rows of one time, by their place in it → whether they are several series that take turns: then each follows the row
// of its place at the time before, not the row that stands before it.

/** More rows of one time are samples of one series, printed too coarsely. */
const MOST_SERIES = 8;
/** Fewer times tell nothing. */
const LEAST_TIMES = 8;
/** Steps from time to time are so much smaller than those from row to row. */
const SMALLER = 1 / 4;

export class TurnWatch {
  /** Rows of the time before and of this one, from their second row on. */
  #before: readonly (readonly number[])[] = [];
  #now: (readonly number[])[] = [];
  #first: () => readonly number[] = () => [];
  /** Times that have begun. */
  #times = 0;
  /** Every time came with as many rows, but for the last. */
  #even = true;
  /** Sums of steps, by column: to the row before at one time, and to the row of the same place. */
  readonly #across: number[] = [];
  readonly #along: number[] = [];

  /** @param begins whether the row is the first of its time. @param values reads its numbers, if they are needed. */
  add(begins: boolean, values: () => readonly number[]): void {
    if (!this.#even) return;
    if (begins) {
      this.#next();
      this.#first = values;
      return;
    }
    if (this.#now.length === 0) this.#take(this.#first());
    this.#take(values());
    if (this.#now.length > MOST_SERIES) this.#even = false;
  }

  /** How many series there are; 1 where nothing says that there are more. */
  get series(): number {
    const { length } = this.#before;
    const rows = length > 1 && this.#even && this.#times > LEAST_TIMES ? length : 1;
    // Between the rows of a time lies one step fewer than there are rows.
    const inTurn = this.#across.some(
      (across, k) => across > 0 && this.#along[k]! * (rows - 1) < SMALLER * across * rows,
    );
    return inTurn ? rows : 1;
  }

  #take(values: readonly number[]): void {
    const before = this.#before[this.#now.length];
    const beside = this.#now.at(-1);
    for (const [k, value] of values.entries()) {
      this.#across[k] = (this.#across[k] ?? 0) + distance(value, beside?.[k]);
      this.#along[k] = (this.#along[k] ?? 0) + distance(value, before?.[k]);
    }
    this.#now.push(values);
  }

  /** Of the first time, the file may hold the end alone. */
  #next(): void {
    if (this.#times > 2 && this.#now.length !== this.#before.length) this.#even = false;
    this.#times++;
    this.#before = this.#now;
    this.#now = [];
  }
}

const distance = (a: number, b: number | undefined): number =>
  b === undefined || !Number.isFinite(a - b) ? 0 : Math.abs(a - b);
