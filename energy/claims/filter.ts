// Compare like with like: the physical trace passed through a telemetry channel's own filter (update
// period, averaging window, delay) before what remains is called an error. The filter is fitted to the
// capture where the load moves enough to show it, else taken from the table of known sensors.

import { streamedMedian } from "../../stats/streamed-median.ts";
import { NS_PER_S, type SessionNs } from "../../schema/time.ts";
import type { PowerPrefix } from "./prefix.ts";
import type { SensorModel } from "./sensors.ts";
import type { Series } from "./series.ts";

export interface FilterFit extends SensorModel {
  /** reported ≈ gain · filtered + offset. */
  readonly gain: number;
  readonly offsetW: number;
  /** Share of the reported variance that the filtered trace explains, 0 … 1. */
  readonly r2: number;
  readonly fitted: boolean;
}

/** Instants where the reported value changed: between the last old and the first new read. */
interface Updates {
  readonly tNs: Float64Array;
  readonly value: Float64Array;
  readonly periodNs: number;
  /** Joules of the trace up to so long before each update, as far as they were asked for: grids share them. */
  readonly upToJ: Map<number, Float64Array>;
}

const MS = 1e6;
/** Coarse grids; refined afterwards. Windows from a single ADC sample to the 1 s mean and beyond. */
const WINDOWS = [
  5, 10, 15, 20, 25, 35, 50, 70, 85, 100, 115, 135, 160, 200, 300, 500, 700, 850, 1000, 1200, 1500,
].map((ms) => ms * MS);
const DELAYS = Array.from({ length: 25 }, (_, i) => i * 12.5 * MS);
/** How long before an update the grids ask for the trace, ns, longest first. */
const GRID = [...new Set(DELAYS.flatMap((d) => [0, ...WINDOWS].map((w) => d + w)))].sort(
  (a, b) => b - a,
);
/** Updates used for the fit at the most. */
const MAX_UPDATES = 800;
/** Below this the load did not move enough to tell one filter from another. */
const MIN_R2 = 0.6;

export function fitFilter(
  series: Series,
  trace: PowerPrefix,
  known: SensorModel | undefined,
): FilterFit | undefined {
  const updates = updatesOf(series, trace);
  if (updates.tNs.length < 8) return undefined;
  lookUp(updates, trace, GRID);
  let best = evaluate(updates, trace, 100 * MS, 0);
  for (const w of WINDOWS)
    for (const d of DELAYS) {
      const c = evaluate(updates, trace, w, d);
      if (c.residual < best.residual) best = c;
    }
  best = refine(updates, trace, best);
  if (best.r2 >= MIN_R2)
    return { ...best, updateNs: updates.periodNs, origin: "fitted to this capture", fitted: true };
  if (!known) return undefined;
  const c = evaluate(updates, trace, known.windowNs, known.delayNs);
  return { ...c, ...known, fitted: false };
}

interface Candidate {
  readonly windowNs: number;
  readonly delayNs: number;
  readonly gain: number;
  readonly offsetW: number;
  readonly r2: number;
  readonly residual: number;
}

/** Straight-line regression of the reported values on the filtered trace. */
function evaluate(u: Updates, trace: PowerPrefix, windowNs: number, delayNs: number): Candidate {
  const n = u.tNs.length;
  const [to, from] = [joulesBefore(u, trace, delayNs), joulesBefore(u, trace, delayNs + windowNs)];
  const wPerJ = NS_PER_S / windowNs;
  let [sx, sy, sxx, sxy, syy] = [0, 0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const x = (to[i]! - from[i]!) * wPerJ;
    const y = u.value[i]!;
    sx += x;
    sy += y;
    sxx += x * x;
    sxy += x * y;
    syy += y * y;
  }
  const vx = sxx - (sx * sx) / n;
  const vy = syy - (sy * sy) / n;
  const cxy = sxy - (sx * sy) / n;
  const gain = vx > 0 ? cxy / vx : 0;
  const residual = vy - gain * cxy;
  const r2 = vy > 0 ? 1 - residual / vy : 0;
  return { windowNs, delayNs, gain, offsetW: (sy - gain * sx) / n, r2, residual };
}

function joulesBefore(u: Updates, trace: PowerPrefix, ns: number): Float64Array {
  let joules = u.upToJ.get(ns);
  if (!joules) u.upToJ.set(ns, (joules = u.tNs.map((t) => trace.upTo(t - ns))));
  return joules;
}

