// When a telemetry channel renewed what it shows. In: its good reads. Out: of each change of the value, an instant and
// how well it is known. An update lies between the last read that shows the old value and the first that shows the
// new one; a channel that renews its value at a steady beat tells more: the beat that passes through all of these.

import type { Reads } from "../../align/good-reads.ts";
import { neighbours, valueAt } from "../../stats/places.ts";
import { firstAtOrAfter } from "../../stats/search.ts";
import { meanOf, quantileOf, upperMedian } from "../../stats/summary.ts";
import type { SessionNs } from "../../schema/time.ts";

/** What is read of a channel, and how far its reads are usually apart, ns. */
type Read = Reads & { readonly periodNs: SessionNs };

/** Reads whose updates are put on one beat together: seconds, in which no two clocks drift apart. */
const BLOCK = 512;
/** Fewer updates fix no beat. */
const LEAST_ON_BEAT = 5;
/** Where a channel is read less often, a change says nothing of when in the period the update was. */
const LEAST_READS_A_PERIOD = 1.5;
/** Of the updates of a block so many may lie further off the beat than their brackets reach. */
const MOST_OFF_BEAT = 0.05;

/** Updates of one block of reads: the k-th is shown first by read `first[k]`. */
interface Block {
  readonly first: Float64Array;
  readonly tNs: Float64Array;
  /** Standard uncertainty of each, ns. */
  readonly uNs: Float64Array;
}

export class Updates {
  readonly #reads: Reads;
  /** The channel renews its value at least so often, as far as is known. */
  readonly #renewsNs: SessionNs;
  /** Time from one update to the next, ns, also where some show the value before again; 0 of fewer than two. */
  readonly periodNs: SessionNs;
  readonly count: number;
  /** They show that period: of a load that seldom changes they show the load. */
  readonly isBeat: boolean;
  /** Half the usual distance of the two reads between which an update lies, ns. */
  readonly halfNs: SessionNs;
  #block: Block = { first: new Float64Array(), tNs: new Float64Array(), uNs: new Float64Array() };
  #blockAt = -1;

  constructor(reads: Read, renewsNs = Infinity) {
    this.#reads = reads;
    this.#renewsNs = renewsNs;
    let count = 0;
    this.#eachChange(() => count++);
    this.count = count;
    const distances = this.#distances();
    this.periodNs = periodOf(distances);
    this.isBeat = keepsBeat(distances, this.periodNs);
    this.halfNs = Math.min(reads.periodNs, renewsNs) / 2;
  }

  #distances(): Float64Array {
    const out: number[] = [];
    let last = NaN;
    this.#eachChange((i) => {
      const at = this.#bracket(i).middle;
      if (at >= last && out.length < MAX_DISTANCES) out.push(at - last);
      last = at;
    });
    return Float64Array.from(out).sort();
  }

  /** How many values reads [a, b) show, one that stays counted once. */
  between(a: number, b: number): number {
    const { value } = this.#reads;
    let [values, last] = [0, NaN];
    for (let i = a; i < b; i++) {
      const v = value.at(i);
      if (v !== last) values++;
      last = v;
    }
    return values;
  }

  /** Every `stride`-th, in ascending time. @param see is given the instant, its standard uncertainty, and the value. */
  each(stride: number, see: (tNs: SessionNs, uNs: SessionNs, value: number) => void): void {
    let k = 0;
    this.#eachChange((i) => {
      if (k++ % stride !== 0) return;
      const [t, u] = this.at(i);
      see(t, u, this.#reads.value.at(i));
    });
  }

  /**
   * Of the update that read i shows first: when it was, and how well that is known (standard uncertainty, ns). Of the
   * first read of all, which may show an older one: itself.
   */
  at(i: number): readonly [tNs: SessionNs, uNs: SessionNs] {
    if (i === 0) return [this.#reads.tNs.at(0), 0];
    const at = Math.floor(i / BLOCK);
    if (at !== this.#blockAt) {
      this.#block = this.#placed(at);
      this.#blockAt = at;
    }
    const { first, tNs, uNs } = this.#block;
    const k = firstAtOrAfter(first, i);
    return [valueAt(tNs, k), valueAt(uNs, k)];
  }

  #eachChange(see: (i: number) => void): void {
    const { value } = this.#reads;
    for (let i = 1, last = value.length > 0 ? value.at(0) : 0; i < value.length; i++) {
      const v = value.at(i);
      if (v !== last) see(i);
      last = v;
    }
  }

  #bracket(i: number): Bracket {
    const { tNs } = this.#reads;
    const to = tNs.at(i);
    const half = Math.min(to - tNs.at(i - 1), this.#renewsNs) / 2;
    return { middle: to - half, half };
  }

  #placed(at: number): Block {
    const { value } = this.#reads;
    const first: number[] = [];
    const end = Math.min(value.length, (at + 1) * BLOCK);
    for (let i = Math.max(1, at * BLOCK); i < end; i++)
      if (value.at(i) !== value.at(i - 1)) first.push(i);
    const brackets = first.map((i) => this.#bracket(i));
    const beat = beatOf(brackets, this.periodNs);
    return {
      first: Float64Array.from(first),
      tNs: Float64Array.from(brackets, (b, k) => beat?.tNs[k] ?? b.middle),
      uNs: Float64Array.from(brackets, (b) => beat?.uNs ?? b.half / Math.sqrt(3)),
    };
  }
}

