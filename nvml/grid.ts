// A strict grid t_k = t_0 + k·period: when the next tick is due, and how well the ticks kept to it.
// Pure: all times are float64 nanoseconds since t_0, read by the caller from whatever clock it has.
// Holds: due times never drift; at most one tick runs in any period, those that passed are dropped.

import { DurationHistogram, type DurationSummary } from "./histogram.ts";

/** Limits of docs/telemetry.md. */
const STRICT_MEDIAN = 0.01;
const GAP_PERIODS = 2.5;
const DEGRADED_PERIODS = 5;

/** Upper edges of the reported dt histogram, in periods; the last bin is open. */
export const DT_EDGES = [0.5, 0.9, 0.99, 1.01, 1.1, 1.5, 2.5, 5] as const;

const BINS_PER_PERIOD = 1000;
const BINS = 10 * BINS_PER_PERIOD;

export interface GridReport {
  readonly periodNs: number;
  readonly ticks: number;
  readonly dropped: number;
  readonly lateness: DurationSummary;
  /** Time spent reading, per tick. */
  readonly work: DurationSummary;
  /** Median to 0.1 % of the period; NaN below two ticks. `histogram[i]` counts dt below `DT_EDGES[i]`. */
  readonly dt: { readonly medianNs: number; readonly histogram: readonly number[] };
  readonly gaps: { readonly count: number; readonly longestNs: number; readonly totalNs: number };
  readonly scheduling: "strict" | "loose" | "unknown";
  readonly continuity: "continuous" | "degraded";
}

export class Grid {
  readonly periodNs: number;
  readonly #late = new DurationHistogram();
  readonly #work = new DurationHistogram();
  /** dt in thousandths of a period, rounded; the last bin is open. */
  readonly #dt = new Uint32Array(BINS + 1);
  #k = 0;
  #ticks = 0;
  #dropped = 0;
  #lastStartNs = NaN;
  #gapCount = 0;
  #gapTotalNs = 0;
  #longestNs = 0;

  constructor(periodNs: number) {
    this.periodNs = periodNs;
  }

  /** When the next tick is due. */
  get dueNs(): number {
    return this.#k * this.periodNs;
  }

  /**
   * Records a tick whose reads ran from `startNs` to `endNs`. Lateness counts from the tick that was
   * awaited, so a stall shows in full; the ticks that passed during it are dropped, not made up for.
   */
  done(startNs: number, endNs: number): void {
    this.#late.add(startNs - this.dueNs);
    this.#work.add(endNs - startNs);
    if (this.#ticks > 0) this.#distance(startNs - this.#lastStartNs);
    else this.#silence(startNs);
    this.#lastStartNs = startNs;
    this.#ticks++;
    const ran = Math.max(this.#k, Math.floor(startNs / this.periodNs));
    this.#dropped += ran - this.#k;
    this.#k = ran + 1;
  }

  #distance(dtNs: number): void {
    const periods = dtNs / this.periodNs;
    this.#dt[Math.min(BINS, Math.round(periods * BINS_PER_PERIOD))]!++;
    this.#silence(dtNs);
  }

  /** Nothing was read for so long: between two ticks, before the first or after the last. */
  #silence(ns: number): void {
    this.#longestNs = Math.max(this.#longestNs, ns);
    if (ns <= GAP_PERIODS * this.periodNs) return;
    this.#gapCount++;
    this.#gapTotalNs += ns;
  }

  /** Records that polling ended: a call that hung until then has no tick after it to show by. */
  stopped(atNs: number): void {
    this.#silence(atNs - (this.#ticks > 0 ? this.#lastStartNs : 0));
  }

  report(): GridReport {
    const median = this.#medianPeriods();
    const strict = Math.abs(median - 1) <= STRICT_MEDIAN;
    return {
      periodNs: this.periodNs,
      ticks: this.#ticks,
      dropped: this.#dropped,
      lateness: this.#late.summary(),
      work: this.#work.summary(),
      dt: { medianNs: median * this.periodNs, histogram: this.#coarseDt() },
      gaps: { count: this.#gapCount, longestNs: this.#longestNs, totalNs: this.#gapTotalNs },
      scheduling: this.#ticks < 2 ? "unknown" : strict ? "strict" : "loose",
      continuity: this.#longestNs > DEGRADED_PERIODS * this.periodNs ? "degraded" : "continuous",
    };
  }

  #medianPeriods(): number {
    const half = (this.#ticks - 1) / 2;
    let seen = 0;
    for (let i = 0; i <= BINS && half > 0; i++) {
      seen += this.#dt[i]!;
      if (seen >= half) return i / BINS_PER_PERIOD;
    }
    return NaN;
  }

  #coarseDt(): number[] {
    const counts = new Array<number>(DT_EDGES.length + 1).fill(0);
    for (let i = 0; i <= BINS; i++) {
      const bin = DT_EDGES.findIndex((edge) => i / BINS_PER_PERIOD < edge);
      counts[bin < 0 ? DT_EDGES.length : bin]! += this.#dt[i]!;
    }
    return counts;
  }
}
