// The rows received of a device's run → where index and tick of a record lie on the stream's own count, which goes on
// over restarts, and whether they can be of this run at all (docs/wire.md, What can be). Holds the last row used.

import type { Samples, WireEdge } from "../../../schema/wire/frame-records.ts";
import { later } from "../../../schema/time.ts";
import type { Stamp } from "../../../schema/wire/frame-splitter.ts";

export interface RunRates {
  /** Nominal, from the capabilities or the rig. */
  readonly rowHz: number;
  readonly tickHz: number;
}

/** A block may come so much later than the one before it, seconds, and the host's clock may be off by so much. */
const [BLOCK_DELAY_S, CLOCK_ERROR] = [1, 0.1];
/** Frames a second that hold no rows, made and not always sent: more than any wire takes. */
const OTHER_FRAMES_HZ = 1e5;
/** A device sends an edge or a reading within this time of it, seconds, after the rows before it. */
const SIDE_DELAY_S = 1;
/** Blocks that a side record may be away beyond that: the one under way, and one not yet sent. */
const SIDE_BLOCKS = 2;
/** How far a place may lie from its tick: half of a row, both stamps are truncated to a tick, and a rate may be off. */
const [HALF, TICKS, RATE_ERROR] = [0.5, 2, 1e-3];
/** A device that counts every nanosecond is there after 292 years; the log keeps no more. */
const TICK_LIMIT = 2n ** 63n;

/** Of the stream: where the last block ended, how many rows it had, when it was read and made. */
interface Used {
  readonly index: number;
  readonly rows: number;
  readonly tick: bigint;
  readonly after: Stamp;
  readonly madeBy: Stamp;
}

export class RunClock {
  #rates: RunRates;
  /** Index and tick of the run's zero on the stream's own count; (0, 0) until the device restarts. */
  #base = { index: 0, tick: 0n };
  #isPlaced = false;
  /** End of the last block used, on the stream's own count; when it was read, and by when it was made. */
  #last: Used | null = null;

  constructor(rates: RunRates) {
    this.#rates = rates;
  }

  configure(rates: RunRates): void {
    this.#rates = rates;
  }

  /** Rows of the present run have come, so that {@link place} knows its base. */
  get isPlaced(): boolean {
    return this.#isPlaced;
  }

  /** There were rows before the present run, and none of it yet: its first go on from them. */
  get goesOn(): boolean {
    return this.#last !== null && !this.#isPlaced;
  }