/** So many show the period of a channel. */
const MAX_DISTANCES = 1 << 16;
/** Of the distances the shortest but these: a read that came late shows two updates close together. */
const SHORTEST = 0.1;

/** @param distances of updates that are seen, in ascending order: whole numbers of periods, as well as reads show. */
function periodOf(distances: Float64Array): SessionNs {
  if (distances.length === 0) return 0;
  const short = 1.5 * quantileOf(distances, SHORTEST);
  const single = upperMedian(distances.filter((ns) => ns <= short)) ?? 0;
  if (!(single > 0)) return 0;
  let [beats, lasts] = [0, 0];
  for (const ns of distances) {
    beats += Math.max(1, Math.round(ns / single));
    lasts += ns;
  }
  return lasts / beats;
}

/** Fewer changes show no beat. */
const LEAST_DISTANCES = 8;

/** Half of the changes come with the next update at the latest. */
function keepsBeat(distances: Float64Array, periodNs: SessionNs): boolean {
  const next = distances.filter((ns) => ns < 1.5 * periodNs).length;
  return distances.length >= LEAST_DISTANCES && 2 * next >= distances.length;
}

/** An update lies in it, anywhere. */
interface Bracket {
  readonly middle: SessionNs;
  readonly half: SessionNs;
}

/**
 * Instants on a steady beat through the brackets, each within its own: of the least squares through their middles.
 * @returns undefined where there is none, or reads are too rare to show it.
 */
function beatOf(brackets: readonly Bracket[], periodNs: SessionNs) {
  const n = brackets.length;
  const halfNs = upperMedian(brackets.map((b) => b.half));
  if (n < LEAST_ON_BEAT || halfNs === undefined || !(periodNs >= 2 * LEAST_READS_A_PERIOD * halfNs))
    return undefined;
  const beats = countedBeats(brackets, periodNs);
  const line = leastSquares(
    beats,
    brackets.map((b) => b.middle),
  );
  const off = brackets.map((b, k) => line(valueAt(beats, k)) - b.middle);
  const isOff = (b: Bracket, k: number): boolean => Math.abs(off[k] ?? 0) > b.half;
  if (brackets.filter(isOff).length > MOST_OFF_BEAT * n) return undefined;
  const own = halfNs / Math.sqrt(3);
  // What lies off the line by more than the reads' distance explains is the beat's own jitter.
  const jitter = Math.max(0, meanOf(off.map((x) => x * x)) - own * own);
  return {
    tNs: brackets.map((b, k) => b.middle + Math.min(b.half, Math.max(-b.half, off[k] ?? 0))),
    uNs: Math.sqrt(jitter + (2 * own * own) / n),
  };
}

/** How many beats each comes after the first: whole numbers, from one to the next. */
function countedBeats(brackets: readonly Bracket[], periodNs: SessionNs): number[] {
  const beats = [0];
  for (const [a, b] of neighbours(brackets))
    beats.push(valueAt(beats, beats.length - 1) + Math.round((b.middle - a.middle) / periodNs));
  return beats;
}

function leastSquares(x: readonly number[], y: readonly number[]): (x: number) => number {
  const [mx, my] = [meanOf(x), meanOf(y)];
  let [sxx, sxy] = [0, 0];
  x.forEach((xi, i) => {
    sxx += (xi - mx) ** 2;
    sxy += (xi - mx) * (valueAt(y, i) - my);
  });
  const slope = sxx > 0 ? sxy / sxx : 0;
  return (at) => my + slope * (at - mx);
}
