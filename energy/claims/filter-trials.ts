// Filters tried on a channel's updates, and held against each other. In: updates and the physical trace. Out: the
// likeliest filter, and those at the border of all that the capture and what is known do not exclude.
//
// Two filters are compared update by update (Vuong, Econometrica 57, 1989): d is what one leaves of an update, squared,
// less what the other leaves. Σd/√Σd² is about standard normal where they are equally good, whatever the updates'
// distribution, and cannot exceed √n of n updates that tell them apart: two edges of a load exclude few windows.

import { NS_PER_S, type SessionNs } from "../../schema/time.ts";
import { sumOf } from "../../stats/columns.ts";
import { meanOf, mostOf } from "../../stats/summary.ts";
import type { PowerPrefix } from "./prefix.ts";
import type { KnownSensor } from "./sensors.ts";
import type { Updates } from "./updates.ts";

/** reported ≈ gain · (mean of the trace over the window that ended so long before the update) + offset. */
export interface Filter {
  readonly windowNs: number;
  readonly delayNs: number;
  readonly gain: number;
  readonly offsetW: number;
}

const MS = 1e6;
/** Coarse grids; refined afterwards. Windows from a single ADC sample to the 1 s mean and beyond. */
const WINDOWS = [
  5, 10, 15, 20, 25, 35, 50, 70, 85, 100, 115, 135, 160, 200, 300, 500, 700, 850, 1000, 1200, 1500,
].map((ms) => ms * MS);
const DELAY_STEP = 12.5 * MS;
/** Negative: the host's stamp is late. */
const LEAST_DELAY = -100 * MS;
const DELAYS = Array.from({ length: 33 }, (_, i) => LEAST_DELAY + i * DELAY_STEP);
export const LONGEST = 1500 * MS;
/** Updates used for the fit at the most, and at the least. */
const MAX_UPDATES = 800;
export const MIN_UPDATES = 8;
/** Below this the load did not move enough to tell one filter from another. */
export const MIN_R2 = 0.6;
/** A window and a delay are told apart by two updates at least. */
const LEAST_TELLING = 2;
/** Reads that leave more open to either side of an update than there are delays to try show none. */
export const MOST_OPEN = (mostOf(DELAYS) - LEAST_DELAY) / 2;
/** Of the values' variance filters may differ by so little for nothing but rounding. */
const ROUNDING = 1e-9;
/** So many standard deviations off a filter is excluded. */
const EXCLUDED = 3;

export interface Candidate extends Filter {
  readonly r2: number;
  /** Σ (reported − gain · filtered − offset)², W². */
  readonly residual: number;
}

/** What others are held against. */
interface Likeliest {
  readonly of: Candidate;
  readonly residuals: Float64Array;
  readonly openW2: number;
}

/** Updates that a filter can be tried on, with what it asks of the trace. */
export class FilterTrials {
  readonly #trace: PowerPrefix;
  readonly #tNs: Float64Array;
  readonly #value: Float64Array;
  readonly #levelW: number;
  /** Standard uncertainty of each instant, ns. */
  readonly #uNs: Float64Array;
  /** Squares of the values about their mean that rounding alone may leave, W². */
  readonly #roundingW2: number;
  /** Time between two of them, ns. */
  readonly #stepNs: SessionNs;
  /** How far back of an update the trace may be asked for. */
  readonly #reachNs: SessionNs;
  /** Joules of the trace up to so long before each update, as far as they were asked for: grids share them. */
  readonly #upToJ = new Map<number, Float64Array>();
  #tried: readonly Candidate[] | undefined;
  #likeliest: Likeliest | undefined;

  constructor(updates: Updates, trace: PowerPrefix) {
    this.#trace = trace;
    // Of a short capture not more than a third is given away at its begin.
    this.#reachNs = Math.min(LONGEST + mostOf(DELAYS), (trace.endNs - trace.startNs) / 3);
    const from = trace.startNs + this.#reachNs;
    const to = trace.endNs + LEAST_DELAY;
    const stride = Math.max(1, Math.ceil(updates.count / MAX_UPDATES));
    const [t, v, u]: [number[], number[], number[]] = [[], [], []];
    updates.each(stride, (at, uNs, value) => {
      if (!(at >= from && at <= to)) return;
      t.push(at);
      v.push(value);
      u.push(uNs);
    });
    this.#tNs = Float64Array.from(t);
    this.#value = Float64Array.from(v);
    this.#uNs = Float64Array.from(u);
    this.#levelW = meanOf(this.#value);
    this.#roundingW2 = ROUNDING * squaresOf(this.#value, this.#levelW);
    this.#stepNs = stride * updates.periodNs;
  }

  get count(): number {
    return this.#tNs.length;
  }

