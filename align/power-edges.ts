// A power trace → load on/off edges with their polarity, where no hardware edge was recorded.
// The level between "on" and "off" is found from the trace itself (Otsu 1979: the threshold that best
// splits the histogram), crossed with hysteresis, and timed by interpolation between samples.

import type { EdgeList } from "./match.ts";

export interface PowerEdges extends EdgeList {
  readonly lowW: number;
  readonly highW: number;
}

const BINS = 256;
/** Hysteresis: an edge counts when the trace has passed from below 1/4 to above 3/4 of the step, or back. */
const QUARTER = 0.25;

/**
 * @param t device time, ascending; @param powerW same length.
 * @returns edges at the half-way crossing; empty when the trace has no two distinct levels.
 */
export function powerEdges(t: Float64Array, powerW: Float64Array): PowerEdges {
  const none: PowerEdges = { t: new Float64Array(0), polarity: new Int8Array(0), lowW: NaN, highW: NaN };
  const levels = otsu(powerW);
  if (!levels) return none;
  const { lowW, highW } = levels;
  const middle = (lowW + highW) / 2;
  const rise = lowW + (1 - QUARTER) * (highW - lowW);
  const fall = lowW + QUARTER * (highW - lowW);
  const times: number[] = [];
  const signs: number[] = [];
  let high = powerW[0]! > middle;
  let crossing = 0;
  for (let i = 1; i < powerW.length; i++) {
    const p = powerW[i]!;
    const before = powerW[i - 1]!;
    if (high ? before >= middle && p < middle : before <= middle && p > middle)
      crossing = t[i - 1]! + ((middle - before) / (p - before)) * (t[i]! - t[i - 1]!);
    if (high ? p < fall : p > rise) {
      high = !high;
      times.push(crossing);
      signs.push(high ? 1 : -1);
    }
  }
  return { t: Float64Array.from(times), polarity: Int8Array.from(signs), lowW, highW };
}

/** Means of the two classes, or undefined when splitting explains too little to speak of two levels. */
function otsu(p: Float64Array): { lowW: number; highW: number } | undefined {
  let [lo, hi] = [Infinity, -Infinity];
  for (const x of p) {
    if (x < lo) lo = x;
    if (x > hi) hi = x;
  }
  if (!(hi > lo)) return undefined;
  const count = new Float64Array(BINS);
  const width = (hi - lo) / BINS;
  for (const x of p) count[Math.min(BINS - 1, Math.floor((x - lo) / width))]!++;
  const centre = (b: number): number => lo + (b + 0.5) * width;
  let total = 0;
  let squares = 0;
  for (let b = 0; b < BINS; b++) {
    total += count[b]! * centre(b);
    squares += count[b]! * centre(b) ** 2;
  }
  const n = p.length;
  let [n0, s0, best, at] = [0, 0, 0, -1];
  for (let b = 0; b < BINS - 1; b++) {
    n0 += count[b]!;
    s0 += count[b]! * centre(b);
    const n1 = n - n0;
    if (n0 === 0 || n1 === 0) continue;
    const between = (n0 * n1 * (s0 / n0 - (total - s0) / n1) ** 2) / n;
    if (between > best) [best, at] = [between, b];
  }
  const variance = squares - total ** 2 / n;
  // A Gaussian split at its mean explains 64 % of its variance (2/π): only clearly more is two levels.
  if (at < 0 || best < 0.75 * variance) return undefined;
  let [nLow, sLow] = [0, 0];
  for (let b = 0; b <= at; b++) {
    nLow += count[b]!;
    sLow += count[b]! * centre(b);
  }
  return { lowW: sLow / nLow, highW: (total - sLow) / (n - nLow) };
}
