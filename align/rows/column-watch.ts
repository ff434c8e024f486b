// What the values of a column are like over a whole run, seen in cells of a few rows: levels that are held beside
// values that stand alone. A column comes slice by slice; a cell goes on from one to the next.

import { FlatTop } from "./flat-top.ts";
import type { Kernels } from "./kernels.ts";
import { EXTREMES_OF } from "./loops.ts";
import { NegativeRuns } from "./negative-runs.ts";

/** What lasts for twice as many rows fills a cell. */
export const CELL_ROWS = EXTREMES_OF;
/** Values stay below zero for a while from so many cells on, and so long. */
const [LEAST_BELOW, BELOW_S] = [2, 0.05];
/** What is held is known to within this factor. */
const USUAL = 1.25;
/** Cells are counted by their peaks in bins of a quarter of an octave: the upper bits of a float64. */
const BIN_SHIFT = 18;
const BINS = 1 << (32 - BIN_SHIFT - 1);
/** Nearer to zero than this share of what is held is near, however near. */
export const NEAR_ZERO = 1 / 200;
/** Peaks below so many times what is held by then are not counted. */
export const LEAST_RATIO = 2;

export class ColumnWatch {
  rows = 0;
  /** Whole cells. */
  cells = 0;
  /** What all rows of some cell reach: the highest above zero, the lowest below. */
  heldHigh = 0;
  heldLow = 0;
  /** Of all rows. */
  lowest = Infinity;
  highest = -Infinity;
  /** The least magnitude of any row, but zero; of those near zero the first. */
  least = Infinity;
  /** The greatest magnitude of any row is so many times that of both rows beside it; 1 where that is not known. */
  peakOverBeside = 1;
  /** Of the slice at hand. */
  low = Infinity;
  high = -Infinity;
  /** Of a load: the less a supply has to give the steadier it is, and it may well rest where it is highest. */
  readonly top: FlatTop | undefined;
  readonly below: NegativeRuns;
  readonly #column: Float64Array;
  readonly #kernels: Kernels;
  readonly #peaks = new Uint32Array(BINS);
  /** Of the cell at hand. */
  #low = Infinity;
  #high = -Infinity;
  #inCell = 0;
  #rowsNow = 0;
  #highestPeak = 0;

  /** @param kernels in whose memory the column lies. */
  constructor(column: Float64Array, kernels: Kernels, o: { isLoad: boolean; rowHz: number }) {
    this.top = o.isLoad ? new FlatTop(column) : undefined;
    this.below = new NegativeRuns(
      Math.max(LEAST_BELOW, Math.ceil((BELOW_S * o.rowHz) / CELL_ROWS)),
    );
    this.#column = column;
    this.#kernels = kernels;
  }

  add(rows: number): void {
    this.rows += rows;
    this.#rowsNow = rows;
    this.low = Infinity;
    this.high = -Infinity;
    const begun = this.#inCell === 0 ? 0 : Math.min(rows, CELL_ROWS - this.#inCell);
    const cells = Math.floor((rows - begun) / CELL_ROWS);
    this.#some(0, begun);
    const extremes = this.#kernels.extremes(this.#column, begun, cells);
    if (cells > 0 && this.#isUsual(extremes[2 * cells]!, extremes[2 * cells + 1]!))
      this.#usual(cells, extremes[2 * cells]!, extremes[2 * cells + 1]!);
    else
      for (let k = 0; k < cells; k++)
        this.#whole(extremes[k]!, extremes[cells + k]!, begun + k * CELL_ROWS);
    this.#some(begun + cells * CELL_ROWS, rows);
    this.lowest = Math.min(this.lowest, this.low);
    this.highest = Math.max(this.highest, this.high);
  }

  /** The highest magnitude that all rows of some cell reach. */
  get held(): number {
    return Math.max(this.heldHigh, -this.heldLow);
  }

  /** The greatest magnitude of any row. */
  get peak(): number {
    return Math.max(this.highest, -this.lowest);
  }

  /** Cells with a row of more than this magnitude, at least LEAST_RATIO times what is held. */
  above(magnitude: number): number {
    let cells = 0;
    for (let bin = binOf(magnitude) + 1; bin < BINS; bin++) cells += this.#peaks[bin]!;
    return cells;
  }

  /** Cells that need no look each: above zero, and no higher than what is held, by a quarter. */
  #isUsual(low: number, high: number): boolean {
    return low > 0 && high < USUAL * this.heldHigh && this.top?.isBelow(high) !== false;
  }

  #usual(cells: number, low: number, high: number): void {
    this.#take(low, high, 0, CELL_ROWS);
    this.cells += cells;
    this.below.take(high);
  }

  /** Rows of a cell that began in the slice before, or ends in the next. */
  #some(from: number, to: number): void {
    if (from === to) return;
    let [low, high] = [Infinity, -Infinity];
    for (let i = from; i < to; i++) {
      const x = this.#column[i]!;
      if (x < low) low = x;
      if (x > high) high = x;
    }
    this.#take(low, high, from, to);
    this.#low = Math.min(this.#low, low);
    this.#high = Math.max(this.#high, high);
    this.#inCell += to - from;
    if (this.#inCell < CELL_ROWS) return;
    this.#endCell(this.#low, this.#high);
    this.#low = Infinity;
    this.#high = -Infinity;
    this.#inCell = 0;
  }

  #whole(low: number, high: number, from: number): void {
    this.#take(low, high, from, from + CELL_ROWS);
    this.#endCell(low, high);
  }

  #take(low: number, high: number, from: number, to: number): void {
    this.top?.take(high, from, to);
    const peak = Math.max(high, -low);
    if (peak > this.#highestPeak && peak < Infinity) this.#takePeak(peak, from, to);
    if (low < this.low) this.low = low;
    if (high > this.high) this.high = high;
    if (low > 0) {
      if (low < this.least) this.least = low;
    } else if (high < 0) {
      if (-high < this.least) this.least = -high;
    } else if (!(this.least < NEAR_ZERO * this.held))
      for (let i = from; i < to; i++) {
        const x = Math.abs(this.#column[i]!);
        if (x > 0 && x < this.least) this.least = x;
      }
  }

  /** A new greatest magnitude, somewhere in these rows. */
  #takePeak(peak: number, from: number, to: number): void {
    this.#highestPeak = peak;
    this.peakOverBeside = 1;
    // At the ends of a slice one of them alone is at hand.
    const besideOf = (i: number): number =>
      i < 0 || i >= this.#rowsNow ? 0 : Math.abs(this.#column[i]!);
    for (let i = from; i < to; i++)
      if (Math.abs(this.#column[i]!) === peak)
        this.peakOverBeside = peak / Math.max(besideOf(i - 1), besideOf(i + 1));
  }

  #endCell(low: number, high: number): void {
    this.cells++;
    this.below.take(high);
    if (low > this.heldHigh && low < Infinity) this.heldHigh = low;
    if (high < this.heldLow && high > -Infinity) this.heldLow = high;
    const peak = high > -low ? high : -low;
    if (peak > LEAST_RATIO * this.heldHigh && peak < Infinity) this.#peaks[binOf(peak)]!++;
  }
}

const value = new Float64Array(1);
const words = new Uint32Array(value.buffer);
/** All that this runs on are little-endian. */
const [HIGH_WORD] = [1];

function binOf(magnitude: number): number {
  value[0] = magnitude;
  return words[HIGH_WORD]! >>> BIN_SHIFT;
}
