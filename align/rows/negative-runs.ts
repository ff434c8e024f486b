// How long a column stays below zero, cell after cell, and how far it goes there. Short ones are no news: a
// converter gives back what lies in its coils, and mains alternate.

export class NegativeRuns {
  /** Cells in runs of at least so many. */
  cells = 0;
  /** The most negative value that all rows of one of those cells go below. */
  deepest = 0;
  readonly #least: number;
  #run = 0;
  #inRun = 0;

  /** @param least cells of a run. */
  constructor(least: number) {
    this.#least = least;
  }

  /** @param high the greatest value of the next cell. */
  take(high: number): void {
    if (!(high < 0) || high === -Infinity) {
      this.#run = this.#inRun = 0;
      return;
    }
    this.#run++;
    this.#inRun = Math.min(this.#inRun, high);
    if (this.#run < this.#least) return;
    this.cells += this.#run === this.#least ? this.#run : 1;
    this.deepest = Math.min(this.deepest, this.#inRun);
  }
}
