// One telemetry channel → the Joules it claims for a window, as whoever reads the driver would get them:
// power by trapezoid over the reads, a counter by the difference of its readings. Failed reads are left
// out and counted; distances beyond 2.5 periods are gaps.

import { firstAtOrAfter } from "../align/columns.ts";
import { medianStep } from "../align/stretches.ts";
import type { TelemetrySeries } from "../align/scan.ts";
import { GAP_PERIODS } from "../align/timeline.ts";
import { NS_PER_S, type SessionNs } from "../schema/time.ts";

export interface Claim {
  readonly energyJ: number;
  /**
   * What the reads allow: counter updates around the ends; or ±5 W (NVIDIA's figure for the power field),
   * and anything between two reads that stand further apart than the rest.
   */
  readonly intervalJ: readonly [number, number];
  readonly samples: number;
  readonly gapFraction: number;
  readonly failedReads: number;
}

/** The reading is "accurate to within +/- 5 watts" (nvidia-smi's manual, Power Draw; nvml.h states ±5 % for Kepler). */
const POWER_READING_U_W = 5;

/** Reads further apart than this many periods have one missing between them: how the power went there is open. */
const LATE_PERIODS = 1.5;

/** A read this many periods before one that was taken earlier is not jitter: the clock was set back. */
const SET_BACK_PERIODS = 2;

/**
 * Rows in ascending time, one an instant. Where the clock was set back two stretches claim the same time and
 * nobody knows which is right: both are left out there, so that the stretch counts as a gap.
 */
function inOrder(tNs: ArrayLike<SessionNs>, rows: readonly number[]): number[] {
  const setBack = SET_BACK_PERIODS * medianStep(Float64Array.from(rows, (i) => tNs[i]!).sort());
  const folds: [SessionNs, SessionNs][] = [];
  let [reach, low] = [-Infinity, Infinity];
  for (const i of rows) {
    const t = tNs[i]!;
    if (t < reach) low = Math.min(low, t);
    else {
      if (low < reach - setBack) folds.push([low, reach]);
      [reach, low] = [t, Infinity];
    }
  }
  if (low < reach - setBack) folds.push([low, reach]);
  const sorted = rows
    .filter((i) => !folds.some(([from, to]) => tNs[i]! >= from && tNs[i]! <= to))
    .sort((a, b) => tNs[a]! - tNs[b]!);
  return sorted.filter((i, k) => k + 1 === sorted.length || tNs[i]! !== tNs[sorted[k + 1]!]!);
}

/** Good reads only, ready for windows. */
export class Series {
  readonly tNs: Float64Array;
  readonly value: Float64Array;
  readonly failed: readonly SessionNs[];
  /** Median distance of reads, ns. */
  readonly periodNs: number;
  readonly #wrapsAt: number | undefined;
  readonly isCounter: boolean;

  constructor(s: TelemetrySeries) {
    const good: number[] = [];
    const failed: number[] = [];
    s.tNs.forEach((t, i) => (Number.isFinite(s.value[i]!) ? good.push(i) : failed.push(t)));
    const kept = inOrder(s.tNs, good);
    this.tNs = Float64Array.from(kept, (i) => s.tNs[i]!);
    this.isCounter = s.channel.quantity === "energy";
    this.#wrapsAt = s.channel.wrapsAt;
    const raw = Float64Array.from(kept, (i) => s.value[i]!);
    this.value = this.isCounter ? this.#unwrap(raw) : raw;
    this.failed = failed;
    this.periodNs = medianStep(this.tNs);
  }

