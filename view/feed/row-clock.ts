// Blocks and exchanges as they come → session time of a row, as well as it is known by now: the line
// through the last exchanges (the fit of align/clocks/clock.ts), before that the earliest arrivals at the nominal
// rate. Provisional: `fuse` fits the whole run and publishes its fit.

import { type ClockPairing, fitLine, type LineFit } from "../../align/clocks/clock.ts";
import { BlockFlag, type ClockExchange, type SampleBlock } from "../../schema/records.ts";
import type { Rig } from "../../schema/rig.ts";
import { elapsedNs, type Instant, type SessionNs } from "../../schema/time.ts";
import { leastOf } from "../../stats/summary.ts";

/** A minute of pings: long enough for a rate of 0.1 ppm, short enough to follow a crystal's temperature. */
const EXCHANGES = 120;

export interface ClockState {
  readonly method: "exchange" | "arrival" | "none";
  readonly ratePpm: number;
  /** Standard uncertainty of the rate. */
  readonly uRatePpm: number;
  /** Standard uncertainty of a row's place: scatter, and the asymmetry that scatter cannot show. */
  readonly uOffsetNs: number;
  readonly residualRmsNs: number;
  readonly exchanges: number;
  /** Of the last exchange. */
  readonly roundTripNs: number;
}

interface Anchor {
  readonly index: number;
  readonly tick: bigint;
}

export class RowClock {
  readonly #epoch: Instant<"host">;
  readonly #hz: number;
  readonly #uRel: number;
  #first: Anchor | null = null;
  #last: Anchor | null = null;
  #pairs: ClockPairing[] = [];
  #fit: LineFit | null = null;
  #roundTripNs = NaN;
  /** Session time of row 0 by the earliest arrival, and the row up to which it was looked for. */
  #originNs = NaN;
  #seen = 0;

  constructor(epoch: Instant<"host">, { rowHz, clock }: Pick<Rig["device"], "rowHz" | "clock">) {
    this.#epoch = epoch;
    this.#hz = rowHz;
    this.#uRel = clock.uRel;
  }

  block(b: SampleBlock): void {
    if (b.flags & (BlockFlag.duplicate | BlockFlag.reordered)) return;
    if (b.flags & BlockFlag.restart) {
      this.#first = this.#fit = null;
      this.#pairs = [];
      this.#originNs = NaN;
    }
    if (b.deviceTick !== null) {
      this.#last = { index: b.firstIndex, tick: b.deviceTick };
      this.#first ??= this.#last;
    }
    if (b.hostAfter !== null) this.#arrived(b.firstIndex + b.rows, b.hostAfter);
  }

  /**
   * A block cannot arrive before its last row was sampled, so the earliest arrival tells most. It is
   * forgotten at twice the rate by which the rig says the clock may be off.
   */
  #arrived(end: number, after: Instant<"host">): void {
    const originNs = elapsedNs(after, this.#epoch) - (end / this.#hz) * 1e9;
    const forgottenNs = ((end - this.#seen) / this.#hz) * 2e9 * this.#uRel;
    const standing = this.#originNs + forgottenNs;
    this.#originNs = standing < originNs ? standing : originNs;
    this.#seen = end;
  }

  exchange(e: ClockExchange): void {
    const [first, last] = [this.#first, this.#last];
    if (!first || !last || last.tick <= first.tick) return;
    const perTick = (last.index - first.index) / Number(last.tick - first.tick);
    const row = (tick: bigint): number => last.index + Number(tick - last.tick) * perTick;
    const [sentNs, backNs] = [elapsedNs(e.sent, this.#epoch), elapsedNs(e.received, this.#epoch)];
    const insideNs = ((row(e.deviceSent) - row(e.deviceReceived)) / this.#hz) * 1e9;
    this.#roundTripNs = backNs - sentNs - insideNs;
    this.#pairs.push({
      device: (row(e.deviceReceived) + row(e.deviceSent)) / 2,
      sessionNs: (sentNs + backNs) / 2,
      uNs: Math.max(1e3, this.#roundTripNs / Math.sqrt(12)),
    });
    if (this.#pairs.length > EXCHANGES) this.#pairs.shift();
    const prior = { hz: this.#hz, uRel: this.#uRel, startNs: 0, startUNs: Infinity };
    if (this.#pairs.length > 1) this.#fit = fitLine(this.#pairs, prior);
  }

  get rowNs(): number {
    return this.#fit?.nsPerUnit ?? 1e9 / this.#hz;
  }

  /** Session time of a row; NaN before the first block. */
  sessionNs(row: number): SessionNs {
    const fit = this.#fit;
    if (fit) return fit.refNs + (row - fit.refDevice) * fit.nsPerUnit;
    return this.#originNs + row * this.rowNs;
  }

  rowAt(tNs: SessionNs): number {
    return (tNs - this.sessionNs(0)) / this.rowNs;
  }

  get state(): ClockState {
    const fit = this.#fit;
    return {
      method: fit ? "exchange" : Number.isNaN(this.#originNs) ? "none" : "arrival",
      ratePpm: fit ? (1e9 / (fit.nsPerUnit * this.#hz) - 1) * 1e6 : NaN,
      uRatePpm: fit ? fit.uRate * 1e6 : NaN,
      uOffsetNs: fit ? Math.hypot(fit.uOffsetNs, leastOf(this.#pairs.map((p) => p.uNs))) : NaN,
      residualRmsNs: fit?.residualRmsNs ?? NaN,
      exchanges: this.#pairs.length,
      roundTripNs: this.#roundTripNs,
    };
  }
}
