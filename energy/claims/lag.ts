// A cross-check that no edge enters: how far a telemetry channel lags behind the physical trace, by the
// peak of their cross-correlation. A fitted clock should leave a small positive lag (the channel's delay
// and half its window); a negative one, or seconds, says that a clock or a zone is wrong.

import type { TelemetrySeries } from "../../align/scanned.ts";
import type { SessionNs } from "../../schema/time.ts";
import type { PlacedTrace } from "./trace-means.ts";

export interface Lag {
  readonly channel: string;
  /** Positive: the channel comes later. */
  readonly lagNs: number;
  /** Height of the peak, −1 to 1. */
  readonly correlation: number;
}

const STEP_NS = 10e6;
const REACH_NS = 3e9;
const MAX_POINTS = 1 << 15;
/** Shorter stretches, or lower peaks, are as likely chance as lag. */
const MIN_POINTS = 500;
export const MIN_CORRELATION = 0.7;

export function lagOf(
  series: TelemetrySeries,
  { tNs: t, powerW: p }: PlacedTrace,
): Lag | undefined {
  const good = goodSpan(series);
  if (!good) return undefined;
  const [start, end] = [t[0]!, t[t.length - 1]!];
  const from = Math.max(start, good.firstNs) + REACH_NS / 2;
  const until = Math.min(end, good.lastNs) - REACH_NS / 2;
  const points = Math.min(MAX_POINTS, Math.floor((until - from) / STEP_NS));
  if (points < MIN_POINTS) return undefined;
  const half = Math.ceil(REACH_NS / 2 / STEP_NS);
  const trace = { length: t.length, t: (i: number) => t[i]!, value: (i: number) => p[i]! };
  const physical = onGrid(trace, from - half * STEP_NS, points + 2 * half);
  const { tNs, value } = series;
  const reads = {
    length: tNs.length,
    t: (i: number) => tNs.at(i),
    value: (i: number) => value.at(i),
  };
  const claimed = onGrid(reads, from, points);
  const best = peakOf(physical, claimed, half);
  if (best.r < MIN_CORRELATION) return undefined;
  return { channel: series.channel.name, lagNs: best.k * STEP_NS, correlation: best.r };
}

const MIN_READS = 20;

/** Stamps of the first and the last good read in the log; undefined where there are few. */
function goodSpan({
  tNs,
  value,
}: TelemetrySeries): { firstNs: SessionNs; lastNs: SessionNs } | undefined {
  const isGood = (i: number): boolean => Number.isFinite(value.at(i));
  let [first, last, seen] = [-1, tNs.length - 1, 0];
  for (let i = 0; i < tNs.length && seen < MIN_READS; i++) if (isGood(i) && seen++ === 0) first = i;
  if (seen < MIN_READS) return undefined;
  while (!isGood(last)) last--;
  return { firstNs: tNs.at(first), lastNs: tNs.at(last) };
}

/** Numbers by index, of an array or of a column of reads. */
interface Points {
  readonly length: number;
  readonly t: (i: number) => number;
  readonly value: (i: number) => number;
}

/** Values on a regular grid: the mean of the points in each cell, the last value where it holds none. */
function onGrid({ length, t, value }: Points, from: number, points: number): Float64Array {
  const out = new Float64Array(points);
  let [i, last] = [0, NaN];
  for (; i < length && t(i) < from; i++) {
    const v = value(i);
    if (Number.isFinite(v)) last = v;
  }
  for (let k = 0; k < points; k++) {
    let [sum, n] = [0, 0];
    for (; i < length && t(i) < from + (k + 1) * STEP_NS; i++) {
      const v = value(i);
      if (!Number.isFinite(v)) continue;
      sum += v;
      n++;
    }
    if (n > 0) last = sum / n;
    out[k] = last;
  }
  return out;
}

/** How many points b comes after a, up to `half` either way, where it correlates best: a is longer by `half` at each end. */
function peakOf(a: Float64Array, b: Float64Array, half: number): { k: number; r: number } {
  let [sum, squares] = [0, 0];
  for (const y of b) {
    sum += y;
    squares += y * y;
  }
  let best = { k: 0, r: -Infinity };
  for (let k = -half; k <= half; k++) {
    const r = correlation(a, half - k, b, sum, squares);
    if (r > best.r) best = { k, r };
  }
  return best;
}

/** Pearson's r of b, whose sum and sum of squares are known, with the stretch of a that begins at `from`. */
function correlation(
  a: Float64Array,
  from: number,
  b: Float64Array,
  sb: number,
  sbb: number,
): number {
  const n = b.length;
  let [sa, saa, sab] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const x = a[from + i]!;
    sa += x;
    saa += x * x;
    sab += x * b[i]!;
  }
  const v = (saa - (sa * sa) / n) * (sbb - (sb * sb) / n);
  return v > 0 ? (sab - (sa * sb) / n) / Math.sqrt(v) : 0;
}
