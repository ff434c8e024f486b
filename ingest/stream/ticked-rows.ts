// Rows with a counter of the device's own → unwrapped device time and row index, across gaps too. In: rows in
// order, the counter of each, the host's stamps of each read. Out: rows to their blocks.
//
// What a counter cannot tell, the host's clock must. Between neighbours the counter says all. Across a gap it
// says the time but for whole turns. Where foreign bytes stand in the place of just the rows that it says are
// missing, no byte is, and so no turn. Else the host says how many, by the least delayed read before the gap against
// the least delayed one after, so rows after a gap are held until that is known. Three cases, by the length of
// a turn: shorter than the host is sure of, the turns are a guess and a new segment begins; longer than the
// host is ever late, the host can contradict the counter: a few rows that it contradicts are bad rows, many in
// step with one another a device that restarted; between the two, the host counts the turns.

import { type Arrival, ArrivalClock } from "./arrival-clock.ts";
import type { Stamp } from "../ports/port.ts";
import type { RowBlocks } from "./row-blocks.ts";
import { leastOf, mostOf } from "../../stats/summary.ts";

export interface TickedCounts {
  readonly rows: number;
  readonly rowsLost: number;
  /** Gaps whose length fits no whole number of turns well: it may be wrong by one. */
  readonly gapsUncertain: number;
  /** Times when for a second every read came a turn or more later than before: a busy host, or rows lost unnoticed. */
  readonly turnsLate: number;
}

/** What only a counter shows whose turn is longer than the host is ever late. */
export interface LongCounts {
  /** Rows left out: their count is that of the row before. */
  readonly repeated: number;
  /** Rows left out: their counter cannot be. */
  readonly badCounters: number;
  /** The device restarted. */
  readonly restarts: number;
}

export const TURNS_LATE =
  "times that every read of a second came late by a turn of the counter: a busy host, or rows lost unnoticed";

export interface TickedOptions {
  readonly bits: number;
  /** Nominal ticks per second and their relative standard uncertainty; rows per second. */
  readonly hz: number;
  readonly uRel: number;
  readonly rowHz: number;
  /** Neighbours are at most this many periods apart, or rows are missing. */
  readonly gapPeriods: number;
  /** Bytes of a row on the line, where every one has the same. */
  readonly wireBytes?: number;
}

/** Told the unwrapped device time of a row, once it is known. */
export type OnPlaced = (tick: number) => void;

interface Held {
  readonly bytes: Uint8Array;
  /** Ticks since the first row after the gap. */
  readonly since: number;
  readonly placed: OnPlaced | undefined;
}

interface Gap {
  /** What the counter shows of it, at most a turn. */
  readonly step: number;
  /** The device restarted: its counter says nothing of the gap. */
  readonly restart: boolean;
  readonly held: Held[];
  /** Its least delayed read so far. */
  best: Arrival | null;
  sinceNs: number | null;
}

/**
 * Long enough for a read or more that is not late, short enough to be held. Where the reads so far say whole turns,
 * they may only be late: they are given about as long to show their least delay as those before the gap had, or a
 * busy host would make turns. Where turns are a guess anyway, not so long.
 */
const HOLD_NS = 64e6;
const [LONGEST_HOLD_NS, LONGEST_GUESS_NS] = [1e9, 250e6];
/** And in rows: a host that stood still brings those of a second and more at once, all of them late. */
const [HOLD_ROWS, HOLD_S] = [8192, 3];
const CATCHES_UP_NS = 1e6;
/** Further from a whole number of turns than this share is no clear answer. */
const CLEAR_SHARE = 0.25;
/** The device's rate, as far as it is learned, stays within so many standard uncertainties of the nominal one. */
const RATE_COVERAGE = 3;
/** Later by this share of a turn is later by a turn. */
const LATE_SHARE = 0.75;
const LATE_WINDOWS = 4;
/** The least delayed reads tell this apart; a shorter turn is guessed. */
const SURE_NS = 1e6;
/** A host that is up is no later than this in the whole of a hold, and no row comes before it was sampled. */
const LATEST_NS = 1e9;
const EARLIEST_NS = 250e6;
/** A turn beyond both of these, and as much again: the host can contradict the counter. */
const LONG_NS = 4e9;
/** So many rows in step with one another are a device's, whatever the host's clock says. */
const VOUCHED_ROWS = 4;
/** Rows from which their own mean distance is known; and so many gaps of one length in a row are no gaps. */
const MEAN_ROWS = 64;
const SAME_GAPS = 8;
const SAME_SHARE = 0.1;

