// Stretches of telemetry laid against the physical trace: where on it they fit, by what the trace, seen through
// the channel's own window, delay, gain and offset, leaves unexplained of them.

import { MIN_CORRELATION } from "./lag.ts";
import type { ReadColumn } from "../../align/read-column.ts";
import type { GoodReads, Stretch } from "./stretches.ts";
import type { TraceMeans } from "./trace-means.ts";

/** Reads of a stretch, evenly taken, that are laid against the trace. */
const MAX_READS = 2048;
const MIN_READS = 20;
/** Places of the trace, to either side, at which a stretch is tried that lies outside it as stamped. */
const MAX_PLACES = 4096;
/** A place so many resolutions off is another: two that an edge must be open by, one of each place's own search. */
const NEXT_PLACE = 4;
export const MOST_UNEXPLAINED = 1 - MIN_CORRELATION ** 2;
/** The moved place must leave at most half of the misfit that the stamped one leaves. */
const MOST_LEFT = 0.5;
/** A stretch shows how the channel sees the load only if it holds this share of the channel's variance. */
const MIN_SHOWN = 0.25;

/**
 * How the channel sees the trace where it is placed right: reported = gain · mean over the window + offset, both
 * powers counted from the channel's first good read.
 */
export interface Sensor {
  readonly windowNs: number;
  readonly delayNs: number;
  readonly gain: number;
  readonly offsetW: number;
}

/** Reads beside the trace as a sensor with some window sees it, some time late. */
export interface Fit {
  readonly delayNs: number;
  /** Reads that the trace covers. */
  readonly reads: number;
  readonly gain: number;
  readonly offsetW: number;
  /** Share of their variance that the trace does not explain, 0 … 1; 1 where they run against it. */
  readonly unexplained: number;
  /** Mean square of reported − (gain · trace + offset) of the sensor that was asked for, W². */
  readonly misfitW2: number;
}

/** Reads of [from, to), one each stride. */
interface Sample {
  readonly from: number;
  readonly to: number;
  readonly stride: number;
  readonly tNs: Float64Array;
  readonly value: Float64Array;
}

/** Lays stretches of reads against the trace. */
export class Placing {
  readonly #reads: GoodReads;
  readonly #trace: TraceMeans;
  readonly #swingW: number;
  readonly #varianceW2: number;
  #sample: Sample | undefined;

  constructor(reads: GoodReads, trace: TraceMeans) {
    this.#reads = reads;
    this.#trace = trace;
    const all = { from: 0, to: reads.value.length, jumpNs: 0 };
    this.#varianceW2 = this.#variance(all);
    let [least, most] = [Infinity, -Infinity];
    for (let i = 0; i < reads.value.length; i++) {
      const w = reads.value.at(i);
      [least, most] = [Math.min(least, w), Math.max(most, w)];
    }
    this.#swingW = most - least;
  }

  isShown(s: Stretch): boolean {
    return this.#variance(s) >= MIN_SHOWN * this.#varianceW2;
  }

