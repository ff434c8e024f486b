// Times of rows, in the order of their file → the order that most of them say: which rows stand away from
// their place, which have none among the others, and where the time leaps and goes on from there.
// Holds: a row is moved only to where rows are missing, and time that rows lost is never passed over: where
// leaving rows out would shorten the trace, the order cannot be told.

import { InputError } from "../../../schema/errors.ts";
import { upperMedian } from "../../../stats/summary.ts";

export interface TimedRow {
  /** Nanoseconds. */
  readonly t: bigint;
  /** In the file, from 1. */
  readonly line: number;
}

/** Numbers of rows, from 0. */
export interface Placement {
  /** They belong where others are missing. */
  readonly moved: ReadonlySet<number>;
  /** Their time fits nowhere among the others. */
  readonly left: ReadonlySet<number>;
  /** By the number of the first row after it. */
  readonly leaps: ReadonlyMap<number, Leap>;
}

export interface Leap {
  readonly ns: number;
  /** Of the first row after it. */
  readonly line: number;
}

/** Why no order can be told: the row where it shows, in words, and what helps. */
interface Disorder {
  readonly row: number;
  readonly what: string;
  readonly remedy: string;
}

/** At most this part of all rows may stand elsewhere, but one always. */
const FEW = 0.1;
/** Time that may be lost inside the trace with rows of no place, as part of it. */
const LOST = 1e-3;
/** Part of the rows that may have no place at either end: the trace is shorter then, and wrong nowhere. */
const AT_AN_END = 0.01;
/** Missing rows begin here, as everywhere, in usual steps of the time. */
const HOLE = 1.5;
/** A leap is so many times longer than the usual step, and than all other time together; nothing is told by fewer rows than LEAST. */
const LEAP = 100;
const LEAST = 10;
/** Leaps that are looked for; of more, none is one. */
const MOST_LEAPS = 32;
/** Fewer steps back than these are beginnings of a new count, more are a file in no order. */
const RESTARTS = 10;
/** Of more rows than these, what is told of the first holds: some 2 GB of memory are used for as many. */
const MOST_ROWS = 1 << 26;
const HOUR_S = 3600;
/** Steps that are enough for a median. */
const MEDIAN_STEPS = 1 << 16;

/** Tells in passing whether the times need a closer look. */
export class TimeWatch {
  #last: bigint | undefined;
  #longest = 0n;
  #back = false;
  readonly #steps: number[] = [];