  /** A counter that falls has wrapped, once, or was reset by a driver reload: then nothing is added. */
  #unwrap(raw: Float64Array): Float64Array {
    const out = Float64Array.from(raw);
    let carried = 0;
    for (let i = 1; i < raw.length; i++) {
      if (raw[i]! < raw[i - 1]!) carried += this.#wrapsAt ?? raw[i - 1]! - raw[i]!;
      out[i] = raw[i]! + carried;
    }
    return out;
  }

  claim(t0: SessionNs, t1: SessionNs): Claim {
    const a = firstAtOrAfter(this.tNs, t0);
    const b = firstAfter(this.tNs, t1);
    const failedReads = this.failed.filter((t) => t >= t0 && t <= t1).length;
    const gapFraction = this.#gapFraction(a, b, t0, t1);
    const shared = { samples: b - a, gapFraction, failedReads };
    // Nothing was read in it nor near it: what the neighbours of the gap say is no claim to it.
    if (b === a && gapFraction === 1) return { energyJ: NaN, intervalJ: [NaN, NaN], ...shared };
    return this.isCounter
      ? { ...this.#counter(a, b, t0, t1), ...shared }
      : { ...this.#trapezoid(a, b, t0, t1), ...shared };
  }

  /** Value at an instant on the straight line between reads; the nearest read beyond the ends. */
  #lineAt(t: SessionNs): number {
    const j = firstAtOrAfter(this.tNs, t);
    if (j === 0) return this.value[0]!;
    if (j === this.tNs.length) return this.value[j - 1]!;
    const share = (t - this.tNs[j - 1]!) / (this.tNs[j]! - this.tNs[j - 1]!);
    return this.value[j - 1]! + share * (this.value[j]! - this.value[j - 1]!);
  }

  #trapezoid(
    a: number,
    b: number,
    t0: SessionNs,
    t1: SessionNs,
  ): Pick<Claim, "energyJ" | "intervalJ"> {
    if (this.tNs.length === 0) return { energyJ: NaN, intervalJ: [NaN, NaN] };
    const late = LATE_PERIODS * this.periodNs;
    let [sum, open] = [0, 0];
    let [t, p] = [t0, this.#lineAt(t0)];
    const to = (tn: number, pn: number): void => {
      sum += (p + pn) * (tn - t);
      if (tn - t > late) open += Math.abs(pn - p) * (tn - t);
      [t, p] = [tn, pn];
    };
    for (let i = a; i < b; i++) to(this.tNs[i]!, this.value[i]!);
    to(t1, this.#lineAt(t1));
    const energyJ = sum / (2 * NS_PER_S);
    const uJ = (POWER_READING_U_W * (t1 - t0) + open / 2) / NS_PER_S;
    return { energyJ, intervalJ: [energyJ - uJ, energyJ + uJ] };
  }

  /** The counter stands still between updates: what lies between the ends is bracketed by its changes. */
  #counter(
    a: number,
    b: number,
    t0: SessionNs,
    t1: SessionNs,
  ): Pick<Claim, "energyJ" | "intervalJ"> {
    if (b - a < 1) return { energyJ: NaN, intervalJ: [NaN, NaN] };
    const last = this.value.length - 1;
    const [inside0, inside1] = [this.value[a]!, this.value[b - 1]!];
    // One update may lie unseen on either side of a read: step to the neighbouring different value.
    const before = this.value[this.#lastDifferent(a, -1)] ?? inside0;
    const after = this.value[Math.min(last, this.#lastDifferent(b - 1, 1))] ?? inside1;
    const first = this.value[this.#lastDifferent(a, 1)]!;
    const beforeEnd = this.value[this.#lastDifferent(b - 1, -1)]!;
    const energyJ = this.#lineAt(t1) - this.#lineAt(t0);
    const lo = Math.max(0, Math.min(beforeEnd - first, energyJ));
    return { energyJ, intervalJ: [lo, Math.max(after - before, energyJ)] };
  }

  /** Nearest index from i in a direction whose value differs from i's; i's end of the series otherwise. */
  #lastDifferent(i: number, step: 1 | -1): number {
    let j = i;
    while (j + step >= 0 && j + step < this.value.length) {
      j += step;
      if (this.value[j] !== this.value[i]) return j;
    }
    return j;
  }

  #gapFraction(a: number, b: number, t0: SessionNs, t1: SessionNs): number {
    const limit = GAP_PERIODS * this.periodNs;
    let gaps = 0;
    let t = t0;
    for (let i = a; i <= b; i++) {
      const next = i < b ? this.tNs[i]! : t1;
      if (next - t > limit) gaps += next - t;
      t = next;
    }
    return t1 > t0 ? Math.min(1, gaps / (t1 - t0)) : 0;
  }
}

function firstAfter(t: Float64Array, at: number): number {
  let i = firstAtOrAfter(t, at);
  while (i < t.length && t[i] === at) i++;
  return i;
}
