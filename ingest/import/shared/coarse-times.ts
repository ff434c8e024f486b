// Rows of which several carry one time, since the log prints it too coarsely → rows spread evenly over that time's
// tick. Holds: nothing is spread whose number a tick is not steady; a row stays within its tick, so its time is known
// to half of it at best, and to the whole of it where the log does not round.

import { InputError } from "../../../schema/errors.ts";
import type { Note } from "../../../schema/records.ts";
import { upperMedian } from "../../../stats/summary.ts";
import { counted } from "./notes.ts";
import type { PlacedRow } from "./placed-rows.ts";
import type { TimedRow } from "./row-order.ts";
import { TurnWatch } from "./rows-in-turn.ts";

/** Steps that are enough for a median. */
const MEDIAN_OF = 1 << 16;
/** Fewer whole times tell no rate. */
const LEAST_TIMES = 2;
/** The number of rows a tick may differ by one, or by this part. */
const STEADY = 0.1;
/** Part of the ticks that must be steady. */
const MOST = 0.9;
/** Of one row, or this part of all, that share a time, one is left out by whoever writes them. */
const RARE = 0.01;
/** Rows closer than this are not told apart in whole nanoseconds. */
const FINEST_NS = 2;

export interface Ticks {
  readonly tickNs: number;
  /** Usual rows of one time. */
  readonly rows: number;
  /** Rows a second, all in all. */
  readonly rowHz: number;
  /** Rows at the time of the row before. */
  readonly shared: number;
  /** Times with other numbers of rows. */
  readonly uneven: number;
}

/** Hears of every row, in order; tells whether they are to be spread. */
export class TickWatch {
  #last: bigint | undefined;
  #size = 0;
  /** How many times had so many rows, but for the first and the last, which the file may cut. */
  readonly #sizes = new Map<number, number>();
  readonly #steps: number[] = [];
  #values: () => readonly number[] = () => [];
  readonly #turns = new TurnWatch();
  #rows = 0;
  #shared = 0;
  /** Of those, the ones of other values. */
  #crowded = 0;
  #begun = false;
  #most = 0;

  /** @param values reads the row's numbers, if they are needed. */
  add(t: bigint, values: () => readonly number[]): void {
    this.#rows++;
    this.#turns.add(t !== this.#last, values);
    const before = this.#values;
    this.#values = values;
    if (t === this.#last) {
      this.#size++;
      this.#shared++;
      const now = values();
      if (!before().every((v, k) => v === now[k])) this.#crowded++;
      return;
    }
    if (this.#last !== undefined) this.#close(Number(t - this.#last));
    this.#last = t;
    this.#size = 1;
  }

  /** Null where no row is to be spread. @throws InputError where rows share their times in no steady number. */
  ticks(path: string): Ticks | null {
    if (this.#crowded === 0) return null;
    const { series } = this.#turns;
    if (series > 1)
      throw new InputError(
        `${path}: each time comes with ${series} rows that go on from one time to the next, not from row to row: ${series} series, which no column tells apart; split the file, or give time=index:RATE if they are one`,
      );
    const tickNs = upperMedian(this.#steps) ?? 0;
    const sizes = [...this.#sizes];
    const times = sizes.reduce((sum, [, n]) => sum + n, 0);
    const rows = usualOf(sizes, times);
    const uneven = sizes.reduce((sum, [size, n]) => (steady(size, rows) ? sum : sum + n), 0);
    if (times >= LEAST_TIMES && uneven <= (1 - MOST) * times) {
      if (tickNs / rows < FINEST_NS) throw this.#refused(path, "follow each other within 1 ns");
      const all = sizes.reduce((sum, [size, n]) => sum + size * n, 0);
      return { tickNs, rows, rowHz: (all * 1e9) / (times * tickNs), shared: this.#shared, uneven };
    }
    if (this.#crowded <= Math.max(1, RARE * this.#rows)) return null;
    throw this.#refused(path, `share their time with others, 1 to ${this.#most} at one time`);
  }

  #close(step: number): void {
    this.#most = Math.max(this.#most, this.#size);
    if (step > 0 && this.#steps.length < MEDIAN_OF) this.#steps.push(step);
    if (this.#begun) this.#sizes.set(this.#size, (this.#sizes.get(this.#size) ?? 0) + 1);
    this.#begun = true;
  }

  #refused(path: string, how: string): InputError {
    return new InputError(
      `${path}: rows ${how}: the time column is too coarse to place them; give a finer column, or time=index:RATE where the rows are known to be regular`,
    );
  }
}

const steady = (size: number, usual: number): boolean =>
  Math.abs(size - usual) <= Math.max(1, STEADY * usual);

/** The upper median of sizes that occur so often. */
function usualOf(sizes: readonly (readonly [number, number])[], times: number): number {
  let below = 0;
  for (const [size, n] of [...sizes].sort((a, b) => a[0] - b[0]))
    if ((below += n) > times / 2) return size;
  return 0;
}

/**
 * Rows of one time, spread over its tick. An entry that is no row passes.
 * @param counts whether a row was one of the watched; another one goes with the row behind it.
 */
export function* spread<T extends TimedRow>(
  rows: Iterable<PlacedRow<T> | undefined>,
  ticks: Ticks,
  counts: (row: T) => boolean,
): Generator<PlacedRow<T> | undefined> {
  let group: PlacedRow<T>[] = [];
  let first = true;
  const flush = function* (next: bigint | undefined): Generator<PlacedRow<T>> {
    if (group.length === 0) return;
    const size = group.filter((p) => counts(p.row)).length;
    // A tick that the next one does not follow was perhaps not filled: of a first one the beginning is missing.
    const followed = next !== undefined && Number(next - group[0]!.row.t) < 1.5 * ticks.tickNs;
    const places = followed && !first ? Math.max(1, size) : Math.max(ticks.rows, size);
    let k = first && followed ? places - size : 0;
    for (const { row, leapNs } of group) {
      const t = row.t + BigInt(Math.round((ticks.tickNs * k) / places));
      yield { row: { ...row, t }, leapNs };
      if (counts(row)) k++;
    }
    first = false;
    group = [];
  };
  for (const placed of rows) {
    if (!placed || placed.row.t !== group[0]?.row.t) yield* flush(placed?.row.t);
    if (placed) group.push(placed);
    else yield undefined;
  }
  yield* flush(undefined);
}

export function tickNotes(path: string, { tickNs, rows, shared, uneven }: Ticks): Note[] {
  const [tick, half] = [tickNs, tickNs / 2].map((ns) => `${Number((ns / 1e9).toPrecision(6))} s`);
  return [
    {
      level: "loss",
      text: `${path}: the times are too coarse, ${rows} rows share each, and the rows' own times are lost: they are spread evenly over the ${tick} of that time, each uncertain by ± ${half}; a finer time column, or time=index:RATE, places them`,
      count: shared,
    },
    ...counted(
      path,
      "loss",
      uneven,
      "times are shared by more or fewer rows than the others: rows may be lost",
    ),
  ];
}