/** The same for many at once, update by update: what lies near in the trace is looked up one after another. */
function lookUp(u: Updates, trace: PowerPrefix, before: readonly number[]): void {
  const columns = before.map(() => new Float64Array(u.tNs.length));
  u.tNs.forEach((t, i) => {
    for (let k = 0; k < before.length; k++) columns[k]![i] = trace.upTo(t - before[k]!);
  });
  before.forEach((ns, k) => u.upToJ.set(ns, columns[k]!));
}

/** Shrinking steps around the best grid point. */
function refine(u: Updates, trace: PowerPrefix, start: Candidate): Candidate {
  let best = start;
  for (let step = 8 * MS; step >= 0.5 * MS; step /= 2)
    for (let moved = true; moved;) {
      moved = false;
      for (const [dw, dd] of [
        [step, 0],
        [-step, 0],
        [0, step],
        [0, -step],
        [step, -step],
        [-step, step],
      ]) {
        const w = best.windowNs + dw!;
        const d = best.delayNs + dd!;
        if (w < MS || d < 0) continue;
        const c = evaluate(u, trace, w, d);
        if (c.residual < best.residual) [best, moved] = [c, true];
      }
    }
  return best;
}

function updatesOf(series: Series, trace: PowerPrefix): Updates {
  const each = (see: (tNs: SessionNs, value: number) => void): void =>
    eachUpdate(series, trace, see);
  let count = 0;
  each(() => count++);
  const stride = Math.max(1, Math.ceil(count / MAX_UPDATES));
  const t: number[] = [];
  const v: number[] = [];
  let i = 0;
  each((at, value) => {
    if (i++ % stride !== 0) return;
    t.push(at);
    v.push(value);
  });
  const periodNs = streamedMedian((see) => {
    let last = NaN;
    each((at) => {
      if (at >= last) see(at - last);
      last = at;
    });
  }, count);
  return { tNs: Float64Array.from(t), value: Float64Array.from(v), periodNs, upToJ: new Map() };
}

/** Where the trace reaches far enough back for a filter. */
function eachUpdate(
  { tNs, value }: Series,
  trace: PowerPrefix,
  see: (tNs: SessionNs, value: number) => void,
): void {
  const [from, to] = [trace.startNs + 1.6e9, trace.endNs];
  for (let i = 1; i < tNs.length; i++) {
    if (value.at(i) === value.at(i - 1)) continue;
    const at = (tNs.at(i - 1) + tNs.at(i)) / 2;
    if (at >= from && at <= to) see(at, value.at(i));
  }
}

/**
 * What an ideal channel with this filter would have claimed for a window, read at the same instants. Where the
 * filter looks back beyond the trace the power is not known: anything between the trace's least and most.
 * @returns lowest and highest, J.
 */
export function filteredEnergyJ(
  series: Series,
  trace: PowerPrefix,
  filter: SensorModel,
  t0: SessionNs,
  t1: SessionNs,
): readonly [number, number] {
  const { tNs } = series;
  const a = Math.max(0, tNs.firstAtOrAfter(t0) - 1);
  const b = Math.min(tNs.length, tNs.firstAtOrAfter(t1) + 1);
  // What the first read shows may be older than the read.
  const alike = series.firstAlike(a);
  const updatedNs = alike > 0 ? (tNs.at(alike - 1) + tNs.at(alike)) / 2 : tNs.at(a);
  const low = new LineIntegral(t0, t1);
  // One and the same where the trace reaches as far as the filter looks, which it does but at its ends.
  const [first, last] = b > a ? [updatedNs, tNs.at(b - 1)] : [t0, t1];
  const isSeen = !(
    first - filter.delayNs - filter.windowNs < trace.startNs || last - filter.delayNs > trace.endNs
  );
  const high = isSeen ? low : new LineIntegral(t0, t1);
  addFiltered(series, trace, filter, { a, b, updatedNs }, [low, high]);
  return [low.joules(), high.joules()];
}

/** Reads [a, b), the first of which shows what was updated then. */
interface Reads {
  readonly a: number;
  readonly b: number;
  readonly updatedNs: SessionNs;
}

