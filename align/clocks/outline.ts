// A power trace of any length in bounded memory: means over cells that double in width whenever the
// buffer is full. Good enough to find load edges, lags and what a slow telemetry filter would have
// seen; exact energies never come from here.

import { sumOf } from "../../stats/columns.ts";
import type { Kernels } from "../rows/kernels.ts";

export class Outline {
  readonly #t: Float64Array;
  readonly #p: Float64Array;
  #n = 0;
  #perCell = 1;
  #sumT = 0;
  #sumP = 0;
  #inCell = 0;

  /** @param capacity cells, even. */
  constructor(capacity = 1 << 21) {
    this.#t = new Float64Array(capacity);
    this.#p = new Float64Array(capacity);
  }

  /** Appends rows: time in any unit, power in watts. */
  add(t: Float64Array, powerW: Float64Array, rows: number): void {
    for (let from = 0; from < rows;) {
      const to = Math.min(rows, from + this.#perCell - this.#inCell);
      this.#sumT += sumOf(t, from, to);
      this.#sumP += sumOf(powerW, from, to);
      this.#inCell += to - from;
      if (this.#inCell === this.#perCell) this.#endCell();
      from = to;
    }
  }

  /**
   * The same for rows whose times are `first`, `first` + 1, …: nobody need write them out.
   * @param kernels in whose memory `powerW` lies.
   */
  addEven(
    first: number,
    powerW: Float64Array,
    rows: number,
    kernels: Pick<Kernels, "means">,
  ): void {
    for (let from = 0; from < rows;) {
      const width = this.#perCell;
      const whole = this.#inCell === 0 && width > 1 ? Math.floor((rows - from) / width) : 0;
      const cells = Math.min(whole, this.#t.length - this.#n);
      if (cells > 0) {
        kernels.means(powerW, from, cells, width, this.#p, this.#n);
        for (let k = 0; k < cells; k++, from += width)
          this.#t[this.#n++] = first + from + (width - 1) / 2;
        if (this.#n === this.#t.length) this.#halve();
        continue;
      }
      const to = Math.min(rows, from + this.#perCell - this.#inCell);
      this.#sumT += (to - from) * (first + (from + to - 1) / 2);
      this.#sumP += sumOf(powerW, from, to);
      this.#inCell += to - from;
      if (this.#inCell === this.#perCell) this.#endCell();
      from = to;
    }
  }

  #endCell(): void {
    this.#t[this.#n] = this.#sumT / this.#inCell;
    this.#p[this.#n] = this.#sumP / this.#inCell;
    this.#sumT = this.#sumP = this.#inCell = 0;
    if (++this.#n === this.#t.length) this.#halve();
  }

  #halve(): void {
    const half = this.#n / 2;
    for (let i = 0; i < half; i++) {
      this.#t[i] = (this.#t[2 * i]! + this.#t[2 * i + 1]!) / 2;
      this.#p[i] = (this.#p[2 * i]! + this.#p[2 * i + 1]!) / 2;
    }
    this.#n = half;
    this.#perCell *= 2;
  }

  /** Cell centres and mean powers so far. */
  get t(): Float64Array {
    return this.#t.subarray(0, this.#n);
  }

  get powerW(): Float64Array {
    return this.#p.subarray(0, this.#n);
  }

  /** Rows averaged in one cell. */
  get rowsPerCell(): number {
    return this.#perCell;
  }
}
