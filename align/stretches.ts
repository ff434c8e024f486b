// The good reads of a telemetry channel in the order of its log, and the stretches between jumps of their stamps.

import type { SessionNs } from "../schema/time.ts";
import type { TelemetrySeries } from "./scan.ts";
import { GAP_PERIODS } from "./timeline.ts";

/** Of the jumps of a log, the largest so many are looked at. */
const MAX_JUMPS = 32;

export interface Stretch {
  /** Indices of good reads, [from, to). */
  readonly from: number;
  readonly to: number;
  /** How far the stamps jumped before it, beyond a usual step; 0 for the first. */
  readonly jumpNs: number;
}

export class GoodReads {
  readonly index: number[] = [];
  readonly tNs: SessionNs[] = [];
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

/** Between neighbours in the order they stand in; steps back, and times that repeat, do not count. 0 without any. */
export function medianStep(tNs: ArrayLike<SessionNs>): number {
  const steps = Float64Array.from(tNs)
    .slice(1)
    .map((t, i) => t - tNs[i]!)
    .filter((step) => step > 0)
    .sort();
  return steps[steps.length >> 1] ?? 0;
}
