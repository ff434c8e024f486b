// Total power, block by block → Joules up to any of the last rows: a running trapezoid (a rectangle where
// rows are means) at the nominal rate, kept per row in a ring. Provisional by design: no uncertainty, no
// clock fit; energy/integrate.ts has the figure of record.
// Holds: across missing rows the Joules stand still.

import type { Rig } from "../../schema/rig.ts";
import { Ring } from "./ring.ts";

/** 2 s at 131 kS/s, 2 MB: marks and telemetry arrive well within it. */
const CAPACITY = 2 ** 18;

export class RunningEnergy {
  readonly #halfPeriodS: number;
  readonly #means: boolean;
  /** Joules up to each row. */
  readonly #ring = new Ring(CAPACITY);
  #first = NaN;
  #end = NaN;
  #joules = 0;
  #powerW = NaN;
  #missing = 0;

  constructor({ rowHz, sampling }: Pick<Rig["device"], "rowHz" | "sampling">) {
    this.#halfPeriodS = 0.5 / rowHz;
    this.#means = sampling === "interval_mean";
  }

  /** Index after the last row. NaN before the first. */
  get end(): number {
    return this.#end;
  }

  get joules(): number {
    return this.#joules;
  }

  /** Rows that never came, so far. */
  get missingRows(): number {
    return this.#missing;
  }

  /** Rows must come in order; a block that starts later than the last ended leaves a gap. */
  add(powerW: Float64Array, firstIndex: number, rows: number): void {
    if (Number.isNaN(this.#end)) this.#first = this.#end = firstIndex;
    if (firstIndex > this.#end) this.#skip(firstIndex);
    const ring = this.#ring;
    const half = this.#halfPeriodS;
    let joules = this.#joules;
    let before = this.#powerW;
    for (let i = this.#end - firstIndex; i < rows; i++) {
      const now = powerW[i]!;
      // The first row of all and the one after a gap have nothing before them (NaN).
      const twice = this.#means ? 2 * before : before + now;
      if (twice === twice) joules += twice * half;
      ring.put(firstIndex + i, joules);
      before = now;
    }
    this.#joules = joules;
    this.#powerW = before;
    this.#end = Math.max(this.#end, firstIndex + rows);
  }

  #skip(to: number): void {
    this.#missing += to - this.#end;
    for (let i = Math.max(this.#end, to - CAPACITY); i < to; i++) this.#ring.put(i, this.#joules);
    this.#end = to;
    this.#powerW = NaN;
  }

  /**
   * Joules up to a row index, between rows by straight line. @returns NaN before the first row and where
   * the ring has forgotten, undefined where the row is yet to come.
   */
  at(index: number): number | undefined {
    const i = Math.floor(index);
    if (!(i + 1 < this.#end)) return undefined;
    if (i < this.#first || i < this.#end - CAPACITY) return NaN;
    const [a, b] = [this.#ring.at(i), this.#ring.at(i + 1)];
    return a + (index - i) * (b - a);
  }
}
