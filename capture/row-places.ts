// Where a stream's blocks, edges and clock exchanges say that they lie → which of them cannot be of one run
// (docs/capture.md, What cannot be). What a recorder refused is marked in its log; this is for logs that others wrote.
// Holds: places beyond the rows seen so far, until rows come to them.

import { BlockFlag, type ClockExchange, type Edge, type SampleBlock } from "../schema/records.ts";

/** A tick may lie so far from the line of the block before: half of its rows, two ticks, and of the distance so much. */
const [HALF, TICKS, RATE_ERROR] = [0.5, 2, 0.01];
/** Edges and exchanges may lie so far outside the rows: seconds by the rig's rate and a tenth, and blocks. */
export const [OUTSIDE_S, OUTSIDE_BLOCKS] = [1.1, 2];
const PRUNE_AT = 1 << 16;
/** A device counts no faster than nanoseconds: all that is known where a single block says nothing of its ticks. */
const MOST_HZ = 1e9;

type Kind = "edges" | "exchanges";
interface Place {
  readonly kind: Kind;
  readonly index?: number | undefined;
  readonly ticks: readonly bigint[];
}

export interface Misplaced {
  /** Blocks whose tick cannot be, and the first of them. */
  ticksWrong: number;
  firstWrong: { readonly row: number; readonly tick: bigint } | null;
  /** Edges and clock exchanges outside the rows. */
  edgesOutside: number;
  exchangesOutside: number;
}

export const NOTHING: Readonly<Misplaced> = {
  ticksWrong: 0,
  firstWrong: null,
  edgesOutside: 0,
  exchangesOutside: 0,
};

export class RowPlaces {
  /** Its rows are timed by their index, so that their ticks lie on a line. */
  isEven = false;
  readonly #found: Misplaced = { ...NOTHING };
  /** Begin of the last block whose tick is believed. */
  #last: { index: number; tick: bigint } | null = null;
  /** Ticks a row, and the rows that they were counted over. */
  #rate: { perRow: number; over: number } | null = null;
  #rows = { from: Infinity, to: -Infinity };
  #ticks: { from: bigint; to: bigint } | null = null;
  #mostRows = 0;
  #beyond: Place[] = [];

  /** A block in its order, none that is a duplicate or late. */
  block({ firstIndex: index, rows, flags, deviceTick: tick }: SampleBlock): void {
    this.#mostRows = Math.max(this.#mostRows, rows);
    this.#rows.from = Math.min(this.#rows.from, index);
    this.#rows.to = Math.max(this.#rows.to, index + rows);
    if (flags & BlockFlag.restart) this.#last = this.#rate = null;
    if (tick === null) return;
    if (!this.#believes(index, tick, rows)) {
      this.#found.ticksWrong++;
      this.#found.firstWrong ??= { row: index, tick };
      return;
    }
    this.#last = { index, tick };
    const { from, to } = this.#ticks ?? { from: tick, to: tick };
    this.#ticks = { from: tick < from ? tick : from, to: tick > to ? tick : to };
  }

  edge({ index, tick }: Edge): void {
    this.#put({ kind: "edges", index, ticks: tick === undefined ? [] : [tick] });
  }

  exchange({ deviceReceived, deviceSent }: ClockExchange): void {
    if (deviceSent < deviceReceived) this.#found.exchangesOutside++;
    else this.#put({ kind: "exchanges", ticks: [deviceReceived, deviceSent] });
  }

  /** After the last record. @param rowHz the rig's rate of rows, where it is known. */
  finish(rowHz: number): Misplaced {
    const slack = OUTSIDE_S * rowHz + OUTSIDE_BLOCKS * this.#mostRows;
    for (const p of this.#beyond) {
      if (this.#holds(p, slack, MOST_HZ / rowHz)) continue;
      if (p.kind === "edges") this.#found.edgesOutside++;
      else this.#found.exchangesOutside++;
    }
    this.#beyond = [];
    return this.#found;
  }

  #believes(index: number, tick: bigint, rows: number): boolean {
    if (tick < 0n) return false; // 2^63 and more, as the log keeps it
    if (this.#last === null) return true;
    const ahead = index - this.#last.index;
    const ticks = Number(tick - this.#last.tick);
    if (!this.isEven || ahead <= 0) return ticks >= 0;
    if (ticks < 0) return false;
    const { perRow, over } = (this.#rate ??= { perRow: ticks / ahead, over: ahead });
    const off = ticks - ahead * perRow;
    // The rate is of truncated ticks too.
    return (
      Math.abs(off) <= (HALF * rows + RATE_ERROR * ahead) * perRow + TICKS * (1 + ahead / over)
    );
  }

  #put(place: Place): void {
    if (this.#holds(place, 0)) return;
    this.#beyond.push(place);
    if (this.#beyond.length % PRUNE_AT === 0)
      this.#beyond = this.#beyond.filter((p) => !this.#holds(p, 0));
  }

  /**
   * Whether all that it says lies within the rows seen so far, give or take so many.
   * @param mostPerRow ticks a row where one block alone says nothing of them.
   */
  #holds({ index, ticks }: Place, slack: number, mostPerRow = 0): boolean {
    const { from, to } = this.#rows;
    if (from > to) return false;
    if (index !== undefined && !(index >= from - slack && index <= to + slack)) return false;
    const known = this.#ticks;
    if (known === null) return true; // its rows may carry them
    const counted = Number(known.to - known.from);
    const perRow = counted > 0 ? counted / Math.max(1, to - from - this.#mostRows) : mostPerRow;
    return ticks.every(
      (t) =>
        Number(t - known.to) <= (slack + this.#mostRows) * perRow &&
        Number(known.from - t) <= slack * perRow,
    );
  }
}
