// Telemetry whose clock was set while it was logged: from there on every read stands at a wrong time, by just
// as much as the log's stamps jump. A jump of stamps alone says nothing, it may as well be a pause of the
// logger; so the stretches on both sides are laid against the physical trace, once as they are stamped and
// once moved by the jump, and only where the second explains what the first does not was the clock set.
// A load that repeats with the very period of the jump fits both ways: then nothing is said, and the reads
// stay where they are.

import type { SessionNs } from "../schema/time.ts";
import type { TelemetrySeries } from "./scan.ts";
import type { TraceMeans } from "./trace-means.ts";

/** Reads of one channel that stand at a wrong time. */
export interface Misplaced {
  readonly channel: string;
  /** Indices into the series, [from, to) each. */
  readonly reads: readonly (readonly [from: number, to: number])[];
  /** Stamps of its first and last such read. */
  readonly fromNs: SessionNs;
  readonly toNs: SessionNs;
  /** By how much they come late, at most; half the width of what is not known of it. */
  readonly lateNs: number;
  readonly halfNs: number;
}

/** A step beyond this many periods has a read missing, or the clock was set: timeline.ts. */
const GAP_PERIODS = 2.5;
/** Of the jumps of a log, the largest so many are looked at. */
const MAX_JUMPS = 32;
/** What a sensor can lag behind what it measures: none leads, none averages over more than a second or so. */
const DELAY_NS = [-0.1e9, 1.2e9] as const;
/** Averaging windows of known sensors; one that is near is good enough to tell places apart. */
const WINDOWS_NS = [25e6, 100e6, 300e6, 1000e6];
/** Reads of a stretch, evenly taken, that are laid against the trace. */
const MAX_READS = 2048;
const MIN_READS = 20;
/** Places of the trace, to either side, at which a stretch is tried that lies outside it as stamped. */
const MAX_PLACES = 4096;
/** A place so many resolutions off is another: two that an edge must be open by, one of each place's own search. */
const NEXT_PLACE = 4;
/** As in lag.ts: lower peaks are as likely chance. */
const MIN_CORRELATION = 0.7;
const MOST_UNEXPLAINED = 1 - MIN_CORRELATION ** 2;
/** The moved place must leave at most half of the misfit that the stamped one leaves. */
const MOST_LEFT = 0.5;
/** A stretch shows how the channel sees the load only if it holds this share of the channel's variance. */
const MIN_SHOWN = 0.25;

interface Stretch {
  /** Indices of good reads, [from, to). */
  readonly from: number;
  readonly to: number;
  /** How far the stamps jumped before it, beyond a usual step; 0 for the first. */
  readonly jumpNs: number;
}

/** How the channel sees the trace where it is placed right: reported = gain · mean over the window + offset. */
interface Sensor {
  readonly windowNs: number;
  readonly delayNs: number;
  readonly gain: number;
  readonly offsetW: number;
}

