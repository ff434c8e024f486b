// What rows of a column have to do with the rows beside them: whether there is noise, and in what steps.

/** So many rows show whether there is noise. Of white noise, two in three turn and none equals the next. */
const LEAST_SEEN = 64;
const LEAST_TURNING = 0.2;
/** Noise of less than some three steps of the sensor makes more equal neighbours; it may rest in one step as well. */
const MOST_EQUAL = 0.1;
/** A value within so many of the least steps is near, where so large a share of the rows makes steps. */
const [NEAR_STEPS, STEPPING] = [4, 0.01];

export class Neighbours {
  readonly #column: Float64Array;
  /** Rows seen with both their neighbours: those beyond both or below both, and those equal to the one before. */
  #seen = 0;
  #turning = 0;
  #equal = 0;
  /** The least difference of two rows, but zero, and neither of them zero. */
  #step = Infinity;

  constructor(column: Float64Array) {
    this.#column = column;
  }

  look(from: number, to: number): void {
    const column = this.#column;
    for (let i = from + 1; i < to - 1; i++) {
      const [before, x, after] = [column[i - 1]!, column[i]!, column[i + 1]!];
      this.#seen++;
      if (x === before) {
        this.#equal++;
        continue;
      }
      if (x > before === x > after && x !== after) this.#turning++;
      const step = Math.abs(x - before);
      if (step < this.#step && x !== 0 && before !== 0) this.#step = step;
    }
  }

  /** Noise of several steps of the sensor. */
  get isNoisy(): boolean {
    return (
      this.#seen >= LEAST_SEEN &&
      this.#turning >= LEAST_TURNING * this.#seen &&
      this.#equal <= MOST_EQUAL * this.#seen
    );
  }

  /** A magnitude is but a few of the steps that the column goes by. */
  isNear(magnitude: number): boolean {
    const steps = this.#seen - this.#equal;
    return steps > STEPPING * this.#seen && magnitude <= NEAR_STEPS * this.#step;
  }
}
