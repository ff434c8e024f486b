// The figures of the pass over the samples → what a comparison says of a window's Joules.

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

type Measured = Pick<PhysicalFigures, "energyJ" | "activeS">;

export const meanPowerW = ({ energyJ, activeS }: Measured): number =>
  activeS > 0 ? energyJ / activeS : 0;

/** Above what the machine draws while it waits; null where the run does not show that. */
export const operationalJ = ({ energyJ, activeS }: Measured, idleW: number | null) =>
  idleW === null ? null : energyJ - idleW * activeS;

export function physicalOf(
  w: Window,
  { samples, activeS, gapFraction, bridgedJ, ...p }: PhysicalFigures,
  idlePowerW: number | null,
): PhysicalEnergy {
  const { energyJ } = p;
  return {
    energyJ,
    expandedUncertaintyJ: p.expandedUncertaintyJ,
    coverageFactor: COVERAGE_FACTOR,
    meanPowerW: meanPowerW({ energyJ, activeS }),
    operationalJ: operationalJ({ energyJ, activeS }, idlePowerW),
    samples,
    gapFraction,
    bridgedJ,
    quality: inDoubt(p.quality, w.doubts !== undefined),
    budget: p.budget,
  };
}
