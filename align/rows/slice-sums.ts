// What the first pass keeps of each slice of rows: its sums, its first and last row, and where in the log it
// stands. The second pass takes a slice from here that nobody looks into, and reads the others again
// (timeline.ts). Holds: so many slices as fit into a bound; neighbours are joined when there are more.

import type { RowRange } from "../../capture/row-range.ts";
import type { Rig } from "../../schema/rig.ts";
import type { Calibrator, RailColumns } from "./calibrate.ts";
import { RAIL_SUMS as RAIL, STEP_SUMS } from "./loops.ts";
import type { Slice } from "./slices.ts";

/** Of all slices together. */
const MOST_BYTES = 48 << 20;
/** Rows of a slice that is taken by its sums: its first and its last. */
export const KEPT_ROWS = 2;

/** Rows, one slice or several, and where in the log they are. */
export interface Stretch extends RowRange {
  /** Nothing but the sums is to be known of it: its rows simply go on and none is clipped. */
  readonly isPlain: boolean;
}

/** Columns of a {@link Stretch}, then the figures, by this index. */
const [FIRST, ROWS, FROM, TO, PLAIN, FIGURES] = [0, 1, 2, 3, 4, 5] as const;

export class SliceSums {
  /** What the values were calculated by. */
  readonly rig: Rig;
  readonly #rails: number;
  /** Of one slice. */
  readonly #width: number;
  readonly #most: number;
  #all: Float64Array;
  #count = 0;
  /** Index of the row after the last; NaN before the first. */
  #next = NaN;
  /** How many slices are joined into one, and into the last one so far. */
  #perEntry = 1;
  #inLast = 1;

  /** @param most slices, even. */
  constructor(rig: Rig, most?: number) {
    this.rig = rig;
    this.#rails = rig.rails.length;
    this.#width = FIGURES + RAIL * this.#rails + STEP_SUMS + 2 * RAIL * this.#rails + KEPT_ROWS;
    this.#most = most ?? 2 * Math.floor(MOST_BYTES / (16 * this.#width));
    this.#all = new Float64Array(Math.min(1 << 10, this.#most) * this.#width);
  }

  get count(): number {
    return this.#count;
  }

  at(i: number): Stretch {
    const [a, at] = [this.#all, i * this.#width];
    return {
      firstIndex: a[at + FIRST]!,
      rows: a[at + ROWS]!,
      from: a[at + FROM]!,
      to: a[at + TO]!,
      isPlain: a[at + PLAIN] === 1,
    };
  }

  /** @param values of the slice. @param isPlain but for a gap before it. */
  add({ firstIndex, rows, flags, from, to }: Slice, values: Calibrator, isPlain: boolean): void {
    const at = this.#count * this.#width;
    this.#makeRoom(at + this.#width);
    const plain = isPlain && firstIndex === this.#next && flags === 0 && rows >= KEPT_ROWS;
    this.#next = firstIndex + rows;
    const all = this.#all;
    all[at + FIRST] = firstIndex;
    all[at + ROWS] = rows;
    all[at + FROM] = from;
    all[at + TO] = to;
    all[at + PLAIN] = plain ? 1 : 0;
    if (plain) this.#keep(values, rows, at + FIGURES);
    if (this.#inLast < this.#perEntry) {
      this.#join(at - this.#width, at);
      this.#inLast++;
      return;
    }
    this.#inLast = 1;
    if (++this.#count === this.#most) this.#halve();
  }

  /** The sums of a slice and, as rows 0 and 1 of `rails` and `totalW`, its first and its last. */
  read(i: number, sums: Float64Array, rails: readonly RailColumns[], totalW: Float64Array): void {
    const all = this.#all;
    let at = i * this.#width + FIGURES;
    for (let k = 0; k < sums.length; k++) sums[k] = all[at++]!;
    for (const row of [0, 1])
      for (const { powerW, currentA, voltageV } of rails) {
        powerW[row] = all[at]!;
        if (currentA) currentA[row] = all[at + 1]!;
        if (voltageV) voltageV[row] = all[at + 2]!;
        at += RAIL;
      }
    for (let k = 0; k < KEPT_ROWS; k++) totalW[k] = all[at++]!;
  }

  #makeRoom(length: number): void {
    if (length <= this.#all.length) return;
    const more = new Float64Array(Math.min(2 * this.#all.length, this.#most * this.#width));
    more.set(this.#all);
    this.#all = more;
  }

  #keep({ sums, rails, totalW }: Calibrator, rows: number, from: number): void {
    const all = this.#all;
    let at = from;
    for (let k = 0; k < sums.length; k++) all[at++] = sums[k]!;
    for (const row of [0, rows - 1])
      for (const { powerW, currentA, voltageV } of rails) {
        all[at++] = powerW[row]!;
        all[at++] = currentA ? currentA[row]! : 0;
        all[at++] = voltageV ? voltageV[row]! : 0;
      }
    all[at++] = totalW[0]!;
    all[at++] = totalW[rows - 1]!;
  }

  /** Pairs become one each. */
  #halve(): void {
    const width = this.#width;
    const pairs = this.#count >> 1;
    for (let i = 0; i < pairs; i++) {
      this.#join(2 * i * width, (2 * i + 1) * width);
      this.#all.copyWithin(i * width, 2 * i * width, (2 * i + 1) * width);
    }
    this.#count = pairs;
    this.#inLast = this.#perEntry + 1;
    this.#perEntry *= 2;
  }

  /** What stands at b goes on from what stands at a, and into it. */
  #join(a: number, b: number): void {
    const all = this.#all;
    all[a + ROWS]! += all[b + ROWS]!;
    all[a + TO] = all[b + TO]!;
    // The second is plain only if it goes on from the first.
    if (!(all[a + PLAIN] === 1 && all[b + PLAIN] === 1)) {
      all[a + PLAIN] = 0;
      return;
    }
    const sums = FIGURES;
    const steps = sums + RAIL * this.#rails;
    const lasts = steps + STEP_SUMS + RAIL * this.#rails;
    const totals = lasts + RAIL * this.#rails;
    for (let k = sums; k < steps; k++) all[a + k]! += all[b + k]!;
    const seam = all[b + totals]! - all[a + totals + 1]!;
    all[a + steps]! += all[b + steps]! + seam * seam;
    all.copyWithin(a + lasts, b + lasts, b + totals);
    all[a + totals + 1] = all[b + totals + 1]!;
  }
}

/** Columns for {@link SliceSums.read}: those of what the rig measures. */
export function keptColumns(rig: Rig): {
  readonly rails: readonly RailColumns[];
  readonly totalW: Float64Array;
  readonly sums: Float64Array;
} {
  const column = (): Float64Array => new Float64Array(KEPT_ROWS);
  const rails = rig.rails.map((r) => ({
    name: r.name,
    voltageV: r.voltage || r.assumedVoltage ? column() : null,
    currentA: r.current ? column() : null,
    powerW: column(),
  }));
  const sums = new Float64Array(RAIL * rig.rails.length + STEP_SUMS);
  return { rails, totalW: column(), sums };
}

/** Times of the rows that are kept of `rows`, `periodNs` apart. */
export function keptTimes(
  firstNs: number,
  periodNs: number,
  rows: number,
  out: Float64Array,
): void {
  out[0] = firstNs;
  out[1] = firstNs + (rows - 1) * periodNs;
}