/** Reads as the filter would have given them, at the least and at the most; into one where those are alike. */
function addFiltered(
  { tNs, value }: Series,
  trace: PowerPrefix,
  filter: SensorModel,
  { a, b, updatedNs }: Reads,
  [low, high]: readonly [LineIntegral, LineIntegral],
): void {
  const [least, most] = trace.rangeW;
  let [lowW, highW] = [0, 0];
  let [before, last] = [NaN, NaN];
  for (let i = a; i < b; i++) {
    const [t, v] = [tNs.at(i), value.at(i)];
    // Between two updates a channel is read many times.
    if (v !== last) {
      const end = (i > a ? (before + t) / 2 : updatedNs) - filter.delayNs;
      const from = end - filter.windowNs;
      const unseen = Math.max(0, trace.startNs - from) + Math.max(0, end - trace.endNs);
      const share = Math.min(1, unseen / filter.windowNs);
      // Beyond its ends the trace adds nothing to its mean.
      const seen = trace.meanW(from, end);
      lowW = seen + share * least;
      highW = seen + share * most;
    }
    low.add(t, lowW);
    if (high !== low) high.add(t, highW);
    before = t;
    last = v;
  }
}

/**
 * ∫ of the straight line through points, which come in ascending time, from t0 to t1; the first and last value
 * held beyond the ends.
 */
class LineIntegral {
  readonly #t0: SessionNs;
  readonly #t1: SessionNs;
  /** The point added last. */
  #t = NaN;
  #p = 0;
  #sum = 0;
  /** Where the integral stands. */
  #from: SessionNs;
  #power = NaN;
  /** The line's at t1. */
  #end = NaN;

  constructor(t0: SessionNs, t1: SessionNs) {
    this.#t0 = this.#from = t0;
    this.#t1 = t1;
  }

  add(t: SessionNs, p: number): void {
    if (Number.isNaN(this.#power) && t >= this.#t0) this.#power = this.#lineAt(this.#t0, t, p);
    if (Number.isNaN(this.#end) && t >= this.#t1) this.#end = this.#lineAt(this.#t1, t, p);
    if (t > this.#t0 && t < this.#t1) {
      this.#sum += (this.#power + p) * (t - this.#from);
      [this.#from, this.#power] = [t, p];
    }
    [this.#t, this.#p] = [t, p];
  }

  joules(): number {
    const power = Number.isNaN(this.#power) ? this.#p : this.#power;
    const end = Number.isNaN(this.#end) ? this.#p : this.#end;
    return (this.#sum + (power + end) * (this.#t1 - this.#from)) / 2e9;
  }

  /** At x, which lies before the point (t, p) and not before the last one; at the first, the first's. */
  #lineAt(x: SessionNs, t: SessionNs, p: number): number {
    if (Number.isNaN(this.#t)) return p;
    return this.#p + ((x - this.#t) / (t - this.#t)) * (p - this.#p);
  }
}

/** Updates in a window beyond which the forecast is not made: five hours of a 20 ms counter. */
const MAX_STROBES = 1e6;
const PHASES = 20;

/**
 * What a strobing channel could have claimed for a window, over all phases of its update clock: from the
 * shunt trace alone. `windowNs` 0 is a point sample.
 * @returns lowest and highest energy in J; NaN for a window of more than a million updates.
 */
export function strobeRangeJ(
  trace: PowerPrefix,
  t0: SessionNs,
  t1: SessionNs,
  updateNs: number,
  windowNs: number,
): readonly [number, number] {
  if (!((t1 - t0) / updateNs <= MAX_STROBES)) return [NaN, NaN];
  const t = Float64Array.from({ length: PHASES }, (_, k) => t0 + (k / PHASES) * updateNs);
  const sum = new Float64Array(PHASES);
  const n = new Float64Array(PHASES);
  // In the order of time, phase after phase: the next look-up lies near the one before.
  for (let left = true; left;) {
    left = false;
    for (let k = 0; k < PHASES; k++) {
      const at = t[k]!;
      if (!(at < t1)) continue;
      sum[k]! += windowNs > 0 ? trace.meanW(at - windowNs, at) : trace.at(at);
      t[k] = at + updateNs;
      n[k]!++;
      left = true;
    }
  }
  let [lo, hi] = [Infinity, -Infinity];
  for (let k = 0; k < PHASES; k++) {
    if (n[k] === 0) continue;
    const e = ((sum[k]! / n[k]!) * (t1 - t0)) / 1e9;
    if (e < lo) lo = e;
    if (e > hi) hi = e;
  }
  return [lo, hi];
}
