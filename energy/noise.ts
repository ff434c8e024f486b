// What the sensors' noise leaves of a mean power, whatever its colour. In: the trace as means of cells. Out: watts.
// Holds: what the quietest stretch of a run still does is noise, white or 1/f; slower than was seen there it goes on as
// strong. Linear in the cells, once.

import { valueAt } from "../stats/places.ts";
import { deviationOf } from "../stats/summary.ts";
import type { Cells } from "./load.ts";

export interface Noise {
  /** Standard deviation of a row, W. */
  readonly rowW: number;
  /** Standard uncertainty of the mean power over so long, W: how far it lies from the mean over all time. */
  meanU(lengthS: number): number;
}

export const NO_NOISE: Noise = { rowW: 0, meanU: () => 0 };

/** The stretch is one of so many, and no shorter than so many cells. */
const STRETCHES = 16;
const LEAST_CELLS = 64;
/** So many pairs show what a variance is. */
const LEAST_PAIRS = 8;

/** @param rowsPerCell of the cells. @returns none where the run is too short to show any. */
export function noiseIn({ powerW, stepS }: Cells, rowsPerCell: number): Noise {
  const quiet = quietest(powerW, Math.max(LEAST_CELLS, Math.floor(powerW.length / STRETCHES)));
  if (!quiet) return NO_NOISE;
  const variances = allanVariances(quiet);
  const octaves = Math.max(variances.length, Math.ceil(Math.log2(powerW.length)));
  // squares[k]: of the mean over 2^k cells.
  const squares = new Float64Array(octaves + 1);
  const last = variances.length - 1;
  squares[octaves] = valueAt(variances, last);
  for (let k = octaves - 1; k >= 0; k--)
    squares[k] = valueAt(squares, k + 1) + valueAt(variances, Math.min(k, last)) / 2;
  const white = valueAt(variances, 0);
  return {
    rowW: Math.sqrt(white * rowsPerCell),
    meanU(lengthS) {
      const octave = Math.log2(lengthS / stepS);
      // Within a cell: as of white noise, which is the most that a mean over it can hide.
      if (!(octave > 0)) return Math.sqrt(valueAt(squares, 0) + white * (stepS / lengthS - 1));
      const k = Math.min(octaves - 1, Math.floor(octave));
      const share = Math.min(1, octave - k);
      return Math.sqrt((1 - share) * valueAt(squares, k) + share * valueAt(squares, k + 1));
    },
  };
}

/** The stretch of so many cells that varies least, none with a row that is no number; they begin a quarter of it apart. */
function quietest(powerW: Float64Array, cells: number): Float64Array | undefined {
  let best: Float64Array | undefined;
  let least = Infinity;
  for (let from = 0; from + cells <= powerW.length; from += cells >> 2) {
    const stretch = powerW.subarray(from, from + cells);
    const deviation = deviationOf(stretch);
    if (deviation < least) [best, least] = [stretch, deviation];
  }
  return best;
}

/** Half the mean square of the difference of neighbouring means over 2^k cells, by k, while there are pairs enough. */
function allanVariances(powerW: Float64Array): Float64Array {
  const variances: number[] = [];
  for (let means = powerW; means.length >= 2 * LEAST_PAIRS;) {
    const halves = new Float64Array(means.length >> 1);
    let squares = 0;
    for (let i = 0; i < halves.length; i++) {
      const [a, b] = [valueAt(means, 2 * i), valueAt(means, 2 * i + 1)];
      squares += (a - b) ** 2;
      halves[i] = (a + b) / 2;
    }
    // A variance of n differences is itself uncertain: t, not normal (JCGM 101, 6.4.9.4).
    variances.push(squares / 2 / (halves.length - 2));
    means = halves;
  }
  return Float64Array.from(variances);
}
