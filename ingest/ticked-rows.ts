// Rows with a short counter of the device's own → unwrapped device time and row index, across gaps too. In:
// rows in order, the counter of each, the host's stamps of each read. Out: rows to their blocks. Between
// neighbours the counter says all. Across a gap it says the time but for whole turns: the host's clock says
// how many, by the least delayed read before the gap against the least delayed one after, so rows after a
// gap are held until that is known.

import type { Stamp } from "./port.ts";
import type { RowBlocks } from "./row-blocks.ts";

export interface TickedCounts {
  readonly rows: number;
  readonly rowsLost: number;
  /** Gaps whose length fits no whole number of turns well: it may be wrong by one. */
  readonly gapsUncertain: number;
  /** Times when for a second every read came a turn or more later than before: a busy host, or rows lost unseen. */
  readonly turnsLate: number;
}

export const TURNS_LATE =
  "times that every read of a second came late by a turn of the counter: a busy host, or rows lost unseen";

export interface TickedOptions {
  readonly bits: number;
  /** Nominal ticks per second and their relative standard uncertainty; rows per second. */
  readonly hz: number;
  readonly uRel: number;
  readonly rowHz: number;
  /** Neighbours are at most this many periods apart, or rows are missing. */
  readonly gapPeriods: number;
  /**
   * A turn is shorter than the host is sure to tell: how many there were in a gap is a good guess, and what comes
   * after it is marked as a stretch of its own, whose time rests on the host's clock.
   */
  readonly guessesTurns?: boolean;
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
  /** What the counter shows of it, less than a turn. */
  readonly step: number;
  /** The device began anew: its counter says nothing of the gap. */
  readonly restart: boolean;
  readonly held: Held[];
  /** Its least delayed read so far. */
  best: Arrival | null;
  sinceNs: number | null;
}

/** The last row of a read: it has just been sampled, or is late by what host and line were. */
interface Arrival {
  readonly tick: number;
  readonly hostNs: number;
}

/** Long enough for a read or more that is not late, short enough to be held. */
const HOLD_NS = 64e6;
const HOLD_ROWS = 8192;
/** Further from a whole number of turns than this share is no clear answer. */
const CLEAR_SHARE = 0.25;
const WINDOW_NS = 250e6;
/** Windows remembered: a host may be busy for so long without being taken for a gap. */
const WINDOWS = 8;
/** The device's rate, as far as it is learned, stays within so many standard uncertainties of the nominal one. */
const RATE_COVERAGE = 3;
/** Later by this share of a turn is later by a turn. */
const LATE_SHARE = 0.75;
const LATE_WINDOWS = 4;
/** The device's rate is taken from the host's clock once it has been seen for so long. */
const LEARNED_NS = 1e9;

export class TickedRows {
  readonly #blocks: RowBlocks;
  readonly #modulus: number;
  readonly #nominalHz: number;
  readonly #hzSpread: number;
  readonly #usual: number;
  readonly #longest: number;
  readonly #guessesTurns: boolean;
  #gapsUncertain = 0;
  #turnsLate = 0;
  /** Counter and device time of the last row; rows held are not yet in the latter. */
  #raw = 0;
  #tick: number | null = null;
  #restart = false;
  #gap: Gap | null = null;
  #afterNs: number | null = null;
  #learnedHz: number | null = null;
  #steps = { ticks: 0, rows: 0 };
  /** Least delayed reads: of the stream's first window, of the last whole ones, of the one under way. */
  #first: Arrival | null = null;
  readonly #windows: Arrival[] = [];
  #best: Arrival | null = null;
  /** The window that the next ones are held against. */
  #usually: Arrival | null = null;
  #windowNs = 0;
  #late = 0;

  constructor(blocks: RowBlocks, options: TickedOptions) {
    const { bits, hz, uRel, rowHz, gapPeriods, guessesTurns = false } = options;
    this.#blocks = blocks;
    this.#modulus = 2 ** bits;
    this.#nominalHz = hz;
    this.#hzSpread = RATE_COVERAGE * uRel * hz;
    this.#usual = hz / rowHz;
    this.#longest = gapPeriods * this.#usual;
    this.#guessesTurns = guessesTurns;
  }

