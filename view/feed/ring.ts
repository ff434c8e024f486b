// Numbers as they come → the last of them, each by its number. Holds: memory for so many, and no more.

/** A number that was never put is 0, one that was overwritten is a later one: which are held, its owner knows. */
export class Ring {
  readonly #held: Float64Array;

  constructor(capacity: number) {
    this.#held = new Float64Array(capacity);
  }

  put(i: number, x: number): void {
    this.#held[i % this.#held.length] = x;
  }

  /** @param i a whole number from 0. */
  at(i: number): number {
    return this.#held[i % this.#held.length]!;
  }
}