  /** The one that leaves least, of all that are not further from what is known than the capture can tell. */
  likeliest(known: KnownSensor | undefined): Candidate {
    const all = this.#grid();
    const best = this.#refined(all.reduce(better));
    if (!known || best.r2 < MIN_R2) return best;
    const near = [best, this.of(known.windowNs, known.delayNs), ...all];
    const cost = (c: Candidate): number => this.#cost(c, best, known);
    return near.map((c) => ({ c, cost: cost(c) })).reduce((a, b) => (b.cost < a.cost ? b : a)).c;
  }

  /** The load shows a filter, and none near to what is known is as good. */
  excludes(known: KnownSensor): boolean {
    const best = this.likeliest(undefined);
    return best.r2 >= MIN_R2 && this.#worse(this.likeliest(known), best) > EXCLUDED ** 2;
  }

  /** Filters as far from the likeliest as can be, without being excluded: to all sides, and of others on the grid. */
  border(likeliest: Candidate, known: KnownSensor | undefined): Candidate[] {
    const own = this.#cost(likeliest, likeliest, known);
    const isHeld = (c: Candidate): boolean =>
      this.#cost(c, likeliest, known) - own <= EXCLUDED ** 2;
    const near = SIDES.flatMap((side) => this.#furthest(likeliest, side, isHeld) ?? []);
    const others = [...this.#grid(), ...this.#ridge()].filter(isHeld);
    const ends = [windowOf, delayOf, endOf].flatMap((figure) => endsBy(others, figure));
    return [...near, ...new Set(ends)];
  }

  /**
   * Whether the likeliest lies within what is tried, so that what lies beyond explains less; and of a capture too
   * short to try the longest windows, all that are not excluded.
   */
  isInside(likeliest: Candidate, border: readonly Candidate[]): boolean {
    const isCut = this.#reachNs < LONGEST + mostOf(DELAYS);
    const isWithin = (c: Candidate): boolean =>
      endOf(c) <= this.#reachNs - DELAY_STEP && c.delayNs >= LEAST_DELAY + DELAY_STEP;
    return (
      isWithin(likeliest) && !(isCut && border.some((c) => endOf(c) > this.#reachNs - DELAY_STEP))
    );
  }

  #grid(): readonly Candidate[] {
    return (this.#tried ??= WINDOWS.flatMap((w) =>
      DELAYS.flatMap((d) => (this.#reaches(w, d) ? [this.of(w, d)] : [])),
    ));
  }

  /** Of each window the delay that leaves least: edges that all fall alike hold window and delay together. */
  #ridge(): Candidate[] {
    return WINDOWS.flatMap((w) => {
      const tried = this.#grid().filter((c) => c.windowNs === w);
      if (tried.length === 0) return [];
      let best = tried.reduce(better);
      for (let step = DELAY_STEP / 2; step >= MS / 2048; step /= 2)
        for (const d of [best.delayNs - step, best.delayNs + step])
          if (this.#reaches(w, d)) best = better(best, this.of(w, d));
      return [best];
    });
  }

  #reaches(windowNs: number, delayNs: number): boolean {
    return windowNs >= MS && delayNs >= LEAST_DELAY && windowNs + delayNs <= this.#reachNs;
  }

  /**
   * What speaks against a filter, as a square of standard deviations: of the capture beside another one, and of
   * what is known.
   */
  #cost(c: Candidate, best: Candidate, known: KnownSensor | undefined): number {
    const shown = this.#worse(c, best);
    if (!known) return shown;
    const [w, d] = [c.windowNs - known.windowNs, c.delayNs - known.delayNs];
    return shown + (w / known.windowUNs) ** 2 + (d / known.delayUNs) ** 2;
  }

  /**
   * How surely one leaves more than the likeliest, as a square of standard deviations: (Σd)²/Σd² is how many updates
   * tell them apart, those that one edge of the load moves taken together; and where what they leave is of another
   * size, so many times the logarithm of its ratio, which is twice that of their likelihoods'.
   */
  #worse(c: Candidate, best: Candidate): number {
    if (!(c.residual > best.residual + this.#roundingW2)) return 0;
    const { residuals: b, openW2 } = this.#other(best);
    const a = this.#residuals(c);
    const together = 1 + Math.ceil(best.windowNs / this.#stepNs);
    let [sum, squares] = [0, 0];
    for (let from = 0; from < a.length; from += together) {
      let d = 0;
      for (let i = from; i < Math.min(a.length, from + together); i++) d += a[i]! ** 2 - b[i]! ** 2;
      sum += d;
      squares += d * d;
    }
    if (!(squares > 0)) return 0;
    const telling = Math.max(LEAST_TELLING, sum ** 2 / squares);
    const open = openW2 + this.#roundingW2;
    const ratio = (c.residual + open) / (best.residual + open);
    return telling * Math.max(1, Math.log(ratio));
  }

  /** All are held against one and the same. */
  #other(best: Candidate): Likeliest {
    if (this.#likeliest?.of !== best)
      this.#likeliest = {
        of: best,
        residuals: this.#residuals(best),
        openW2: this.#openW2(best),
      };
    return this.#likeliest;
  }

  /** What the updates' own instants leave open of what a filter leaves, W². */
  #openW2({ windowNs, delayNs, gain }: Filter): number {
    const wPerNs = gain / windowNs;
    const squares = this.#tNs.map((t, i) => {
      const end = t - delayNs;
      const moved = (this.#trace.at(end) - this.#trace.at(end - windowNs)) * wPerNs;
      return (moved * this.#uNs[i]!) ** 2;
    });
    return sumOf(squares, 0, squares.length);
  }

  #residuals({ windowNs, delayNs, gain, offsetW }: Filter): Float64Array {
    const [to, from] = [this.#joulesBefore(delayNs), this.#joulesBefore(delayNs + windowNs)];
    const wPerJ = (gain * NS_PER_S) / windowNs;
    return this.#value.map((v, i) => v - (to[i]! - from[i]!) * wPerJ - offsetW);
  }

  /** Straight-line regression of the reported values on the filtered trace. */
  of(windowNs: number, delayNs: number): Candidate {
    const n = this.count;
    const [to, from] = [this.#joulesBefore(delayNs), this.#joulesBefore(delayNs + windowNs)];
    const wPerJ = NS_PER_S / windowNs;
    // Sums of differences: of great numbers that differ little the squares would leave nothing but rounding.
    const level = this.#levelW;
    let [sx, sy, sxx, sxy, syy] = [0, 0, 0, 0, 0];
    for (let i = 0; i < n; i++) {
      const x = (to[i]! - from[i]!) * wPerJ - level;
      const y = this.#value[i]! - level;
      sx += x;
      sy += y;
      sxx += x * x;
      sxy += x * y;
      syy += y * y;
    }
    const vx = sxx - (sx * sx) / n;
    const vy = syy - (sy * sy) / n;
    const cxy = sxy - (sx * sy) / n;
    // What falls when the load rises is no channel of it.
    const gain = vx > 0 && cxy > 0 ? cxy / vx : 0;
    const residual = Math.max(0, vy - gain * cxy);
    const r2 = vy > 0 ? 1 - residual / vy : 0;
    const offsetW = level + sy / n - gain * (level + sx / n);
    return { windowNs, delayNs, gain, offsetW, r2, residual };
  }

  #joulesBefore(ns: number): Float64Array {
    let joules = this.#upToJ.get(ns);
    if (!joules) this.#upToJ.set(ns, (joules = this.#tNs.map((t) => this.#trace.upTo(t - ns))));
    return joules;
  }

  /** Shrinking steps around the best grid point. */
  #refined(start: Candidate): Candidate {
    let best = start;
    for (let step = 8 * MS; step >= 0.5 * MS; step /= 2)
      for (let moved = true; moved;) {
        moved = false;
        for (const [sw, sd] of SIDES) {
          const [w, d] = [best.windowNs + sw * step, best.delayNs + sd * step];
          if (!this.#reaches(w, d)) continue;
          const c = this.of(w, d);
          if (c.residual < best.residual) [best, moved] = [c, true];
        }
      }
    return best;
  }

  /** To one side the last that is held, to a sixteenth of a step of the grid. */
  #furthest(
    from: Candidate,
    [sw, sd]: readonly [number, number],
    isHeld: (c: Candidate) => boolean,
  ): Candidate | undefined {
    let found: Candidate | undefined;
    let reach = 0;
    for (let step = DELAY_STEP; step >= DELAY_STEP / 16; step /= 2) {
      const [w, d] = [from.windowNs + sw * (reach + step), from.delayNs + sd * (reach + step)];
      if (!this.#reaches(w, d)) continue;
      const c = this.of(w, d);
      if (isHeld(c)) [found, reach] = [c, reach + step];
    }
    return found;
  }
}

/** To longer and shorter windows and delays; and with one end of the window or its middle held. */
const SIDES: readonly (readonly [window: number, delay: number])[] = [
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
  [1, -1],
  [-1, 1],
  [1, -0.5],
  [-1, 0.5],
];

const better = (a: Candidate, b: Candidate): Candidate => (b.residual < a.residual ? b : a);

const windowOf = (f: Filter): number => f.windowNs;
const delayOf = (f: Filter): number => f.delayNs;
/** How far back it looks. */
const endOf = (f: Filter): number => f.windowNs + f.delayNs;

/** Those with the least and the most of a figure. */
function endsBy(list: readonly Candidate[], figure: (c: Candidate) => number): Candidate[] {
  const [first] = list;
  if (!first) return [];
  return [
    list.reduce((a, b) => (figure(b) < figure(a) ? b : a), first),
    list.reduce((a, b) => (figure(b) > figure(a) ? b : a), first),
  ];
}

/** Of the distances from a level. */
function squaresOf(list: Float64Array, level: number): number {
  const squares = list.map((x) => (x - level) ** 2);
  return sumOf(squares, 0, squares.length);
}