  add(t: bigint): void {
    if (this.#last === undefined) this.#last = t;
    else if (t < this.#last) this.#back = true;
    else {
      const step = t - this.#last;
      if (step > this.#longest) this.#longest = step;
      if (step > 0n && this.#steps.length < MEDIAN_STEPS) this.#steps.push(Number(step));
    }
    this.#last = t;
  }

  /** Some go back, or may leap. */
  get odd(): boolean {
    return this.#back || Number(this.#longest) > LEAP * (upperMedian(this.#steps) ?? 0);
  }
}

/**
 * Null where every row belongs where it stands. @param read the rows of the file, in its order, each time anew.
 * @throws InputError as {@link placementOf}.
 */
export function placementIfOdd(
  path: string,
  read: () => Iterable<TimedRow | undefined>,
): Placement | null {
  const watch = new TimeWatch();
  for (const row of read()) if (row) watch.add(row.t);
  return watch.odd ? placementOf(path, read()) : null;
}

/** @throws InputError with the line where the times contradict each other, and what helps. */
export function placementOf(path: string, rows: Iterable<TimedRow | undefined | null>): Placement {
  const t = new Column();
  const lines = new Column();
  let first: bigint | undefined;
  let last: bigint | undefined;
  for (const row of rows) {
    if (!row) continue;
    first ??= row.t;
    if (t.length < MOST_ROWS) {
      t.add(Number(row.t - first));
      lines.add(row.line);
    } else if (last !== undefined && row.t < last)
      throw new InputError(
        `${path}:${row.line}: the time goes back, in more rows than can be put in order; split the file before this line and import the parts`,
      );
    last = row.t;
  }
  const found = orderOf(t.values);
  const lineOf = (row: number): number => lines.values[row]!;
  if (!("what" in found)) {
    const leaps = [...found.leaps].map(([row, ns]) => [row, { ns, line: lineOf(row) }] as const);
    return { ...found, leaps: new Map(leaps) };
  }
  const at = `${path}:${lineOf(found.row)}`;
  throw new InputError(`${at}: ${found.what}; ${found.remedy}`);
}

/** A list of numbers that grows; an array of such length would take twice the room. */
class Column {
  #values = new Float64Array(1 << 16);
  #length = 0;

  add(value: number): void {
    if (this.#length === this.#values.length) {
      const longer = new Float64Array(2 * this.#length);
      longer.set(this.#values);
      this.#values = longer;
    }
    this.#values[this.#length++] = value;
  }

  get length(): number {
    return this.#length;
  }

  get values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}

/** @param t times, ns from whichever start. */
function orderOf(t: Float64Array): Found | Disorder {
  const steps = stepsOf(t);
  // Of times that several rows share, a row has its part.
  const usual = ((upperMedian(steps.up) ?? 0) * steps.ups) / Math.max(1, steps.ups + steps.none);
  if (steps.downs > steps.ups) return backwards(steps.downs, t.length);
  const order: Found = { moved: new Set(), left: new Set(), leaps: new Map() };
  const kept = withoutFar(t, longestRise(t), usual, order);
  const lost = placeOthers(t, kept, usual, order);
  const out = order.moved.size + order.left.size;
  const span = t[kept.at(-1)!]! - t[kept[0]!]!;
  if (out > Math.max(1, FEW * t.length) || lost > Math.max(2 * usual, LOST * span))
    return disorder(t, steps, out);
  return order;
}

/** A placement in the making. */
interface Found {
  readonly moved: Set<number>;
  readonly left: Set<number>;
  readonly leaps: Map<number, number>;
}

interface Steps {
  readonly up: number[];
  readonly ups: number;
  /** Rows at the time of the row before. */
  readonly none: number;
  readonly downs: number;
  /** Row after the longest step back. */
  readonly lowest: number;
}

function stepsOf(t: Float64Array): Steps {
  const up: number[] = [];
  let [ups, none, downs, lowest] = [0, 0, 0, 0];
  let deepest = 0;
  for (let i = 1; i < t.length; i++) {
    const step = t[i]! - t[i - 1]!;
    if (step > 0) {
      ups++;
      if (up.length < MEDIAN_STEPS) up.push(step);
    } else if (step < 0) {
      downs++;
      if (step < deepest) [deepest, lowest] = [step, i];
    } else none++;
  }
  return { up, ups, none, downs, lowest };
}

const backwards = (downs: number, rows: number): Disorder => ({
  row: 1,
  what: `the time runs backwards, at ${downs} of ${rows} rows`,
  remedy: "reverse the order of its lines, as `tac` does, below the header",
});

function disorder(t: Float64Array, { downs, lowest }: Steps, out: number): Disorder {
  if (downs >= RESTARTS)
    return {
      row: lowest,
      what: `the time goes back ${downs} times, and ${out} of ${t.length} rows have no place`,
      remedy: "sort its lines by time, or split the file by what writes into it in turn",
    };
  const s = (t[lowest - 1]! - t[lowest]!) / 1e9;
  const summerTime = Math.abs(s - HOUR_S) < HOUR_S / 60;
  return {
    row: lowest,
    what: `the time goes back by ${Number(s.toPrecision(6))} s and starts again from there: two captures in one file, or a clock that was set`,
    remedy: `split the file before this line and import the parts${summerTime ? ", or give --tz if summer time ends here" : ""}`,
  };
}

/** The longest sequence of rows whose times do not fall, of equal ones that of the rows before: ascending numbers. */
function longestRise(t: Float64Array): Uint32Array {
  const after = new Int32Array(t.length);
  // starts[k]: the row with the latest time that begins a sequence of k + 1.
  const starts = new Int32Array(t.length);
  let length = 0;
  for (let i = t.length - 1; i >= 0; i--) {
    let [low, high] = [0, length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (t[starts[middle]!]! >= t[i]!) low = middle + 1;
      else high = middle;
    }
    after[i] = low > 0 ? starts[low - 1]! : -1;
    starts[low] = i;
    length = Math.max(length, low + 1);
  }
  const rows = new Uint32Array(length);
  for (let k = 0, i = starts[length - 1]!; k < length; k++, i = after[i]!) rows[k] = i;
  return rows;
}

/**
 * The rows between those kept: into holes of the time, or left out.
 * @returns the time that was sampled by rows left out and is in no hole, ns.
 */
function placeOthers(
  t: Float64Array,
  kept: Uint32Array,
  usual: number,
  { moved, left, leaps }: Found,
): number {
  const holes = new Holes(t, kept, usual, leaps);
  let lost = 0;
  for (let k = 0; k <= kept.length; k++) {
    const from = k === 0 ? 0 : kept[k - 1]! + 1;
    const to = k === kept.length ? t.length : kept[k]!;
    let alone = 0;
    for (let i = from; i < to; i++)
      if (holes.take(t[i]!)) moved.add(i);
      else {
        left.add(i);
        alone++;
      }
    const inside = k > 0 && k < kept.length;
    if (alone > (inside ? 0 : atAnEnd(t)))
      lost += Math.max(0, alone * usual - Math.max(0, holes.free(k)));
  }
  return lost;
}

const atAnEnd = (t: Float64Array): number => Math.max(1, AT_AN_END * t.length);

/** Stretches of time between kept rows in which rows are missing. */
class Holes {
  readonly #t: Float64Array;
  readonly #kept: Uint32Array;
  readonly #usual: number;
  readonly #leaps: Found["leaps"];
  /** Rows that were put into the hole before a kept row, by the number of that. */
  readonly #taken = new Map<number, number>();

  constructor(t: Float64Array, kept: Uint32Array, usual: number, leaps: Found["leaps"]) {
    [this.#t, this.#kept, this.#usual, this.#leaps] = [t, kept, usual, leaps];
  }

  /** Time that is free before the k-th kept row, ns: of one row before the first and behind the last, none in a leap. */
  free(k: number): number {
    if (this.#leaps.has(this.#kept[k]!)) return 0;
    if (k === 0 || k >= this.#kept.length) return this.#usual * (1 - (this.#taken.get(k) ?? 0));
    const width = this.#t[this.#kept[k]!]! - this.#t[this.#kept[k - 1]!]!;
    return width - this.#usual * (1 + (this.#taken.get(k) ?? 0));
  }

  /** Takes the place of a row at `time`, if there is one. */
  take(time: number): boolean {
    let [low, high] = [0, this.#kept.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#t[this.#kept[middle]!]! < time) low = middle + 1;
      else high = middle;
    }
    const before = this.#t[this.#kept[low - 1] ?? -1] ?? -Infinity;
    const after = this.#t[this.#kept[low] ?? -1] ?? Infinity;
    const outside = low === 0 || low === this.#kept.length;
    if (outside && Math.min(time - before, after - time) > HOLE * this.#usual) return false;
    if (after === time) return false;
    if (this.free(low) < (HOLE - 1) * this.#usual) return false;
    this.#taken.set(low, (this.#taken.get(low) ?? 0) + 1);
    return true;
  }
}

/**
 * Far steps of the kept rows: a few rows beyond one at either end have no place, else the time leaps there.
 * @returns the kept rows without those.
 */
function withoutFar(
  t: Float64Array,
  kept: Uint32Array,
  usual: number,
  { left, leaps }: Found,
): Uint32Array {
  if (kept.length < LEAST) return kept;
  const step = (k: number): number => t[kept[k]!]! - t[kept[k - 1]!]!;
  const far: number[] = [];
  let near = 0;
  for (let k = 1; k < kept.length; k++)
    if (step(k) > LEAP * usual) far.push(k);
    else near += step(k);
  far.sort((a, b) => step(b) - step(a));
  const few = atAnEnd(t);
  let [from, to] = [0, kept.length];
  for (const k of far.slice(0, MOST_LEAPS)) {
    const rest = far.reduce((sum, f) => (2 * step(f) <= step(k) ? sum + step(f) : sum), near);
    if (step(k) <= rest) break;
    if (k <= from || k >= to) continue;
    if (k - from <= few) from = k;
    else if (to - k <= few) to = k;
    else leaps.set(kept[k]!, step(k));
  }
  for (const row of [...kept.subarray(0, from), ...kept.subarray(to)]) left.add(row);
  return kept.subarray(from, to);
}
