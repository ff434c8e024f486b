// What a window holds that nobody saw: before the trace begins, after it ends, and in its gaps. In: a window's sums.
// Out: the Joules by which it is bridged, and how far those may be off. Holds: what the load did elsewhere in the run,
// it may have done there.

import { meanOf, deviationOf } from "../stats/summary.ts";
import { NS_PER_S } from "../schema/time.ts";
import { type Snapshots, Sum } from "./integrate.ts";
import type { Window } from "./window.ts";

/** A run's power, W: its mean and its standard deviation in time. */
export interface Load {
  readonly meanW: number;
  readonly sdW: number;
}

/** @param powerW at even distances. */
export const loadOf = (powerW: Float64Array): Load => ({
  meanW: powerW.length > 0 ? meanOf(powerW) : 0,
  sdW: powerW.length > 1 ? deviationOf(powerW) : 0,
});

/** Of the window's length, 0 … 1; 1 where nothing of it was observed, and there is nothing to scale. */
export function observedShare(w: Window, s: Snapshots): number {
  const durationS = (w.t1Ns - w.t0Ns) / NS_PER_S;
  const coveredS = s.between(w.t0Ns, w.t1Ns, Sum.coveredS);
  return durationS > 0 && coveredS > 0 ? Math.min(1, coveredS / durationS) : 1;
}

/**
 * The part of a window before the trace begins or after it ends, taken at the mean power of the rest. It
 * may as well have been anything from idle to twice that: a uniform distribution of that half-width.
 */
export function outsideOf(w: Window, s: Snapshots): { energyJ: number; uJ: number } {
  const of = (k: number): number => s.between(w.t0Ns, w.t1Ns, k);
  const coveredS = of(Sum.coveredS);
  const missingS = (w.t1Ns - w.t0Ns) / NS_PER_S - coveredS - of(Sum.gapS);
  // Rounding of float64 session time is not a hole.
  if (!(coveredS > 0) || missingS < 1e-6) return { energyJ: 0, uJ: 0 };
  const energyJ = (of(Sum.energyJ) / coveredS) * missingS;
  return { energyJ, uJ: Math.abs(energyJ) / Math.sqrt(3) };
}

/**
 * Standard uncertainty of what bridges the gaps, J. Two parts. Each gap of g seconds is off by g · σ, independently:
 * σ is the spread of the power within the window where most of it was seen, and the whole run's, about the window's
 * mean, where little was. And all gaps may be off the same way, as where rows are lost because the load is high: the
 * rows next to the gaps then differ from the rest of the window, so that the bridges' mean power differs from the
 * window's; by as much again those rows may differ from what the gaps hide.
 */
export function gapsU(w: Window, s: Snapshots, load: Load): number {
  const of = (k: number): number => s.between(w.t0Ns, w.t1Ns, k);
  const squareS2 = of(Sum.gapSquareS2);
  if (!(squareS2 > 0)) return 0;
  const coveredS = of(Sum.coveredS);
  const [gapS, gapJ] = [of(Sum.gapS), of(Sum.gapJ)];
  if (!(coveredS > 0)) return Math.abs(gapJ);
  const meanW = of(Sum.energyJ) / coveredS;
  const within = Math.max(0, of(Sum.powerSquareJW) / coveredS - meanW * meanW);
  const elsewhere = load.sdW ** 2 + (load.meanW - meanW) ** 2;
  const unseen = gapS / (gapS + coveredS);
  const variance = (1 - unseen) * within + unseen * elsewhere;
  return Math.hypot(Math.sqrt(squareS2 * variance), gapJ - gapS * meanW);
}
