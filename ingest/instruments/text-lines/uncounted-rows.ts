// Rows of a device that has no counter → row indices, by the host's clock where rows are missing. In: rows in
// order, lines that were none, the host's stamps of each read. Out: rows to their blocks.
//
// A device without a counter is one whose counter turns over at every row: how many turns a gap had, only the
// host can tell (ticked-rows.ts). A line that was no row takes an index. A hole shows as lateness that stays: a
// host that stalled, or a device that sends in bursts, catches up, and the last row of a burst is on time. So
// when a read comes late by more than max(100 ms, 2.5 periods, three times what the least delayed reads of the
// last seconds differ by), its rows are held until a third of a second has brought nothing less late; then the
// least lateness is a hole of so many rows, and, being a guess, a new segment.
//
// No row comes before it was sampled. So where reads come earlier than any of the last seconds, by more than their
// least delays differ, there were more rows than the device can have made: lines sent twice, or foreign lines that
// took an index. Which ones nobody knows: they are counted, and the host's clock goes on without them.

import { type Arrival, ArrivalClock } from "../../stream/arrival-clock.ts";
import type { LineCounts, LineRows } from "./line-rows.ts";
import type { Stamp } from "../../ports/port.ts";
import type { RowBlocks } from "../../stream/row-blocks.ts";

const LATE_NS = 100e6;
const LATE_PERIODS = 2.5;
const SPREADS = 3;
const EARLY_NS = 20e6;
const EARLY_PERIODS = 1.5;
/** Earlier than half a period, but not yet so much: it becomes more within this time, or the host has become quicker. */
const EARLY_WAIT_NS = 1e9;
const HOLD_NS = 300e6;
const HOLD_ROWS = 4096;
/** The rate may be so far from the declared one and still be the device's own, not rows lost all the time. */
const RATE_SPREAD = 0.3;

const NO_COUNTER = { badCounters: 0, repeated: 0 };

interface Hole {
  readonly restart: boolean;
  /** Rows, and null where a line was none. */
  readonly held: (Uint8Array | null)[];
  best: Arrival | null;
  /** When the lateness last became less. */
  bestNs: number;
}

export class UncountedRows implements LineRows {
  readonly counter = null;
  readonly #blocks: RowBlocks;
  readonly #clock: ArrivalClock;
  readonly #periodNs: number;
  #restarts = 0;
  #holes = 0;
  #excess = 0;
  #earlySinceNs: number | null = null;
  /** Indices given, held rows not among them. */
  #next = 0;
  #hostNs: number | null = null;
  #suspect = false;
  #restart = false;
  #hole: Hole | null = null;

  constructor(blocks: RowBlocks, rowHz: number) {
    this.#blocks = blocks;
    this.#periodNs = 1e9 / rowHz;
    this.#clock = new ArrivalClock({ hz: rowHz, spread: RATE_SPREAD });
  }

  counts(): LineCounts {
    const [restarts, holes, excess] = [this.#restarts, this.#holes, this.#excess];
    return { ...this.#blocks.counts, ...NO_COUNTER, restarts, holes, excess };
  }

  beginRead(before: Stamp, after: Stamp): void {
    this.#blocks.stamp(before, after);
    this.#hostNs = after === null ? null : Number(after);
    this.#suspect =
      this.#hostNs !== null && this.#clock.learned && this.#late(this.#arrival(0, this.#hostNs));
  }

  row({ buffer, byteOffset, byteLength }: DataView): void {
    this.#take(new Uint8Array(buffer, byteOffset, byteLength));
  }

  /** A line that was no row. */
  spoiled(): void {
    this.#take(null);
  }

  /** The read is over: its last row has just arrived. */
  endRead(): void {
    this.#suspect = false;
    const [hole, hostNs] = [this.#hole, this.#hostNs];
    if (hostNs !== null) {
      if (hole) this.#look(hole, hostNs);
      else if (this.#next > 0) this.#arrived(hostNs);
    }
    this.#blocks.endRead();
  }

  /** What comes next is of a device that has restarted. */
  restart(): void {
    this.#settle();
    this.#restart = this.#next > 0;
  }

  flush(): void {
    this.#settle();
    this.#blocks.flush();
  }

  #take(row: Uint8Array | null): void {
    if (!this.#hole && (this.#suspect || this.#restart)) {
      this.#hole = { restart: this.#restart, held: [], best: null, bestNs: this.#hostNs ?? 0 };
      this.#suspect = this.#restart = false;
    }
    if (!this.#hole) return this.#put(row);
    this.#hole.held.push(row?.slice() ?? null);
    if (this.#hole.held.length === HOLD_ROWS) this.#settle();
  }

  #put(row: Uint8Array | null): void {
    if (row === null) this.#blocks.lose(1);
    else {
      this.#blocks.bytes.set(row, this.#blocks.at);
      this.#blocks.commit();
    }
    this.#next++;
  }

  /** Of the row so many after the last that has an index, by the device's count. */
  #arrival(ahead: number, hostNs: number): Arrival {
    return { tick: this.#next + ahead - this.#excess, hostNs };
  }

  #arrived(hostNs: number): void {
    const earlyNs = this.#clock.earlyNs(this.#arrival(-1, hostNs));
    if (earlyNs >= this.#most(EARLY_NS, EARLY_PERIODS)) {
      this.#excess += Math.round((earlyNs * this.#clock.hz) / 1e9);
      this.#earlySinceNs = null;
    } else if (earlyNs >= this.#most(0, 0.5)) {
      this.#earlySinceNs ??= hostNs;
      if (hostNs - this.#earlySinceNs < EARLY_WAIT_NS) return;
    } else this.#earlySinceNs = null;
    this.#clock.arrived(this.#arrival(-1, hostNs));
  }

  #look(hole: Hole, hostNs: number): void {
    if (hole.held.length === 0) return;
    const now = this.#arrival(hole.held.length - 1, hostNs);
    const gained = hole.best ? this.#clock.delayNs(hole.best, now) : Infinity;
    if (gained > 0) hole.best = now;
    if (gained > this.#periodNs) hole.bestNs = hostNs;
    const onTime = !hole.restart && !this.#late(hole.best!);
    if (onTime || hostNs - hole.bestNs >= HOLD_NS) this.#settle();
  }

  #late(a: Arrival): boolean {
    return this.#clock.lateNs(a) >= this.#most(LATE_NS, LATE_PERIODS);
  }

  /** Of a host's doings: what the delays of its reads may differ by. */
  #most(ns: number, periods: number): number {
    return Math.max(ns, periods * this.#periodNs, SPREADS * this.#clock.spreadNs());
  }

  /** Ends a hole: decides its length and lets the rows go that came after it. */
  #settle(): void {
    const hole = this.#hole;
    if (!hole) return;
    this.#hole = null;
    const { best, restart, held } = hole;
    const lateNs = best === null ? 0 : this.#clock.lateNs(best);
    const missing = Math.max(0, Math.round((lateNs * this.#clock.hz) / 1e9));
    const isHole = best !== null && missing > 0 && this.#late(best);
    if (restart) this.#restarts++;
    if (isHole) this.#holes++;
    if (isHole || restart) {
      this.#blocks.lose(missing, true);
      this.#next += missing;
    }
    for (const row of held) this.#put(row);
  }
}
