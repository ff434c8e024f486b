// Total power, block by block → Joules up to any instant among the last rows, by the rule of energy/integrate.ts at
// the nominal rate. Provisional by design: no uncertainty, no clock fit.
// Holds: across missing rows the Joules stand still; a row that is a mean counts for its own period also before them.

import { meanOver } from "../../energy/integrals.ts";
import type { Rig } from "../../schema/rig.ts";
import { Ring } from "./ring.ts";

/** 2 s at 131 kS/s, 2 MB a ring: marks and telemetry arrive well within it. */
const CAPACITY = 2 ** 18;

export class RunningEnergy {
  readonly #periodS: number;
  readonly #holds: boolean;
  /** Joules up to each row. */
  readonly #upTo = new Ring(CAPACITY);
  /** Of each row; NaN where it never came. */
  readonly #powers = new Ring(CAPACITY);
  #first = NaN;
  #end = NaN;
  /** Up to the last row, and its power. */
  #joules = 0;
  #powerW = NaN;
  #missing = 0;

  constructor({ rowHz, sampling }: Pick<Rig["device"], "rowHz" | "sampling">) {
    this.#periodS = 1 / rowHz;
    this.#holds = sampling === "interval_mean";
  }

  /** Index after the last row. NaN before the first. */
  get end(): number {
    return this.#end;
  }

  /** Joules of all rows so far. */
  get joules(): number {
    return this.#joules + this.#ofLast();
  }

  /** Rows that never came, so far. */
  get missingRows(): number {
    return this.#missing;
  }

  /** Rows must come in order; a block that starts later than the last ended leaves a gap. */
  add(powerW: Float64Array, firstIndex: number, rows: number): void {
    if (Number.isNaN(this.#end)) this.#first = this.#end = firstIndex;
    if (firstIndex > this.#end) this.#skip(firstIndex);
    const [upTo, powers, holds, periodS] = [this.#upTo, this.#powers, this.#holds, this.#periodS];
    let joules = this.#joules;
    let before = this.#powerW;
    for (let i = this.#end - firstIndex; i < rows; i++) {
      const now = powerW[i]!;
      const part = meanOver(holds, before, now, 1) * periodS;
      // The first row of all and the one after a gap have nothing before them (NaN).
      if (part === part) joules += part;
      upTo.put(firstIndex + i, joules);
      powers.put(firstIndex + i, now);
      before = now;
    }
    this.#joules = joules;
    this.#powerW = before;
    this.#end = Math.max(this.#end, firstIndex + rows);
  }

  #skip(to: number): void {
    this.#missing += to - this.#end;
    this.#joules += this.#ofLast();
    this.#powerW = NaN;
    for (let i = Math.max(this.#end, to - CAPACITY); i < to; i++) {
      this.#upTo.put(i, this.#joules);
      this.#powers.put(i, NaN);
    }
    this.#end = to;
  }

  /** What the last row says of the time after it: nothing, unless it is a mean. */
  #ofLast(): number {
    return this.#holds && this.#powerW === this.#powerW ? this.#powerW * this.#periodS : 0;
  }

  /**
   * Joules up to a row index, or between two. @returns NaN before the first row and where the rings have forgotten,
   * undefined where the row is yet to come.
   */
  at(index: number): number | undefined {
    const last = this.#end - 1;
    if (!(index <= (this.#holds ? this.#end : last))) return undefined;
    const i = Math.min(Math.floor(index), last);
    if (i < this.#first || i < this.#end - CAPACITY) return NaN;
    const share = index - i;
    const meanW = meanOver(this.#holds, this.#powers.at(i), this.#powers.at(i + 1), share);
    const part = share * meanW * this.#periodS;
    // NaN beside a row that never came.
    return this.#upTo.at(i) + (share > 0 && part === part ? part : 0);
  }
}
