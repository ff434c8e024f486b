// The figures of the pass over the samples → what a comparison says of a window's Joules.

import { COVERAGE_FACTOR } from "./budget/budget.ts";
import { combinedU } from "./budget/combine.ts";
import { expandedJ, intervalJ, type PhysicalFigures, type PhysicalPass } from "./physical.ts";
import { inDoubt } from "./quality.ts";
import type { IdlePower, PhysicalEnergy } from "./result.ts";
import type { Window } from "./window.ts";

/** Less outside all windows is edges, not idle, s. */
const LEAST_IDLE_S = 0.1;

/** Mean power outside all marked windows: idle in the compute-ready state, measured in this very run. */
export function idleOf(physical: PhysicalPass | null): IdlePower | null {
  const idle = physical?.idle;
  if (!idle || !(idle.coveredS > LEAST_IDLE_S)) return null;
  const { energyJ, coveredS: lengthS, uncertainty, budget } = idle;
  return {
    powerW: energyJ / lengthS,
    expandedUncertaintyW: expandedJ(uncertainty) / lengthS,
    budget,
    lengthS,
  };
}

type Measured = Pick<PhysicalFigures, "energyJ" | "activeS">;

export const meanPowerW = ({ energyJ, activeS }: Measured): number =>
  activeS > 0 ? energyJ / activeS : 0;

/** Above what the machine draws while it waits; null where the run does not show that. */
export const operationalJ = ({ energyJ, activeS }: Measured, idle: IdlePower | null) =>
  idle === null ? null : energyJ - idle.powerW * activeS;

/** Expanded: the sensors' own errors are in both and cancel as far as these draw alike. */
function operationalUJ({ activeS, budget }: PhysicalFigures, idle: IdlePower | null) {
  if (idle === null) return null;
  const { common, independent } = combinedU([
    { weight: 1, terms: budget },
    { weight: -activeS / idle.lengthS, terms: idle.budget },
  ]);
  return COVERAGE_FACTOR * Math.hypot(common, independent);
}

export function physicalOf(
  w: Window,
  figures: PhysicalFigures,
  idle: IdlePower | null,
): PhysicalEnergy {
  const { energyJ, uncertainty, samples, gapFraction, maxGapS, bridgedJ, budget } = figures;
  // Joules that are not known have no uncertainty either.
  const { unmeasuredJ } = uncertainty;
  const known = Number.isNaN(energyJ) ? NaN : 1;
  const expandedUncertaintyJ = known * expandedJ(uncertainty);
  const operationalU = operationalUJ(figures, idle);
  return {
    energyJ,
    expandedUncertaintyJ,
    coverageFactor: uncertainty.coverageFactor,
    intervalJ: intervalJ({ energyJ, expandedUncertaintyJ, unmeasuredJ }),
    unmeasuredJ,
    commonUJ: known * uncertainty.commonUJ,
    independentUJ: known * uncertainty.independentUJ,
    degreesOfFreedom: uncertainty.dof,
    meanPowerW: meanPowerW(figures),
    operationalJ: operationalJ(figures, idle),
    operationalUJ: operationalU === null ? null : known * operationalU,
    samples,
    gapFraction,
    maxGapS,
    bridgedJ,
    quality: inDoubt(figures.quality, w.doubts !== undefined),
    budget,
  };
}