/** Reads beside the trace as a sensor with some window sees it, some time late. */
interface Fit {
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

/** @returns undefined where all reads may stand at their right time. */
export function misplacedReads(series: TelemetrySeries, trace: TraceMeans): Misplaced | undefined {
  const reads = new GoodReads(series);
  const stretches = reads.stretches();
  if (stretches.length < 2) return undefined;
  const placing = new Placing(reads, trace);
  const found = anchorOf(stretches, placing);
  if (!found) return undefined;
  const { anchor, lateNs, sensor } = found;
  const late = new Array<number>(stretches.length).fill(0);
  late[anchor] = lateNs;
  for (let k = anchor + 1; k < stretches.length; k++)
    late[k] = placing.follow(stretches[k]!, late[k - 1]!, stretches[k]!.jumpNs, sensor);
  // Before the jump that moved the anchor nothing had been set.
  for (let k = anchor - 1; k >= 0 && lateNs === 0; k--)
    late[k] = placing.follow(stretches[k]!, late[k + 1]!, -stretches[k + 1]!.jumpNs, sensor);
  const wrong = stretches.filter((_, k) => Math.abs(late[k]!) > reads.resolutionNs);
  if (wrong.length === 0) return undefined;
  const most = late.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
  const stamps = wrong.flatMap((s) => [reads.tNs[s.from]!, reads.tNs[s.to - 1]!]);
  return {
    channel: series.channel.name,
    reads: wrong.map((s) => [reads.index[s.from]!, reads.index[s.to - 1]! + 1]),
    fromNs: Math.min(...stamps),
    toNs: Math.max(...stamps),
    lateNs: most,
    halfNs: reads.resolutionNs,
  };
}

/** What one channel shows is so of every channel that was stamped with it, a counter included. */
export function sharingStamps(
  found: readonly Misplaced[],
  all: readonly TelemetrySeries[],
): Misplaced[] {
  const shown = found.flatMap((m) => {
    const series = all.find((s) => s.channel.name === m.channel);
    return series ? [{ m, tNs: series.tNs }] : [];
  });
  return all.flatMap(({ channel, tNs }) => {
    const own = found.find((m) => m.channel === channel.name);
    const other = shown.find((s) => s.tNs.length === tNs.length && same(s.tNs, tNs))?.m;
    return own ?? (other ? { ...other, channel: channel.name } : []);
  });
}

const same = (a: readonly number[], b: readonly number[]): boolean => a.every((x, i) => x === b[i]);

/** A series without its misplaced reads; what lies between the others is a gap. */
export function withoutReads(
  s: TelemetrySeries,
  left: readonly (readonly [number, number])[],
): TelemetrySeries {
  if (left.length === 0) return s;
  const keep = (_: unknown, i: number): boolean => !left.some(([a, b]) => i >= a && i < b);
  return {
    channel: s.channel,
    tNs: s.tNs.filter(keep),
    halfNs: s.halfNs.filter(keep),
    value: s.value.filter(keep),
    code: s.code.filter(keep),
  };
}

class GoodReads {
  readonly index: number[] = [];
  readonly tNs: number[] = [];
  readonly value: number[] = [];
  readonly periodNs: number;
  /** Within a read and an update of the value a place is not known better. */
  readonly resolutionNs: number;

  constructor(s: TelemetrySeries) {
    s.value.forEach((v, i) => {
      if (!Number.isFinite(v)) return;
      this.index.push(i);
      this.tNs.push(s.tNs[i]!);
      this.value.push(v);
    });
    this.periodNs = medianStep(this.tNs);
    const changes = this.tNs.filter((_, i) => i > 0 && this.value[i] !== this.value[i - 1]);
    this.resolutionNs = this.periodNs + Math.max(this.periodNs, medianStep(changes));
  }

