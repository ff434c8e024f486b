// Samples of a power → what in them no instrument measures: long stretches of exact zeros, as a disk leaves
// them, and single samples far above both neighbours, as a flipped exponent makes them. For formats without
// a checksum of their own. Everything is kept as it stands; the caller says what was found.

import type { Note } from "../../../schema/records.ts";
import { counted } from "./notes.ts";

/** No capture seen holds a single exact zero. */
const LOST_ZEROS = 8;
/** The largest that nine captures of MLPerf Tiny show at 1 kHz is 2.2. */
const LONE_RATIO = 10;

export class Plausibility {
  #zeroRun = 0;
  #zeros = 0;
  #lone = 0;

  /** Looks at the next samples; the first and last of each call have no neighbours to be held against. */
  add(x: Float32Array | Float64Array): void {
    for (let i = 0; i < x.length; i++) {
      if (x[i] !== 0) this.#zeroRun = 0;
      else if (++this.#zeroRun === LOST_ZEROS) this.#zeros += LOST_ZEROS;
      else if (this.#zeroRun > LOST_ZEROS) this.#zeros++;
      const size = Math.abs(x[i]!);
      if (
        i > 0 &&
        size > LONE_RATIO * Math.abs(x[i - 1]!) &&
        size > LONE_RATIO * Math.abs(x[i + 1]!) &&
        size < Infinity
      )
        this.#lone++;
    }
  }

  notes(where: string): Note[] {
    const odd = (n: number, text: string) =>
      counted(where, "warning", n, `samples ${text}: damaged?`);
    return [
      ...odd(this.#zeros, "are exactly zero, many in a row"),
      ...odd(this.#lone, `stand alone at more than ${LONE_RATIO} times both their neighbours`),
    ];
  }
}
