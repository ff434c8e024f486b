// One telemetry channel → the Joules it claims for a window, as whoever reads the driver would get them:
// power by trapezoid over the reads, a counter by the difference of its readings. Failed reads are left
// out and counted; distances beyond 2.5 periods are gaps.
// Holds: what was not read is in the interval. Where a power channel was not read, before its first read, after its
// last and in its gaps, the power may have been any that it ever read; a counter may have gone on, as fast as it ever
// did, where it was not read, stood still or began anew. Once reads fail to the end of the log, the claim has ended.

import {
  add,
  ascends,
  emptyBeside,
  goodReads,
  inTimeOrder,
  type Reads,
} from "../../align/good-reads.ts";
import { medianStep } from "../../align/median-step.ts";
import type { ReadColumn } from "../../align/read-column.ts";
import { leastOf, mostOf } from "../../stats/summary.ts";
import { type Count, countOf } from "./counter.ts";
import { Updates } from "./updates.ts";
import type { TelemetrySeries } from "../../align/scanned.ts";
import { GAP_PERIODS } from "../../align/timeline.ts";
import { NS_PER_S, type SessionNs } from "../../schema/time.ts";

export interface Claim {
  readonly energyJ: number;
  /**
   * What the reads allow: counter updates around the ends; or ±5 W (NVIDIA's figure for the power field),
   * and anything between two reads that stand further apart than the rest; and what was not read.
   */
  readonly intervalJ: readonly [number, number];
  readonly samples: number;
  /** Values that were read, a value read again not counted. */
  readonly updates: number;
  readonly gapFraction: number;
  readonly failedReads: number;
}

/** Of NVIDIA's cards alone: the reading is "accurate to within +/- 5 watts" (nvidia-smi's manual, Power Draw; nvml.h states ±5 % for Kepler). */
const POWER_READING_U_W = 5;

/** Reads further apart than this many periods have one missing between them: how the power went there is open. */
const LATE_PERIODS = 1.5;

/** A read this many periods before one that was taken earlier is not jitter: the clock was set back. */
const SET_BACK_PERIODS = 2;

/**
 * Reads in ascending time, one an instant. Where the clock was set back two stretches claim the same time and
 * nobody knows which is right: both are left out there, so that the stretch counts as a gap.
 */
function inOrder(reads: Reads): Reads {
  if (ascends(reads.tNs, false)) return reads;
  const { tNs, value } = inTimeOrder(reads);
  const folds = foldsOf(reads.tNs, SET_BACK_PERIODS * medianStep(tNs));
  const out = emptyBeside(tNs);
  let fold = 0;
  for (let i = 0; i < tNs.length; i++) {
    const t = tNs.at(i);
    while (fold < folds.length && folds[fold]!.to < t) fold++;
    const isFolded = fold < folds.length && folds[fold]!.from <= t;
    if (!isFolded && (i + 1 === tNs.length || t !== tNs.at(i + 1))) add(out, t, value.at(i));
  }
  return out;
}

/** Where stamps, in the order of the log, go back by more than `setBack`: ascending. */
function foldsOf(tNs: ReadColumn, setBack: number): readonly { from: SessionNs; to: SessionNs }[] {
  const folds: { from: SessionNs; to: SessionNs }[] = [];
  let [reach, low] = [-Infinity, Infinity];
  const end = (): void => {
    if (low < reach - setBack) folds.push({ from: low, to: reach });
  };
  for (let i = 0; i < tNs.length; i++) {
    const t = tNs.at(i);
    if (t < reach) low = Math.min(low, t);
    else {
      end();
      [reach, low] = [t, Infinity];
    }
  }
  end();
  // Their ends ascend; one that begins before the one before it covers it to its own end.
  for (let k = folds.length - 2; k >= 0; k--)
    folds[k]!.from = Math.min(folds[k]!.from, folds[k + 1]!.from);
  return folds;
}

/** Of some reads, ascending. */
function stampsInOrder(tNs: ReadColumn, reads: ReadColumn): ReadColumn {
  const out = emptyBeside(tNs);
  for (const i of reads) add(out, tNs.at(i), i);
  return inTimeOrder(out).tNs;
}

/** Good reads only, ready for windows. */
export class Series {
  readonly tNs: ReadColumn;
  readonly value: ReadColumn;
  /** Median distance of reads, ns. */
  readonly periodNs: number;
  /** What its counter did; null of a power channel. */
  readonly count: Count | null;
  readonly updates: Updates;
  /** Its last good read, where the reads after it failed to the end of the log; else Infinity. */
  readonly endNs: SessionNs;
  readonly #failedNs: ReadColumn;
  /** Reads further apart have a gap between them; and those behind one. */
  readonly #gapNs: SessionNs;
  readonly #behindGaps: ReadColumn;
  /** Least and most that it read, W; of a counter, that it may have counted. */
  readonly rangeW: readonly [number, number];
  /** What its maker says a reading is off by at most, W; 0 where none says so. */
  readonly #readingUW: number;
  /** Reads of one value, from the first of them on, that were looked at last. */
  #alike = { from: 0, to: -1 };

