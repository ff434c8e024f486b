// Enters: a run and two instants. Leaves: what lies between them: energy, means, extremes, and how far off they can be.
// Pure.

import { leastOf } from "../../../stats/summary.ts";
import { at, lastAtOrBefore } from "../arrays.ts";
import type { Reads } from "../columns.ts";
import type { Trace, TraceSeries } from "./document.ts";

/** Where an instant lies: bucket and fraction, clamped to the trace. */
interface Place {
  readonly bucket: number;
  readonly fraction: number;
}

function placeOf(trace: Trace, t: number): Place {
  const x = Math.min(trace.used, Math.max(0, (t - trace.start) / trace.width));
  const bucket = Math.min(trace.used - 1, Math.floor(x));
  return { bucket, fraction: x - bucket };
}

/** In order, whichever marker comes first. */
const placesOf = (trace: Trace, a: number, b: number): readonly [Place, Place] => [
  placeOf(trace, Math.min(a, b)),
  placeOf(trace, Math.max(a, b)),
];

function grown(sums: Float64Array, from: Place, to: Place): number {
  return sumAt(sums, to) - sumAt(sums, from);
}

function sumAt(sums: Float64Array, { bucket, fraction }: Place): number {
  const before = at(sums, bucket);
  return before + fraction * (at(sums, bucket + 1) - before);
}

export interface EnergyBetween {
  readonly energyJ: number;
  /** What the straight lines can be off at both ends together. */
  readonly slackJ: number;
  readonly observedS: number;
  readonly meanW: number;
}

/**
 * Energy and mean of the total between two instants, from the running energy of the trace: exact at bucket
 * ends, a straight line inside.
 */
export function energyBetween(trace: Trace, a: number, b: number): EnergyBetween {
  const [from, to] = placesOf(trace, a, b);
  const energyJ = grown(trace.energyJ, from, to);
  const observedS = grown(trace.active, from, to);
  const slackJ = slackAt(trace, from) + slackAt(trace, to);
  return { energyJ, slackJ, observedS, meanW: energyJ / observedS };
}

/**
 * How far the energy up to an instant inside a bucket can lie from the straight line, J: what is known is the
 * bucket's energy E, its extremes and those of its neighbours (m, M) and how long it was observed (A of w s).
 */
function slackAt(trace: Trace, { bucket: k, fraction }: Place): number {
  const [total] = trace.series;
  if (!total || fraction === 0 || fraction === 1) return 0;
  const { min: m, max: M } = extremes(total, Math.max(0, k - 1), Math.min(trace.used - 1, k + 1));
  const A = at(trace.activeS, k);
  if (!(m <= M) || A === 0) return 0;
  const E = at(trace.energyJ, k + 1) - at(trace.energyJ, k);
  // Observed time before the instant: all of it without gaps, anything possible with them.
  const before = [
    Math.max(0, A - (1 - fraction) * trace.width),
    Math.min(A, fraction * trace.width),
  ];
  const after = before.map((a) => A - a);
  const lower = Math.max(least(before, m), least(after, -M) + E);
  const upper = Math.min(-least(before, -M), E - least(after, m));
  const line = fraction * E;
  return Math.max(0, line - lower, upper - line);
}

function least(durations: readonly number[], rate: number): number {
  return leastOf(durations.map((d) => d * rate));
}

interface Extremes {
  readonly min: number;
  readonly max: number;
}

export interface SeriesBetween extends Extremes {
  readonly integral: number;
  readonly mean: number;
}

/** Of one series; extremes are those of every bucket touched. */
export function seriesBetween(trace: Trace, s: TraceSeries, a: number, b: number): SeriesBetween {
  const [from, to] = placesOf(trace, a, b);
  const integral = grown(s.integral, from, to);
  const last = to.fraction > 0 ? to.bucket : to.bucket - 1;
  const range = extremes(s, from.bucket, Math.max(from.bucket, last));
  return { integral, mean: integral / grown(trace.active, from, to), ...range };
}

/** Of buckets from `from` to `to`, both included; NaN where all are empty. */
function extremes(s: TraceSeries, from: number, to: number): Extremes {
  let min = Infinity;
  let max = -Infinity;
  for (let k = from; k <= to; k++) {
    const [low, high] = [at(s.min, k), at(s.max, k)];
    if (low < min) min = low;
    if (high > max) max = high;
  }
  return min <= max ? { min, max } : { min: NaN, max: NaN };
}

export interface ChannelBetween extends Extremes {
  readonly mean: number;
  /** Reads inside. */
  readonly reads: number;
  /** Seconds for which a read stood. */
  readonly stood: number;
  /** Of a counter. */
  readonly growth: number;
}

/** A channel as last read: its mean over the time it stood. */
export function channelBetween(channel: Reads, a: number, b: number): ChannelBetween {
  const [from, to] = a < b ? [a, b] : [b, a];
  const { t, value, lo, hi, hold } = channel;
  let [stood, sum, reads, min, max] = [0, 0, 0, Infinity, -Infinity];
  for (let i = Math.max(0, lastAtOrBefore(t, from)); at(t, i) < to; i++) {
    const [read, v] = [at(t, i), at(value, i)];
    if (read >= from) reads++;
    const dt = Math.min(t[i + 1] ?? read, read + hold, to) - Math.max(from, read);
    if (!(v === v) || dt <= 0) continue;
    stood += dt;
    sum += v * dt;
    min = Math.min(min, lo ? at(lo, i) : v);
    max = Math.max(max, hi ? at(hi, i) : v);
  }
  const range = stood ? { min, max } : { min: NaN, max: NaN };
  const growth = valueAt(channel, to) - valueAt(channel, from);
  return { mean: sum / stood, ...range, reads, stood, growth };
}

function valueAt({ t, value, hold }: Reads, instant: number): number {
  const i = lastAtOrBefore(t, instant);
  return i < 0 || instant - at(t, i) > hold ? NaN : at(value, i);
}