export class TickedRows {
  readonly #blocks: RowBlocks;
  readonly #modulus: number;
  readonly #uRel: number;
  readonly #gapPeriods: number;
  readonly #wireBytes: number;
  readonly #holdRows: number;
  readonly #clock: ArrivalClock;
  readonly #guessesTurns: boolean;
  /** A turn is longer than the host is ever late. */
  readonly #long: boolean;
  #usual: number;
  #longest: number;
  #gapsUncertain = 0;
  #turnsLate = 0;
  readonly #longCounts = { repeated: 0, badCounters: 0, restarts: 0 };
  /** Counter of the last row, held or not, and counter and device time of the last that was not held. */
  #raw = 0;
  #placedRaw = 0;
  #tick: number | null = null;
  #restart = false;
  #gap: Gap | null = null;
  #afterNs: number | null = null;
  #steps = { ticks: 0, rows: 0 };
  /** Gaps in a row without any neighbours between them, ticks. */
  #gapSteps: number[] = [];
  /** Bad rows since the last row that was placed: a gap that follows holds their places. */
  #badSince = 0;
  /** The window that the next ones are held against. */
  #usually: Arrival | null = null;
  #late = 0;

  constructor(blocks: RowBlocks, options: TickedOptions) {
    const { bits, hz, uRel, rowHz, gapPeriods, wireBytes = NaN } = options;
    this.#blocks = blocks;
    this.#modulus = 2 ** bits;
    this.#uRel = uRel;
    this.#gapPeriods = gapPeriods;
    this.#wireBytes = wireBytes;
    this.#holdRows = Math.max(HOLD_ROWS, HOLD_S * rowHz);
    this.#usual = hz / rowHz;
    this.#longest = gapPeriods * this.#usual;
    const turnNs = (this.#modulus * 1e9) / hz;
    this.#guessesTurns = turnNs < SURE_NS;
    this.#long = turnNs >= LONG_NS;
    this.#clock = new ArrivalClock({
      hz,
      spread: RATE_COVERAGE * uRel,
      onWindow: (best) => this.#watch(best),
    });
  }

  counts(): TickedCounts {
    const [gapsUncertain, turnsLate] = [this.#gapsUncertain, this.#turnsLate];
    return { ...this.#blocks.counts, gapsUncertain, turnsLate };
  }

  longCounts(): LongCounts {
    return { ...this.#longCounts };
  }

  /** Mean ticks from a row to its neighbour; null before so many rows. */
  usualStep(leastRows: number): number | null {
    const { ticks, rows } = this.#steps;
    return rows < leastRows ? null : ticks / rows;
  }

  beginRead(before: Stamp, after: Stamp): void {
    this.#blocks.stamp(before, after);
    this.#afterNs = after === null ? null : Number(after);
  }

  /** @param between bytes since the row before that are of no row. `bytes` is copied. */
  row(bytes: Uint8Array, raw: number, between: number, placed?: OnPlaced): void {
    if (this.#tick === null) {
      this.#tick = raw;
      return this.#put(bytes, raw, raw, placed);
    }
    if (raw === this.#raw && this.#long && !this.#restart) {
      this.#longCounts.repeated++;
      return;
    }
    const step = this.#stepTo(raw, this.#raw);
    const goesOn = between === 0 && !this.#restart && step <= this.#longest;
    const spoiled = goesOn ? 0 : this.#spoiled(step, between);
    if (!goesOn && spoiled === 0) this.#break(raw);
    const gap = this.#gap;
    if (!gap) {
      if (spoiled > 0) this.#blocks.lose(spoiled);
      this.#steps.ticks += step;
      this.#steps.rows += 1 + spoiled;
      if (this.#gapSteps.length > 0) this.#gapSteps = [];
      return this.#put(bytes, raw, this.#tick + step, placed);
    }
    const since = goesOn ? gap.held[gap.held.length - 1]!.since + step : 0;
    gap.held.push({ bytes: bytes.slice(), since, placed });
    this.#raw = raw;
    if (gap.held.length >= this.#holdRows) this.#close();
  }

  /** The read is over: its last row has just arrived. */
  endRead(): void {
    const hostNs = this.#afterNs;
    if (hostNs !== null && this.#tick !== null) {
      const gap = this.#gap;
      if (gap) {
        const last = gap.held[gap.held.length - 1]!;
        const now = { tick: last.since, hostNs };
        // A host that is still catching up has not shown its least delay yet.
        if (gap.best && this.#clock.delayNs(gap.best, now) > CATCHES_UP_NS) gap.sinceNs = hostNs;
        gap.best = this.#clock.earlier(gap.best, now);
        if (this.#heldEnough(gap, hostNs) && !this.#waits(gap)) this.#close();
      } else this.#clock.arrived({ tick: this.#tick, hostNs });
    }
    const mean = this.usualStep(MEAN_ROWS);
    if (mean !== null) this.#longest = this.#gapPeriods * mean;
    this.#blocks.endRead();
  }

  /** The line was cut: what comes next is of a device that has restarted, unless a long counter says otherwise. */
  restart(): void {
    this.#close();
    this.#restart = this.#tick !== null;
  }

  flush(): void {
    this.#close();
    // No gap follows that would hold their places.
    if (this.#badSince > 0) this.#blocks.lose(this.#badSince);
    this.#badSince = 0;
    this.#blocks.flush();
  }

  /** Rows in whose place other bytes stand, no more and no fewer than the counter says; else 0. */
  #spoiled(step: number, between: number): number {
    const rows = between / this.#wireBytes;
    return this.#gap === null && !this.#restart && rows === this.#rowsIn(step) - 1 ? rows : 0;
  }

  /** Ticks forward from one counter to another, more than none and at most a turn. */
  #stepTo(raw: number, from: number): number {
    const step = raw - from;
    return step > 0 ? step : step + this.#modulus;
  }

  #put(bytes: Uint8Array, raw: number, tick: number, placed?: OnPlaced): void {
    const { bytes: block, at } = this.#blocks;
    for (let i = 0; i < bytes.length; i++) block[at + i] = bytes[i]!; // for so few faster than set()
    this.#blocks.commit(tick);
    this.#raw = this.#placedRaw = raw;
    this.#tick = tick;
    placed?.(tick);
  }

  /** A row that does not go on from the one before: settles a gap that is open and opens one. */
  #break(raw: number): void {
    const before = this.#gap;
    if (before && this.#returns(raw, before)) this.#dropHeld(before);
    else this.#close();
    const step = this.#stepTo(raw, this.#placedRaw);
    // A long counter says itself whether it restarted.
    const restart = this.#restart && !this.#long;
    this.#gap = { step, restart, held: [], best: null, sinceNs: this.#afterNs };
    this.#restart = false;
  }

  /** The counter is behind a few rows that jumped ahead: they were wrong, not it. */
  #returns(raw: number, { held, step }: Gap): boolean {
    return this.#long && held.length < VOUCHED_ROWS && this.#stepTo(raw, this.#placedRaw) < step;
  }

  #dropHeld({ held }: Gap): void {
    this.#gap = null;
    this.#longCounts.badCounters += held.length;
    this.#badSince += held.length;
    this.#raw = this.#placedRaw;
  }

  /** Lateness only ever adds turns: with none there is nothing to wait for, else a whole window is heard. */
  #heldEnough(gap: Gap, hostNs: number): boolean {
    const heldNs = hostNs - (gap.sinceNs ?? hostNs);
    if (heldNs < HOLD_NS) return false;
    const seen = this.#seen(gap);
    const longestNs = this.#guessesTurns ? LONGEST_GUESS_NS : LONGEST_HOLD_NS;
    return heldNs >= longestNs || seen === null || this.#whole(gap.step, seen) === gap.step;
  }

  /** Too few rows yet to say whether they or the counter before are right. */
  #waits(gap: Gap): boolean {
    return gap.held.length < VOUCHED_ROWS && this.#contradicted(gap);
  }

  /** Ends a gap: decides its length and lets the rows go that came after it. */
  #close(): void {
    const gap = this.#gap;
    if (!gap) return;
    const contradicted = this.#contradicted(gap);
    if (contradicted && gap.held.length < VOUCHED_ROWS) return this.#dropHeld(gap);
    this.#gap = null;
    this.#badSince = 0;
    const restart = gap.restart || contradicted;
    if (contradicted) this.#longCounts.restarts++;
    const raw = this.#raw;
    const length = this.#lengthOf({ ...gap, restart });
    const begins = this.#tick! + length;
    const missing = this.#rowsIn(length) - 1;
    if (missing > 0 || restart)
      this.#blocks.lose(Math.max(0, missing), restart || this.#guessesTurns);
    for (const { bytes, since, placed } of gap.held) this.#put(bytes, raw, begins + since, placed);
    if (gap.held.length === 1) this.#sameGaps(gap.step);
  }

  /** Gap after gap of one length, and no neighbours: the device is slower than was said, and nothing is lost. */
  #sameGaps(step: number): void {
    this.#gapSteps.push(step);
    if (this.#gapSteps.length < SAME_GAPS) return;
    const [least, most] = [leastOf(this.#gapSteps), mostOf(this.#gapSteps)];
    this.#gapSteps = [];
    if (most > least * (1 + SAME_SHARE)) return;
    this.#usual = (least + most) / 2;
    this.#longest = this.#gapPeriods * this.#usual;
    this.#steps = { ticks: 0, rows: 0 };
  }

  /** Whether the host's clock rules out what a long counter shows of a gap. */
  #contradicted(gap: Gap): boolean {
    const seen = this.#long ? this.#seen(gap) : null;
    if (seen === null) return false;
    const offNs = ((seen - this.#whole(gap.step, seen)) * 1e9) / this.#clock.hz;
    const rateNs = (RATE_COVERAGE * this.#uRel * Math.abs(seen) * 1e9) / this.#clock.hz;
    return offNs < -EARLIEST_NS - rateNs || offNs > LATEST_NS + rateNs;
  }

  /** Ticks of a gap by the host's clock; null where there are no stamps. */
  #seen({ best, held }: Gap): number | null {
    const before = this.#clock.least();
    const last = held[held.length - 1]!.since;
    const after =
      best ?? (this.#long && this.#afterNs !== null ? { tick: last, hostNs: this.#afterNs } : null);
    if (!before || !after) return null;
    const elapsed = ((after.hostNs - before.hostNs) * this.#clock.hz) / 1e9;
    return elapsed - (this.#tick! - before.tick) - after.tick;
  }

  /** What the counter shows and the whole turns that the host's clock adds to it. */
  #whole(step: number, seen: number): number {
    return step + Math.max(0, Math.round((seen - step) / this.#modulus)) * this.#modulus;
  }

  /** Ticks from the last row before the gap to the first one after it. */
  #lengthOf(gap: Gap): number {
    const seen = this.#seen(gap);
    if (seen === null) {
      this.#gapsUncertain++;
      return gap.step;
    }
    if (gap.restart) return Math.max(Math.round(this.#usual), Math.round(seen));
    const length = this.#whole(gap.step, seen);
    if (!this.#long && Math.abs(seen - length) > CLEAR_SHARE * this.#modulus) this.#gapsUncertain++;
    return length;
  }

  #rowsIn(ticks: number): number {
    const { ticks: sum, rows } = this.#steps;
    return Math.round(ticks / (rows > 0 ? sum / rows : this.#usual));
  }

  /**
   * Whole turns lost at once leave no trace in the counter, but every read is late by as much from then on. A
   * host that has become busy looks the same, so this is reported and nothing is corrected.
   */
  #watch(best: Arrival): void {
    this.#usually ??= best;
    const lateNs = this.#clock.delayNs(best, this.#usually);
    if ((lateNs * this.#clock.hz) / 1e9 < LATE_SHARE * this.#modulus) {
      this.#late = 0;
      this.#usually = best;
    } else if (++this.#late === LATE_WINDOWS) {
      this.#turnsLate++;
      this.#late = 0;
      this.#usually = best;
    }
  }
}
