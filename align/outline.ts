// A power trace of any length in bounded memory: means over cells that double in width whenever the
// buffer is full. Good enough to find load edges, lags and what a slow telemetry filter would have
// seen; exact energies never come from here.

const CAPACITY = 1 << 21;

export class Outline {
  #t = new Float64Array(CAPACITY);
  #p = new Float64Array(CAPACITY);
  #n = 0;
  #perCell = 1;
  #sumT = 0;
  #sumP = 0;
  #inCell = 0;

  /** Appends rows: time in any unit, power in watts. */
  add(t: Float64Array, powerW: Float64Array, rows: number): void {
    for (let i = 0; i < rows; i++) {
      this.#sumT += t[i]!;
      this.#sumP += powerW[i]!;
      if (++this.#inCell === this.#perCell) this.#endCell();
    }
  }

  #endCell(): void {
    this.#t[this.#n] = this.#sumT / this.#inCell;
    this.#p[this.#n] = this.#sumP / this.#inCell;
    this.#sumT = this.#sumP = this.#inCell = 0;
    if (++this.#n === CAPACITY) this.#halve();
  }

  #halve(): void {
    for (let i = 0; i < CAPACITY / 2; i++) {
      this.#t[i] = (this.#t[2 * i]! + this.#t[2 * i + 1]!) / 2;
      this.#p[i] = (this.#p[2 * i]! + this.#p[2 * i + 1]!) / 2;
    }
    this.#n = CAPACITY / 2;
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