  /** @param mostW no device of the channel's kind draws more. @param renewsNs it is known to be renewed so often. */
  constructor(s: TelemetrySeries, mostW = Infinity, renewsNs = Infinity) {
    const { good, failed } = goodReads(s);
    const kept = inOrder(good);
    const { name, quantity, wrapsAt } = s.channel;
    this.count = quantity === "energy" ? countOf(kept, { wrapsAt, mostW }) : null;
    ({ tNs: this.tNs, value: this.value } = this.count?.reads ?? kept);
    this.#readingUW = /^(nvml|nvidia_smi)\./.test(name) ? POWER_READING_U_W : 0;
    this.#failedNs = stampsInOrder(s.tNs, failed);
    this.periodNs = medianStep(this.tNs);
    this.updates = new Updates(this, renewsNs);
    this.#gapNs = GAP_PERIODS * this.periodNs;
    this.#behindGaps = behindGaps(this.tNs, this.#gapNs);
    this.rangeW = this.count ? [0, this.count.mostW] : [leastOf(this.value), mostOf(this.value)];
    const [last, lastFailed] = [lastOf(this.tNs), lastOf(this.#failedNs)];
    const hasEnded = this.tNs.length > 0 && lastFailed - last > this.#gapNs;
    this.endNs = hasEnded ? last : Infinity;
  }

  get isCounter(): boolean {
    return this.count !== null;
  }

  claim(t0: SessionNs, t1: SessionNs): Claim {
    const a = this.tNs.firstAtOrAfter(t0);
    const b = this.tNs.firstAfter(t1);
    const failed = this.#failedNs;
    const failedReads = Math.max(0, failed.firstAfter(t1) - failed.firstAtOrAfter(t0));
    const open = t1 > t0 ? sumOf(this.#open(t0, t1)) / (t1 - t0) : 0;
    const gapFraction = Math.max(this.#gapFraction(a, b, t0, t1), open);
    const updates = this.updates.between(a, b);
    const shared = { samples: b - a, updates, gapFraction, failedReads };
    // Nothing was read in it nor near it: what the neighbours of the gap say is no claim to it.
    if ((b === a && gapFraction === 1) || t0 >= this.endNs)
      return { energyJ: NaN, intervalJ: [NaN, NaN], ...shared };
    return this.isCounter
      ? { ...this.#counter(a, b, t0, t1), ...shared }
      : { ...this.#trapezoid(a, b, t0, t1), ...shared };
  }

  /** The first of the reads up to i that show i's value; windows are asked for in turn, and find most of it known. */
  firstAlike(i: number): number {
    const { from, to } = this.#alike;
    const own = this.value.at(i);
    let k = i;
    while (k > 0 && this.value.at(k - 1) === own) k = k - 1 > to || k - 1 < from ? k - 1 : from;
    this.#alike = { from: k, to: i };
    return k;
  }

  /** Value at an instant on the straight line between reads; the nearest read beyond the ends. */
  #lineAt(t: SessionNs): number {
    const { tNs, value } = this;
    const j = tNs.firstAtOrAfter(t);
    if (j === 0) return value.at(0);
    if (j === tNs.length) return value.at(j - 1);
    const share = (t - tNs.at(j - 1)) / (tNs.at(j) - tNs.at(j - 1));
    return value.at(j - 1) + share * (value.at(j) - value.at(j - 1));
  }

  #trapezoid(
    a: number,
    b: number,
    t0: SessionNs,
    t1: SessionNs,
  ): Pick<Claim, "energyJ" | "intervalJ"> {
    if (this.tNs.length === 0) return { energyJ: NaN, intervalJ: [NaN, NaN] };
    const { tNs, value } = this;
    const to = Math.min(t1, this.endNs);
    const unclaimedNs = t1 - to;
    const end = this.#lineAt(to);
    let [sum, less, more] = [0, 0, this.rangeW[1] * unclaimedNs];
    let [t, p] = [t0, this.#lineAt(t0)];
    for (let i = a; i <= b; i++) {
      const [tn, pn] = i < b ? [tNs.at(i), value.at(i)] : [to, end];
      sum += (p + pn) * (tn - t);
      const [below, above] = this.#openW(i, tn - t, p, pn);
      less += below * (tn - t);
      more += above * (tn - t);
      t = tn;
      p = pn;
    }
    const energyJ = sum / (2 * NS_PER_S);
    const reading = this.#readingUW * (t1 - t0);
    return {
      energyJ,
      intervalJ: [energyJ - (reading + less) / NS_PER_S, energyJ + (reading + more) / NS_PER_S],
    };
  }

  /** How far the mean power between read i − 1 and read i may lie below and above their line's, whose ends are p and q. */
  #openW(i: number, ns: SessionNs, p: number, q: number): readonly [number, number] {
    const isBetween = i > 0 && i < this.tNs.length;
    const apart = isBetween ? this.tNs.at(i) - this.tNs.at(i - 1) : ns;
    const late = LATE_PERIODS * this.periodNs;
    if (!(apart > late)) return [0, 0];
    const half = Math.abs(q - p) / 2;
    if (isBetween && apart <= this.#gapNs) return [half, half];
    const [least, most] = this.rangeW;
    return [(p + q) / 2 - least, most - (p + q) / 2];
  }

  /** The counter stands still between updates: what lies between the ends is bracketed by its changes. */
  #counter(
    a: number,
    b: number,
    t0: SessionNs,
    t1: SessionNs,
  ): Pick<Claim, "energyJ" | "intervalJ"> {
    if (b - a < 1) return { energyJ: NaN, intervalJ: [NaN, NaN] };
    // One update may lie unseen on either side of a read: step to the neighbouring different value.
    const before = this.value.at(this.#lastDifferent(a, -1));
    const after = this.value.at(this.#lastDifferent(b - 1, 1));
    const first = this.value.at(this.#lastDifferent(a, 1));
    const beforeEnd = this.value.at(this.#lastDifferent(b - 1, -1));
    const energyJ = this.#lineAt(t1) - this.#lineAt(t0);
    const lo = Math.max(0, Math.min(beforeEnd - first, energyJ));
    const more = (this.rangeW[1] * this.#uncountedNs(t0, t1)) / NS_PER_S;
    return { energyJ, intervalJ: [lo, Math.max(after - before, energyJ) + more] };
  }

  /** How long in [t0, t1] it was not read, or did not count; an update may lie unseen beside each such stretch. */
  #uncountedNs(t0: SessionNs, t1: SessionNs): SessionNs {
    const unread = [this.tNs.at(0) - t0, t1 - lastOf(this.tNs)].filter((ns) => ns > 0);
    return sumOf([...unread, ...this.#open(t0, t1)].map((ns) => ns + this.count!.updateNs));
  }

  /** How long each stretch in [t0, t1] is in which it stood still where it should not, or began anew. */
  #open(t0: SessionNs, t1: SessionNs): SessionNs[] {
    const open = this.count?.open ?? [];
    return open.map(([from, to]) => Math.min(t1, to) - Math.max(t0, from)).filter((ns) => ns > 0);
  }

  /** Nearest index from i in a direction whose value differs from i's; i's end of the series otherwise. */
  #lastDifferent(i: number, step: 1 | -1): number {
    const own = this.value.at(i);
    let j = i;
    while (j + step >= 0 && j + step < this.value.length) {
      j += step;
      if (this.value.at(j) !== own) return j;
    }
    return j;
  }

  /** Distances in [t0, t1] beyond the limit: from its begin to read a, between the reads, from read b − 1 to its end. */
  #gapFraction(a: number, b: number, t0: SessionNs, t1: SessionNs): number {
    if (!(t1 > t0)) return 0;
    const { tNs } = this;
    const limit = this.#gapNs;
    const beyond = (ns: SessionNs): number => (ns > limit ? ns : 0);
    if (a >= b) return beyond(this.#around(a, t0, t1)) > 0 ? 1 : 0;
    let gaps = beyond(tNs.at(a) - t0);
    const behind = this.#behindGaps;
    for (let k = behind.firstAfter(a); k < behind.length && behind.at(k) < b; k++)
      gaps += tNs.at(behind.at(k)) - tNs.at(behind.at(k) - 1);
    gaps += beyond(t1 - tNs.at(b - 1));
    return Math.min(1, gaps / (t1 - t0));
  }

  /** Of a window without a read, before read a: how far the reads around it are apart, or it lies off the one there is. */
  #around(a: number, t0: SessionNs, t1: SessionNs): SessionNs {
    const { tNs } = this;
    if (tNs.length === 0) return Infinity;
    if (a === 0) return tNs.at(0) - t0;
    return a < tNs.length ? tNs.at(a) - tNs.at(a - 1) : t1 - tNs.at(a - 1);
  }
}

const sumOf = (list: readonly number[]): number => list.reduce((sum, x) => sum + x, 0);

const lastOf = (column: ReadColumn): number =>
  column.length > 0 ? column.at(column.length - 1) : -Infinity;

/** Which reads, ascending, come more than `limitNs` after the one before. */
function behindGaps(tNs: ReadColumn, limitNs: SessionNs): ReadColumn {
  const out = tNs.beside();
  for (let i = 1, last = tNs.length > 0 ? tNs.at(0) : 0; i < tNs.length; i++) {
    const t = tNs.at(i);
    if (t - last > limitNs) out.push(i);
    last = t;
  }
  return out;
}