  #variance({ from, to }: Stretch): number {
    const { value } = this.#reads;
    let [sum, squares] = [0, 0];
    for (let i = from; i < to; i++) sum += value.at(i);
    const mean = sum / (to - from);
    for (let i = from; i < to; i++) squares += (value.at(i) - mean) ** 2;
    return squares / (to - from);
  }

  /** How late a stretch is whose neighbour is `lateNs` late, with a jump between them that may be a setting. */
  follow(s: Stretch, lateNs: number, jumpNs: number, sensor: Sensor): number {
    const near = this.#reads.resolutionNs;
    const at = (part: Stretch, late: number): Fit | undefined => this.#near(part, late, sensor);
    const movedNs = lateNs + jumpNs;
    const seen = this.#coveredPart(s, lateNs, sensor);
    if (seen.to - seen.from < MIN_READS)
      return this.#isOnlyPlace(s, movedNs, sensor) ? movedNs : lateNs;
    const stamped = at(seen, lateNs);
    const moved = this.#shownBy(at(s, movedNs), at(seen, movedNs));
    if (moved && stamped && this.#isBetter(moved, stamped))
      return movedNs + (moved.delayNs - sensor.delayNs);
    // A jump that undoes the lateness: the clock was set right again, whatever the load shows.
    const isUndone = lateNs !== 0 && Math.abs(movedNs) <= near;
    const isHeld = moved && stamped && this.#isBetter(stamped, moved);
    return isUndone && !isHeld ? 0 : lateNs;
  }

  /** Of a part of a stretch that alone may be flat: that it follows the trace may be shown by the whole. */
  #shownBy(whole: Fit | undefined, part: Fit | undefined): Fit | undefined {
    if (!whole || !part) return part;
    return { ...part, unexplained: Math.min(whole.unexplained, part.unexplained) };
  }

  /** Of a stretch that is `lateNs` late, the reads that the trace covers wherever they are looked for. */
  #coveredPart(s: Stretch, lateNs: number, { windowNs, delayNs }: Sensor): Stretch {
    const near = this.#reads.resolutionNs;
    const isCovered = (i: number): boolean => {
      const end = this.#reads.tNs.at(i) - lateNs - delayNs;
      return this.#trace.covers(end - near - windowNs, end + near);
    };
    let { from, to } = s;
    while (from < to && !isCovered(from)) from++;
    while (to > from && !isCovered(to - 1)) to--;
    return { ...s, from, to };
  }

  /**
   * Of a stretch whose stamps lie outside the trace nothing contradicts them: it was moved only if it shows the
   * load, fits the moved place and no other place of the trace.
   */
  #isOnlyPlace(s: Stretch, lateNs: number, sensor: Sensor): boolean {
    const fit = this.isShown(s) ? this.#near(s, lateNs, sensor) : undefined;
    if (!fit || fit.unexplained > MOST_UNEXPLAINED) return false;
    const near = this.#reads.resolutionNs;
    const spanNs = this.#trace.endNs - this.#trace.startNs;
    const places = Math.min(MAX_PLACES, Math.ceil(spanNs / near));
    for (let k = -places; k <= places; k++) {
      if (Math.abs(k) <= NEXT_PLACE) continue;
      const other = this.#fit(s, lateNs + k * near, sensor.delayNs, sensor.windowNs, sensor);
      if (other && !this.#isBetter(fit, other)) return false;
    }
    return this.#isBetter(fit, { ...fit, misfitW2: this.#varianceW2 });
  }

  #near(s: Stretch, lateNs: number, sensor: Sensor): Fit | undefined {
    const { windowNs, delayNs } = sensor;
    const near = this.#reads.resolutionNs;
    return this.best(s, lateNs, windowNs, delayNs - near, delayNs + near, sensor);
  }

  /** Whether a place explains reads that another leaves open, for longer than an edge is uncertain. */
  #isBetter(a: Fit, b: Fit): boolean {
    if (a.unexplained > MOST_UNEXPLAINED) return false;
    const { periodNs, resolutionNs } = this.#reads;
    const reads = Math.min(a.reads, b.reads);
    const openNs = ((b.misfitW2 - a.misfitW2) / this.#swingW ** 2) * reads * periodNs;
    return a.misfitW2 <= MOST_LEFT * b.misfitW2 && openNs >= 2 * resolutionNs;
  }

  /**
   * The best delay of a stretch that is `lateNs` late, by what `sensor` leaves open or else by correlation;
   * undefined where the trace covers less than half of it, or where the best may lie beyond the ends.
   */
  best(
    s: Stretch,
    lateNs: number,
    windowNs: number,
    from: number,
    to: number,
    sensor?: Sensor,
  ): Fit | undefined {
    const open = (f: Fit): number => (sensor ? f.misfitW2 : f.unexplained);
    const step = this.#trace.stepNs;
    const steps = Math.ceil((to - from) / step);
    let [best, at] = [undefined as Fit | undefined, -1];
    for (let k = 0; k <= steps; k++) {
      const fit = this.#fit(s, lateNs, from + k * step, windowNs, sensor);
      if (fit && !(open(fit) >= (best ? open(best) : Infinity))) [best, at] = [fit, k];
    }
    return sensor || (at > 0 && at < steps) ? best : undefined;
  }

  #fit(
    s: Stretch,
    lateNs: number,
    delayNs: number,
    windowNs: number,
    sensor: Sensor | undefined,
  ): Fit | undefined {
    const { stride, tNs, value } = this.#sampleOf(s);
    const shiftNs = lateNs + delayNs;
    const trace = this.#trace;
    let [n, tried, sx, sy, sxx, syy, sxy] = [0, 0, 0, 0, 0, 0, 0];
    // Sums of differences: of great numbers that differ little the squares would leave nothing.
    const level = this.#reads.value.at(0);
    for (let i = 0; i < tNs.length; i++) {
      tried++;
      const end = tNs[i]! - shiftNs;
      if (!trace.covers(end - windowNs, end)) continue;
      const x = trace.meanW(end - windowNs, end) - level;
      const y = value[i]! - level;
      n++;
      sx += x;
      sy += y;
      sxx += x * x;
      syy += y * y;
      sxy += x * y;
    }
    if (n < MIN_READS || 2 * n < tried) return undefined;
    const [cov, vx, vy] = [sxy - (sx * sy) / n, sxx - (sx * sx) / n, syy - (sy * sy) / n];
    const unexplained = cov > 0 && vx > 0 && vy > 0 ? Math.max(0, 1 - (cov * cov) / (vx * vy)) : 1;
    const gain = vx > 0 ? cov / vx : 0;
    const offsetW = (sy - gain * sx) / n;
    const [b, a] = sensor ? [sensor.gain, sensor.offsetW] : [gain, offsetW];
    const squares = syy + n * a * a + b * b * sxx - 2 * a * sy - 2 * b * sxy + 2 * a * b * sx;
    const reads = n * stride;
    return { delayNs, reads, gain, offsetW, unexplained, misfitW2: Math.max(0, squares / n) };
  }

  /** The same stretch is laid in hundreds of places. */
  #sampleOf({ from, to }: Stretch): Sample {
    if (this.#sample?.from === from && this.#sample.to === to) return this.#sample;
    const stride = Math.max(1, Math.ceil((to - from) / MAX_READS));
    const n = Math.max(0, Math.ceil((to - from) / stride));
    const of = (c: ReadColumn): Float64Array =>
      Float64Array.from({ length: n }, (_, k) => c.at(from + k * stride));
    const { tNs, value } = this.#reads;
    return (this.#sample = { from, to, stride, tNs: of(tNs), value: of(value) });
  }
}