  /** In the order of the log, cut where the stamps jump by more than can be told from a late read. */
  stretches(): Stretch[] {
    const jump = (i: number): number => this.tNs[i]! - this.tNs[i - 1]! - this.periodNs;
    const least = Math.max((GAP_PERIODS - 1) * this.periodNs, 2 * this.resolutionNs);
    const cuts = this.tNs.flatMap((_, i) => (i > 0 && Math.abs(jump(i)) > least ? [i] : []));
    cuts.sort((a, b) => Math.abs(jump(b)) - Math.abs(jump(a))).splice(MAX_JUMPS);
    cuts.sort((a, b) => a - b);
    return [0, ...cuts].map((from, k) => ({
      from,
      to: cuts[k] ?? this.tNs.length,
      jumpNs: k === 0 ? 0 : jump(from),
    }));
  }
}

function medianStep(tNs: readonly number[]): number {
  const steps = tNs.slice(1).flatMap((t, i) => (t > tNs[i]! ? [t - tNs[i]!] : []));
  return steps.sort((a, b) => a - b)[steps.length >> 1] ?? 0;
}

interface Anchor {
  readonly anchor: number;
  readonly lateNs: number;
  readonly sensor: Sensor;
}

/**
 * The stretch that follows the trace best, as it is stamped or, where that fails, moved by the jump before it; of
 * those that follow it alike the one with the least delay.
 */
function anchorOf(stretches: readonly Stretch[], placing: Placing): Anchor | undefined {
  const shown = stretches.flatMap((s, anchor) => (placing.isShown(s) ? [{ s, anchor }] : []));
  const fitsAt = (late: (s: Stretch) => number): (Anchor & Fit)[] =>
    shown.flatMap(({ s, anchor }) => {
      const fits = WINDOWS_NS.flatMap((windowNs) => {
        const lateNs = late(s);
        const fit = placing.best(s, lateNs, windowNs, ...DELAY_NS);
        return fit ? [{ ...fit, anchor, lateNs, sensor: { ...fit, windowNs } }] : [];
      });
      return fits.sort((a, b) => a.unexplained - b.unexplained).slice(0, 1);
    });
  const stamped = fitsAt(() => 0).filter((f) => f.unexplained <= MOST_UNEXPLAINED);
  const fits = stamped.length > 0 ? stamped : fitsAt((s) => s.jumpNs).filter((f) => f.lateNs !== 0);
  const least = Math.min(...fits.map((f) => f.unexplained));
  if (!(least <= MOST_UNEXPLAINED)) return undefined;
  // Nearer to the best than to chance.
  const alike = fits.filter((f) => f.unexplained ** 2 <= least * MOST_UNEXPLAINED);
  return alike.sort((a, b) => Math.abs(a.delayNs) - Math.abs(b.delayNs))[0];
}

/** Lays stretches of reads against the trace. */
class Placing {
  readonly #reads: GoodReads;
  readonly #trace: TraceMeans;
  readonly #swingW: number;
  readonly #varianceW2: number;

  constructor(reads: GoodReads, trace: TraceMeans) {
    this.#reads = reads;
    this.#trace = trace;
    const all = { from: 0, to: reads.value.length, jumpNs: 0 };
    this.#varianceW2 = this.#variance(all);
    const [least, most] = reads.value.reduce(
      ([lo, hi], w) => [Math.min(lo, w), Math.max(hi, w)],
      [Infinity, -Infinity],
    );
    this.#swingW = most - least;
  }

  isShown(s: Stretch): boolean {
    return this.#variance(s) >= MIN_SHOWN * this.#varianceW2;
  }

  #variance({ from, to }: Stretch): number {
    const values = this.#reads.value.slice(from, to);
    const mean = values.reduce((sum, w) => sum + w, 0) / values.length;
    return values.reduce((sum, w) => sum + (w - mean) ** 2, 0) / values.length;
  }

  /** How late a stretch is whose neighbour is `lateNs` late, with a jump between them that may be a setting. */
  follow(s: Stretch, lateNs: number, jumpNs: number, sensor: Sensor): number {
    const near = this.#reads.resolutionNs;
    const at = (part: Stretch, late: number): Fit | undefined => this.near(part, late, sensor);
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
      const end = this.#reads.tNs[i]! - lateNs - delayNs;
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
    const fit = this.isShown(s) ? this.near(s, lateNs, sensor) : undefined;
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

  near(s: Stretch, lateNs: number, sensor: Sensor): Fit | undefined {
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
    const { tNs, value } = this.#reads;
    const stride = Math.max(1, Math.ceil((s.to - s.from) / MAX_READS));
    const shiftNs = lateNs + delayNs;
    const trace = this.#trace;
    let [n, tried, sx, sy, sxx, syy, sxy] = [0, 0, 0, 0, 0, 0, 0];
    // Sums of differences: of great numbers that differ little the squares would leave nothing.
    const level = value[0]!;
    for (let i = s.from; i < s.to; i += stride) {
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
}