  /** Index and tick of the present run → of the stream. */
  place(index: number, tick: bigint): { index: number; tick: bigint } {
    return { index: this.#base.index + index, tick: this.#base.tick + tick };
  }

  /** Another run: its zero may lie elsewhere. */
  begin(): void {
    this.#isPlaced = false;
  }

  /** It is the same run after all, if a block of it says so: {@link continues}. */
  resume(): void {
    this.#isPlaced = true;
  }

  /** Whether a block goes on from the last one by index, tick and the host's clock. Rows must have come. */
  continues(s: Samples, after: Stamp): boolean {
    const ahead = this.#aheadOf(s);
    return ahead >= 0 && ahead <= this.#passed(after) && this.#isOnLine(s);
  }

  /** Rows that can lie between the last block and this one; less than none where its tick cannot be. */
  roomFor(s: Samples, after: Stamp): number {
    if (s.tick + this.#ticks(s.rows) >= TICK_LIMIT) return -1;
    if (this.#isPlaced && !this.#isOnLine(s)) return -1;
    return this.#passed(after);
  }

  /** Frames that can have been made since the last block: one a row, and all others. */
  framesFor(after: Stamp): number {
    const passedS = this.#passedS(after);
    return (
      (passedS === Infinity ? BLOCK_DELAY_S : passedS) *
      (this.#rates.rowHz + OTHER_FRAMES_HZ) *
      (1 + CLOCK_ERROR)
    );
  }

  /**
   * An edge's place between rows by its tick. Null where the row that the device latched says otherwise, or where
   * it cannot be: then neither stamp is believed. Rows must have come.
   */
  edgeAt(e: Pick<WireEdge, "index" | "tick">, after: Stamp): number | null {
    const since = this.#rowsAfterLast(e.tick);
    const index = this.#used.index - this.#base.index + since;
    const late = e.index - index; // the first row at or after it: 0 to 1
    const slack = this.#slack(HALF, since + this.#used.rows);
    const agree = late >= -slack && (late <= 1 + slack || e.index === 0); // none is before row 0
    return agree && this.#isNear(since, after) ? index : null;
  }

  /** Whether what ends at this tick can have been sent by now. Rows must have come. */
  canEnd(tick: bigint, after: Stamp): boolean {
    return this.#isNear(this.#rowsAfterLast(tick), after);
  }

  /**
   * First block after a restart: the host's clock says how many rows went by, so that index and tick go on about
   * where the device would be. The log keeps the device's own tick as deviceTick − base.
   * @param isFromZero the run's index counts from its start.
   * @param refused rows received and not used since the last one: all that is known where bytes have no time.
   * @returns rows that nothing was seen of; and the base.
   */
  rebase(
    s: Samples,
    after: Stamp,
    isFromZero: boolean,
    refused: number,
  ): { missing: number; index: number; tick: bigint } {
    const last = this.#used;
    // From the end of one read to that of another, of which each has just brought the last row of its block; so it
    // holds this run's rows so far too. (A read may have begun long before, when there was nothing to be read.)
    const pauseNs =
      after !== null && last.after !== null ? Math.max(0, Number(after - last.after)) : null;
    const before = isFromZero ? s.index : 0; // of this run
    const paused =
      pauseNs === null
        ? refused + before + s.rows
        : Math.round((pauseNs * this.#rates.rowHz) / 1e9);
    const missing = Math.max(0, paused - before - s.rows);
    this.#base = {
      index: last.index + missing + before - s.index,
      tick: last.tick + this.#ticks(missing + before) - s.tick,
    };
    return { missing, ...this.#base };
  }

  /** A block that is used, later than all before it. */
  follow(s: Samples, after: Stamp): void {
    const { index, tick } = this.place(s.index + s.rows, s.tick + this.#ticks(s.rows));
    const madeBy = this.#isPlaced ? this.#madeBy(index, after) : after;
    this.#last = { index, rows: s.rows, tick, after, madeBy };
    this.#isPlaced = true;
  }

  /** Rows are made before they are read, and at their rate: a backlog read at once was made one after the other. */
  #madeBy(index: number, after: Stamp): Stamp {
    const last = this.#used;
    if (after === null || last.madeBy === null) return after;
    const sinceNs = ((index - last.index) / this.#rates.rowHz) * 1e9 * (1 + RATE_ERROR);
    const atRate = later(last.madeBy, sinceNs);
    return atRate < after ? atRate : after;
  }

  /** The last block that was used. @throws RangeError before there is one. */
  get #used(): Used {
    if (this.#last === null) throw new RangeError("no rows have come");
    return this.#last;
  }

  /** From the last row used to this tick of the run. */
  #rowsAfterLast(tick: bigint): number {
    const perRow = this.#rates.tickHz / this.#rates.rowHz;
    return Number(this.#base.tick + tick - this.#used.tick) / perRow;
  }

  /** @param distance in rows, from the beginning of the last block. */
  #slack(rows: number, distance: number): number {
    const { rowHz, tickHz } = this.#rates;
    return rows + (TICKS * rowHz) / tickHz + RATE_ERROR * Math.abs(distance);
  }

  #isNear(rows: number, after: Stamp): boolean {
    const most = SIDE_DELAY_S * this.#rates.rowHz;
    const passed = this.#passed(after);
    const blocks = SIDE_BLOCKS * this.#used.rows;
    return rows >= -most - blocks && rows <= (passed === Infinity ? most : passed) + blocks;
  }

  /** Rows after the last one used, by its index. */
  #aheadOf(s: Samples): number {
    return this.#base.index + s.index - this.#used.index;
  }

  /** Whether its tick lies where its index does. */
  #isOnLine(s: Samples): boolean {
    const ahead = this.#aheadOf(s);
    const off = this.#rowsAfterLast(s.tick) - ahead;
    return Math.abs(off) <= this.#slack(HALF * s.rows, ahead + this.#used.rows);
  }

  /** Rows that the host's clock leaves room for since the block before; without stamps as many as you like. */
  #passed(after: Stamp): number {
    return this.#passedS(after) * this.#rates.rowHz * (1 + CLOCK_ERROR);
  }

  #passedS(after: Stamp): number {
    const madeBy = this.#last?.madeBy ?? null;
    if (after === null || madeBy === null) return Infinity;
    return Math.max(0, Number(after - madeBy) / 1e9) + BLOCK_DELAY_S;
  }

  #ticks(rows: number): bigint {
    const { rowHz, tickHz } = this.#rates;
    return BigInt(Math.round((rows * tickHz) / rowHz));
  }
}
