// The good reads of a telemetry channel in the order of its log, and the stretches between jumps of their stamps.

import { goodReads, indexOfGood } from "../../align/good-reads.ts";
import { medianStep } from "../../align/median-step.ts";
import { streamedMedian } from "../../stats/streamed-median.ts";
import type { ReadColumn } from "../../align/read-column.ts";
import type { TelemetrySeries } from "../../align/scanned.ts";
import { GAP_PERIODS } from "../../align/timeline.ts";

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
  readonly tNs: ReadColumn;
  readonly value: ReadColumn;
  readonly periodNs: number;
  /** Within a read and an update of the value a place is not known better. */
  readonly resolutionNs: number;
  readonly #failed: ReadColumn;

  constructor(s: TelemetrySeries) {
    const { good, failed } = goodReads(s);
    this.tNs = good.tNs;
    this.value = good.value;
    this.#failed = failed;
    this.periodNs = medianStep(this.tNs);
    this.resolutionNs = this.periodNs + Math.max(this.periodNs, this.#updateNs());
  }

  /** Index of the k-th good read in the series. */
  indexOf(k: number): number {
    return indexOfGood(k, this.#failed);
  }

  /** In the order of the log, cut where the stamps jump by more than can be told from a late read. */
  stretches(): Stretch[] {
    const cuts = this.#jumps().sort((a, b) => a.at - b.at);
    return [{ at: 0, jumpNs: 0 }, ...cuts].map(({ at, jumpNs }, k) => ({
      from: at,
      to: cuts[k]?.at ?? this.tNs.length,
      jumpNs,
    }));
  }

  /** The largest; of those as large the earlier ones. */
  #jumps(): Jump[] {
    const { tNs, periodNs } = this;
    const least = Math.max((GAP_PERIODS - 1) * periodNs, 2 * this.resolutionNs);
    const largest: Jump[] = [];
    for (let at = 1, last = tNs.length > 0 ? tNs.at(0) : 0; at < tNs.length; at++) {
      const t = tNs.at(at);
      const jumpNs = t - last - periodNs;
      last = t;
      const size = Math.abs(jumpNs);
      if (!(size > least)) continue;
      if (largest.length === MAX_JUMPS && size <= Math.abs(largest[MAX_JUMPS - 1]!.jumpNs))
        continue;
      const place = largest.findIndex((j) => Math.abs(j.jumpNs) < size);
      largest.splice(place < 0 ? largest.length : place, 0, { at, jumpNs });
      largest.splice(MAX_JUMPS);
    }
    return largest;
  }

  /** Median distance of the reads at which the value changes. */
  #updateNs(): number {
    const { tNs, value } = this;
    return streamedMedian((see) => {
      for (let i = 1, last = NaN; i < tNs.length; i++) {
        if (value.at(i) === value.at(i - 1)) continue;
        const t = tNs.at(i);
        if (t > last) see(t - last);
        last = t;
      }
    }, tNs.length);
  }
}

interface Jump {
  /** The read after it. */
  readonly at: number;
  readonly jumpNs: number;
}
