// Where a stream's blocks, edges and clock exchanges say that they lie → which of them cannot be of one run
// (docs/capture.md, What cannot be). What a recorder refused is marked in its log; this is for logs that others wrote.
// Holds: places beyond the rows seen so far, until rows come to them.

import { BlockFlag, type ClockExchange, type Edge, type SampleBlock } from "../schema/records.ts";

/** A tick may lie so far from the line of the block before: half of its rows, two ticks, and of the distance so much. */
const [HALF, TICKS, RATE_ERROR] = [0.5, 2, 0.01];
/** Edges and exchanges may lie so far outside the rows: seconds by the rig's rate and a tenth, and blocks. */
const [OUTSIDE_S, OUTSIDE_BLOCKS] = [1.1, 2];
const PRUNE_AT = 1 << 16;

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
  #perRow = NaN;
  #rows = { from: Infinity, to: -Infinity };
  #ticks: { from: bigint; to: bigint } | null = null;
  #mostRows = 0;
  #beyond: Place[] = [];

  /** A block in its order, none that is a duplicate or late. */
  block({ firstIndex: index, rows, flags, deviceTick: tick }: SampleBlock): void {
    this.#mostRows = Math.max(this.#mostRows, rows);
    this.#rows.from = Math.min(this.#rows.from, index);
    this.#rows.to = Math.max(this.#rows.to, index + rows);
    if (flags & BlockFlag.restart) [this.#last, this.#perRow] = [null, NaN];
    if (tick === null) return;
    if (!this.#believes(index, tick, rows)) {
      this.#found.ticksWrong++;
      this.#found.firstWrong ??= { row: index, tick };
      return;
    }
    this.#last = { index, tick };
    const from = this.#ticks?.from ?? tick;
    this.#ticks = { from, to: tick };
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
      if (this.#holds(p, slack)) continue;
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
    if (Number.isNaN(this.#perRow)) {
      if (ticks <= 0) return false;
      this.#perRow = ticks / ahead;
    }
    const off = ticks - ahead * this.#perRow;
    return Math.abs(off) <= (HALF * rows + RATE_ERROR * ahead) * this.#perRow + TICKS;
  }

  #put(place: Place): void {
    if (this.#holds(place, 0)) return;
    this.#beyond.push(place);
    if (this.#beyond.length % PRUNE_AT === 0)
      this.#beyond = this.#beyond.filter((p) => !this.#holds(p, 0));
  }

  /** Whether all that it says lies within the rows seen so far, give or take so many. */
  #holds({ index, ticks }: Place, slack: number): boolean {
    const { from, to } = this.#rows;
    if (from > to) return false;
    if (index !== undefined && !(index >= from - slack && index <= to + slack)) return false;
    const known = this.#ticks;
    if (known === null) return true; // its rows may carry them
    const perRow = Number(known.to - known.from) / Math.max(1, to - from - this.#mostRows);
    return ticks.every(
      (t) =>
        Number(t - known.to) <= (slack + this.#mostRows) * perRow &&
        Number(known.from - t) <= slack * perRow,
    );
  }
}
