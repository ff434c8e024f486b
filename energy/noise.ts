// What the sensors' noise leaves of a mean power, whatever its colour. In: the trace as means of cells. Out: watts.
// Holds: what the quietest stretches of a run still do is noise, white or 1/f; slower than was seen there it goes on as
// strong. Linear in the cells, once.

import { valueAt } from "../stats/places.ts";
import { deviationOf, leastOf, meanOf } from "../stats/summary.ts";
import type { Cells } from "./load.ts";

export interface Noise {
  /** Standard deviation of a row, W. */
  readonly rowW: number;
  /** Standard uncertainty of the mean power over so long, W: how far it lies from the mean over all time. */
  meanU(lengthS: number): number;
  /** The same of the whole run. */
  readonly runU: number;
  /** Of the least known of these. */
  readonly dof: number;
}

export const NO_NOISE: Noise = { rowW: 0, meanU: () => 0, runU: 0, dof: Infinity };

/** Doublings from 1 to a ratio; 0 below. */
export const octavesIn = (ratio: number): number => Math.max(0, Math.log2(ratio));

/** Stretches that are looked at, of each length; and the quietest ones of them, which are taken together. */
const STRETCHES = 32;
const QUIETEST = 4;
/** No stretch is longer than this share of the run, or shorter than so many cells. */
const LONGEST = 1 / 16;
const LEAST_CELLS = 64;
/** So many pairs show what a variance is. */
const LEAST_PAIRS = 8;
/** Shorter stretches are quieter by chance too: only a run that is this much quieter there has a load in the longer ones. */
const BY_CHANCE = 2;

/** @param rowsPerCell of the cells. @returns none where the run is too short to show any. */
export function noiseIn({ powerW, stepS }: Cells, rowsPerCell: number): Noise {
  const found: Spectrum[] = [];
  const octaves = Math.ceil(Math.log2(powerW.length));
  for (let cells = longestOf(powerW.length); cells >= LEAST_CELLS; cells >>= 1) {
    const stretches = quietest(powerW, cells);
    if (stretches.length > 0) found.push(spectrumOf(stretches, octaves));
  }
  const least = leastOf(found.map((s) => s.wholeRun));
  const spectrum = found.find((s) => s.wholeRun <= BY_CHANCE ** 2 * least);
  if (!spectrum) return NO_NOISE;
  const { cellVariance, squares } = spectrum;
  return {
    rowW: Math.sqrt(cellVariance * rowsPerCell),
    runU: Math.sqrt(spectrum.wholeRun),
    dof: spectrum.dof,
    meanU(lengthS) {
      const octave = Math.log2(lengthS / stepS);
      // Within a cell: as of white noise, which is the most that a mean over it can hide.
      if (!(octave > 0))
        return Math.sqrt(valueAt(squares, 0) + cellVariance * (stepS / lengthS - 1));
      const k = Math.min(squares.length - 2, Math.floor(octave));
      const share = Math.min(1, octave - k);
      return Math.sqrt((1 - share) * valueAt(squares, k) + share * valueAt(squares, k + 1));
    },
  };
}

/** W². */
interface Spectrum {
  /** Allan variance of the cells. */
  readonly cellVariance: number;
  /** Of the mean over 2^k cells, by k: how far it lies from that over all time. */
  readonly squares: Float64Array;
  /** The last of them. */
  readonly wholeRun: number;
  /** Pairs behind the slowest Allan variance. */
  readonly dof: number;
}

/** @param octaves from a cell to the run. */
function spectrumOf(stretches: readonly Float64Array[], octaves: number): Spectrum {
  const of = stretches.map(allanVariances);
  const variances = valueAt(of, 0).map((_, k) => meanOf(of.map((v) => valueAt(v, k))));
  const last = variances.length - 1;
  const wholeRun = valueAt(variances, last);
  const dof = stretches.length * (valueAt(stretches, 0).length >> (last + 1));
  const squares = new Float64Array(Math.max(octaves, variances.length) + 1).fill(wholeRun);
  for (let k = squares.length - 2; k >= 0; k--)
    squares[k] = valueAt(squares, k + 1) + valueAt(variances, Math.min(k, last)) / 2;
  return { cellVariance: valueAt(variances, 0), squares, wholeRun, dof };
}

const longestOf = (cells: number): number =>
  cells < LEAST_CELLS ? 0 : Math.max(LEAST_CELLS, Math.floor(LONGEST * cells));

/** The stretches of so many cells that vary least, none with a row that is no number. */
function quietest(powerW: Float64Array, cells: number): Float64Array[] {
  const room = powerW.length - cells;
  const count = Math.min(STRETCHES, room + 1);
  return Array.from({ length: count }, (_, i) => {
    const from = count > 1 ? Math.floor((i * room) / (count - 1)) : 0;
    const stretch = powerW.subarray(from, from + cells);
    return { stretch, deviation: deviationOf(stretch) };
  })
    .filter(({ deviation }) => Number.isFinite(deviation))
    .sort((a, b) => a.deviation - b.deviation)
    .slice(0, QUIETEST)
    .map(({ stretch }) => stretch);
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
    variances.push(squares / (2 * halves.length));
    means = halves;
  }
  return Float64Array.from(variances);
}
