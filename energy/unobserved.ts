// What a window holds that nobody saw: before the trace begins, after it ends, and in its gaps. In: a window's sums.
// Out: the Joules by which it is bridged, and how far those may be off. Holds: what the load did elsewhere in the run,
// it may have done there.

import { NS_PER_S } from "../schema/time.ts";
import { Sum } from "./integrate.ts";
import type { Load } from "./load.ts";
import type { Integrals } from "./snapshots.ts";
import type { Window } from "./window.ts";

/** A window's length without its pauses, s: where Joules can be. */
export const activeS = (w: Window, s: Integrals): number =>
  Math.max(0, (w.t1Ns - w.t0Ns) / NS_PER_S - s.between(w.t0Ns, w.t1Ns, Sum.pauseS));

/** Of that, 0 … 1; 1 where nothing of it was observed, and there is nothing to scale. */
export function observedShare(w: Window, s: Integrals): number {
  const wholeS = activeS(w, s);
  const coveredS = s.between(w.t0Ns, w.t1Ns, Sum.coveredS);
  return wholeS > 0 && coveredS > 0 ? Math.min(1, coveredS / wholeS) : 1;
}

/**
 * The part of a window before the trace begins or after it ends, taken at the mean power of the rest. It
 * may as well have been anything from idle to twice that: a uniform distribution of that half-width.
 */
export function outsideOf(w: Window, s: Integrals): { energyJ: number; uJ: number } {
  const of = (k: number): number => s.between(w.t0Ns, w.t1Ns, k);
  const coveredS = of(Sum.coveredS);
  const missingS = activeS(w, s) - coveredS - of(Sum.gapS);
  // Rounding of float64 session time is not a hole.
  if (!(coveredS > 0) || missingS < 1e-6) return { energyJ: 0, uJ: 0 };
  const energyJ = (of(Sum.energyJ) / coveredS) * missingS;
  return { energyJ, uJ: Math.abs(energyJ) / Math.sqrt(3) };
}

/**
 * Standard uncertainty of the Joules in rows with a clipped channel. What lies beyond a range nobody saw: it may be as
 * much again, and of a voltage or a current of whichever rail; a uniform distribution of that half-width.
 */
export const clippedU = (w: Window, s: Integrals): number =>
  s.between(w.t0Ns, w.t1Ns, Sum.clippedJ) / Math.sqrt(3);

/**
 * Standard uncertainty of what bridges the gaps, J: their length together times what a straight line over as long a
 * stretch is off by where the load was seen. All are taken to be off the same way, as where rows are lost because the
 * load is high: nothing that was seen excludes that. The less of a window was seen, the more the whole run's spread
 * about the window's mean takes the place of that.
 */
export function gapsU(w: Window, s: Integrals, load: Load): number {
  const of = (k: number): number => s.between(w.t0Ns, w.t1Ns, k);
  const squareS2 = of(Sum.gapSquareS2);
  if (!(squareS2 > 0)) return 0;
  const coveredS = of(Sum.coveredS);
  const [gapS, gapJ] = [of(Sum.gapS), of(Sum.gapJ)];
  if (!(coveredS > 0)) return Math.abs(gapJ);
  const meanW = of(Sum.energyJ) / coveredS;
  const elsewhere = load.sdW ** 2 + (load.meanW - meanW) ** 2;
  const unseen = gapS / (gapS + coveredS);
  const bridge = load.bridgeErrorW(squareS2 / gapS);
  return gapS * Math.sqrt((1 - unseen) * bridge ** 2 + unseen * elsewhere);
}