  counts(): TickedCounts {
    const [gapsUncertain, turnsLate] = [this.#gapsUncertain, this.#turnsLate];
    return { ...this.#blocks.counts, gapsUncertain, turnsLate };
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

  /** @param damaged bytes before it were lost or foreign. `bytes` is copied. */
  row(bytes: Uint8Array, raw: number, damaged: boolean, placed?: OnPlaced): void {
    if (this.#tick === null) {
      this.#tick = raw;
      return this.#put(bytes, raw, raw, placed);
    }
    const step = (raw - this.#raw + this.#modulus) % this.#modulus;
    const goesOn = !damaged && !this.#restart && step > 0 && step <= this.#longest;
    if (!goesOn) {
      this.#close();
      this.#gap = { step, restart: this.#restart, held: [], best: null, sinceNs: this.#afterNs };
      this.#restart = false;
    }
    const gap = this.#gap;
    if (!gap) {
      this.#steps.ticks += step;
      this.#steps.rows++;
      return this.#put(bytes, raw, this.#tick + step, placed);
    }
    const since = goesOn ? gap.held[gap.held.length - 1]!.since + step : 0;
    gap.held.push({ bytes: bytes.slice(), since, placed });
    this.#raw = raw;
    if (gap.held.length === HOLD_ROWS) this.#close();
  }

  /** The read is over: its last row has just arrived. */
  endRead(): void {
    const hostNs = this.#afterNs;
    if (hostNs !== null && this.#tick !== null) {
      const gap = this.#gap;
      if (gap) {
        gap.best = this.#earlier(gap.best, { tick: gap.held[gap.held.length - 1]!.since, hostNs });
        if (hostNs - (gap.sinceNs ?? hostNs) >= HOLD_NS) this.#close();
      } else this.#arrived({ tick: this.#tick, hostNs });
    }
    this.#blocks.endRead();
  }

  /** The next row is the first of a device that has begun anew. */
  restart(): void {
    this.#close();
    this.#restart = this.#tick !== null;
  }

  flush(): void {
    this.#close();
    this.#blocks.flush();
  }

  #put(bytes: Uint8Array, raw: number, tick: number, placed?: OnPlaced): void {
    const { bytes: block, at } = this.#blocks;
    for (let i = 0; i < bytes.length; i++) block[at + i] = bytes[i]!; // for so few faster than set()
    this.#blocks.commit(tick);
    this.#raw = raw;
    this.#tick = tick;
    placed?.(tick);
  }

  /** Ends a gap: decides its length and lets the rows go that came after it. */
  #close(): void {
    const gap = this.#gap;
    if (!gap) return;
    this.#gap = null;
    const raw = this.#raw;
    const begins = this.#tick! + this.#lengthOf(gap);
    const missing = this.#rowsIn(begins - this.#tick!) - 1;
    if (missing > 0 || gap.restart)
      this.#blocks.lose(Math.max(0, missing), gap.restart || this.#guessesTurns);
    for (const { bytes, since, placed } of gap.held) this.#put(bytes, raw, begins + since, placed);
  }

  /** Ticks from the last row before the gap to the first one after it. */
  #lengthOf({ step, restart, best }: Gap): number {
    const least = step > 0 ? step : this.#modulus;
    const before = this.#windows.reduce((a, b) => this.#earlier(a, b), this.#best);
    if (!before || !best) {
      this.#gapsUncertain++;
      return least;
    }
    const elapsed = ((best.hostNs - before.hostNs) * this.#hz()) / 1e9;
    const seen = elapsed - (this.#tick! - before.tick) - best.tick;
    if (restart) return Math.max(Math.round(this.#usual), Math.round(seen));
    const turns = Math.max(0, Math.round((seen - least) / this.#modulus));
    const length = least + turns * this.#modulus;
    if (Math.abs(seen - length) > CLEAR_SHARE * this.#modulus) this.#gapsUncertain++;
    return length;
  }

  #rowsIn(ticks: number): number {
    const { ticks: sum, rows } = this.#steps;
    return Math.round(ticks / (rows > 0 ? sum / rows : this.#usual));
  }

  /** As learned from the host's clock, once it has been seen long enough. */
  #hz(): number {
    return this.#learnedHz ?? this.#nominalHz;
  }

  /** The less delayed of two arrivals. */
  #earlier(a: Arrival | null, b: Arrival | null): Arrival | null {
    if (!a || !b) return a ?? b;
    return this.#delayNs(a, b) <= 0 ? a : b;
  }

  /** How much more `a` was delayed than `b`. */
  #delayNs(a: Arrival, b: Arrival): number {
    return a.hostNs - b.hostNs - ((a.tick - b.tick) * 1e9) / this.#hz();
  }

  #arrived(arrival: Arrival): void {
    this.#best = this.#earlier(this.#best, arrival);
    if (this.#windowNs === 0) this.#windowNs = arrival.hostNs;
    if (arrival.hostNs - this.#windowNs < WINDOW_NS) return;
    this.#windowNs = arrival.hostNs;
    const best = this.#best!;
    this.#best = null;
    this.#watch(best);
    this.#first ??= best;
    this.#windows.push(best);
    if (this.#windows.length > WINDOWS) this.#windows.shift();
    this.#learn(this.#first);
  }

  #learn(first: Arrival): void {
    const last = this.#windows.reduce((a, b) => this.#earlier(a, b)!);
    if (last.hostNs - first.hostNs < LEARNED_NS) return;
    const hz = ((last.tick - first.tick) * 1e9) / (last.hostNs - first.hostNs);
    const [nominal, spread] = [this.#nominalHz, this.#hzSpread];
    this.#learnedHz = Math.min(nominal + spread, Math.max(nominal - spread, hz));
  }

  /**
   * Whole turns lost at once leave no trace in the counter, but every read is late by as much from then on. A
   * host that has become busy looks the same, so this is told and nothing is corrected.
   */
  #watch(best: Arrival): void {
    this.#usually ??= best;
    const lateNs = this.#delayNs(best, this.#usually);
    if ((lateNs * this.#hz()) / 1e9 < LATE_SHARE * this.#modulus) {
      this.#late = 0;
      this.#usually = best;
    } else if (++this.#late === LATE_WINDOWS) {
      this.#turnsLate++;
      this.#late = 0;
      this.#usually = best;
    }
  }
}
