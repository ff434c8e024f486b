// The figures of the pass over the samples → what a comparison says of a window's Joules.

import { NS_PER_S } from "../schema/time.ts";
import { COVERAGE_FACTOR } from "./budget.ts";
import type { PhysicalFigures, PhysicalPass } from "./physical.ts";
import { inDoubt } from "./quality.ts";
import type { PhysicalEnergy } from "./result.ts";
import type { Window } from "./window.ts";

/** Mean power outside all marked windows: idle in the compute-ready state, measured in this very run. */
export function idleOf(physical: PhysicalPass | null): number | null {
  const idle = physical?.idle;
  // Less than a tenth of a second outside is edges, not idle.
  return idle && idle.coveredS > 0.1 ? idle.energyJ / idle.coveredS : null;
}

export function physicalOf(
  w: Window,
  { samples, gapFraction, bridgedJ, ...p }: PhysicalFigures,
  idlePowerW: number | null,
): PhysicalEnergy {
  const { energyJ } = p;
  const durationS = (w.t1Ns - w.t0Ns) / NS_PER_S;
  return {
    energyJ,
    expandedUncertaintyJ: p.expandedUncertaintyJ,
    coverageFactor: COVERAGE_FACTOR,
    meanPowerW: durationS > 0 ? energyJ / durationS : 0,
    operationalJ: idlePowerW === null ? null : energyJ - idlePowerW * durationS,
    samples,
    gapFraction,
    bridgedJ,
    quality: inDoubt(p.quality, w.doubts !== undefined),
    budget: p.budget,
  };
}
