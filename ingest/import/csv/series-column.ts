// Cells of columns that the map does not use → the column that tells several series of one file apart: a metric's
// name, the number of a GPU. Rows of several series are no single measurement, whatever is made of them.
// A column tells them apart where rows of one time hold each of its values once, where its values take turns, where
// the time begins again with each of them, or by its name.

import { type Plan, usedCells } from "./csv-table.ts";

/** A column of more different values is a quantity. */
const MOST_SERIES = 64;
/** Rows from which on anything is told. */
const LEAST_ROWS = 4;
/** A value stands there so often, in the mean. */
const SEEN = 2;
/** Part of the rows or changes that must agree. */
const NEARLY_ALL = 0.9;
/** Part of the rows at which the value changes, where values take turns. */
const OFTEN = 1 / 3;

/** Last words of the names that such columns have. */
const NAMES = new Set(
  (
    "gpu device dev index idx id uuid serial metric name series sensor channel ch probe host hostname " +
    "instance node pod core socket cpu package domain zone rail meter source label field key variable " +
    "type resource kind port slot bus"
  ).split(" "),
);

/** Of these, the ones whose texts never mean a phase or a state of one series, however seldom they change. */
const SUBJECTS = new Set(
  (
    "gpu device uuid serial metric series sensor channel ch probe host hostname instance node pod entity " +
    "variable quantity id"
  ).split(" "),
);

/** Words of a quantity's name: `util_gpu` tells no cards apart. */
const QUANTITIES = new Set(
  (
    "util utilization utilisation usage load power watts temp temperature clock freq frequency memory mem " +
    "fan speed energy voltage volts current amps rate percent count"
  ).split(" "),
);

export interface SeriesColumn {
  /** From 0. */
  readonly cell: number;
  /** What stands in it, in order of appearance. */
  readonly values: readonly string[];
}

/** Watches one column. */
class Watched {
  readonly cell: number;
  readonly #named: boolean;
  readonly #isSubject: boolean;
  /** How often each value stood there, and the row group that it was seen in last. */
  readonly #seen = new Map<string, { count: number; group: number; next?: string }>();
  #last: string | undefined;
  /** Rows in which something stands there, and all. */
  #rows = 0;
  #all = 0;
  #changes = 0;
  /** Changes to the value that had followed before, too. */
  #turns = 0;
  /** Values that stand twice at one time. */
  #doubles = 0;
  /** Steps back of the time, and those that came with a change. */
  #restarts = 0;
  #restartsAtChange = 0;

  constructor(cell: number, name: string | undefined) {
    this.cell = cell;
    const words: readonly string[] = name?.toLowerCase().match(/[a-z]+/g) ?? [];
    this.#isSubject = SUBJECTS.has(words.at(-1) ?? "");
    this.#named = NAMES.has(words.at(-1) ?? "") && !words.some((w) => QUANTITIES.has(w));
  }

  /** @param group number of the row's time. @returns false where this can be no such column any more. */
  add(value: string, group: number, back: boolean): boolean {
    this.#all++;
    if (value === "") return true;
    this.#rows++;
    const entry = this.#seen.get(value) ?? { count: 0, group: -1 };
    if (entry.count++ === 0) this.#seen.set(value, entry);
    else if (entry.group === group) this.#doubles++;
    entry.group = group;
    const changed = this.#last !== undefined && this.#last !== value;
    if (changed) {
      const before = this.#seen.get(this.#last!)!;
      if (before.next === value) this.#turns++;
      before.next = value;
      this.#changes++;
    }
    if (back) this.#restarts++;
    if (back && changed) this.#restartsAtChange++;
    this.#last = value;
    return this.#seen.size <= MOST_SERIES;
  }

  /** @param groups how many different times there were. */
  tells(groups: number): boolean {
    const often = this.#rows >= Math.max(LEAST_ROWS, SEEN * this.#seen.size);
    // Where most rows say nothing it is a column of marks or notes: it tells no rows apart.
    if (this.#seen.size < 2 || !often || this.#rows < NEARLY_ALL * this.#all) return false;
    if (this.#isText() && this.#named && this.#isSubject) return true;
    return this.#atOneTime(groups) || this.#inTurn() || this.#oneAfterAnother();
  }

  get values(): string[] {
    return [...this.#seen.keys()];
  }

  #atOneTime(groups: number): boolean {
    const everywhere = [...this.#seen.values()].filter((v) => v.count >= NEARLY_ALL * groups);
    return groups >= 2 && everywhere.length >= 2 && this.#doubles <= (1 - NEARLY_ALL) * this.#rows;
  }

  #inTurn(): boolean {
    if (this.#changes < OFTEN * this.#rows) return false;
    const strict =
      this.#changes >= NEARLY_ALL * (this.#rows - 1) &&
      this.#turns >= Math.max(1, NEARLY_ALL * (this.#changes - this.#seen.size));
    return this.#isText() ? strict || this.#named : this.#named && (strict || this.#isCounted());
  }

  /** Numbers from 0 or 1 on, none left out and none rare: `cpu` may be a load of 0 to 3 %, but rarely as evenly. */
  #isCounted(): boolean {
    const numbers = this.values.map(Number).sort((a, b) => a - b);
    const from = numbers[0] === 1 ? 1 : 0;
    const rare = this.#rows / (2 * this.#seen.size);
    return (
      numbers.every((n, i) => n === from + i) &&
      [...this.#seen.values()].every(({ count }) => count >= rare)
    );
  }

  #oneAfterAnother(): boolean {
    const whole = this.#restarts > 0 && this.#restartsAtChange === this.#restarts;
    return whole && this.#changes === this.#restarts && (this.#isText() || this.#named);
  }

  #isText(): boolean {
    return this.values.some((v) => v !== "" && !Number.isFinite(Number(v)));
  }
}

export class SeriesWatch {
  #columns: Watched[] | undefined;
  #group = -1;
  #last: bigint | undefined;
  readonly #used: ReadonlySet<number>;
  readonly #names: readonly string[];

  constructor(plan: Plan) {
    [this.#used, this.#names] = [usedCells(plan), plan.names];
  }

  add({ t, cells }: { readonly t: bigint; readonly cells: readonly string[] }): void {
    this.#columns ??= cells
      .map((_, i) => new Watched(i, this.#names[i]))
      .filter((c) => !this.#used.has(c.cell));
    const back = this.#last !== undefined && t < this.#last;
    if (t !== this.#last) this.#group++;
    this.#last = t;
    let dead = false;
    for (const c of this.#columns) dead = !c.add(cells[c.cell]!, this.#group, back) || dead;
    if (dead) this.#columns = this.#columns.filter((c) => c.values.length <= MOST_SERIES);
  }

  /** The column with the most values, if one tells series apart. */
  get found(): SeriesColumn | undefined {
    const telling = (this.#columns ?? []).filter((c) => c.tells(this.#group + 1));
    const most = telling.reduce<Watched | undefined>(
      (best, c) => (best && best.values.length >= c.values.length ? best : c),
      undefined,
    );
    return most && { cell: most.cell, values: most.values };
  }
}
