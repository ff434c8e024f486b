// What aliasing may cost where the telemetry says that it does. In: figures of windows, and by what share of the Joules
// the claims contradict the rails (findings/agreement.ts). Out: the same figures, with that in their uncertainty.

import type { Uncertainty } from "./budget/budget.ts";
import type { BudgetTerm } from "./budget/term.ts";
import type { PhysicalPass } from "./physical.ts";

/** A uniform distribution of that half-width: rows that miss what the load does say nothing of how much. */
export const aliasingUJ = (energyJ: number, share: number): number =>
  Math.abs(share * energyJ) / Math.sqrt(3);

interface Figures {
  readonly energyJ: number;
  readonly uncertainty: Uncertainty;
  readonly budget: readonly BudgetTerm[];
}

export function aliased<F extends Figures>(figures: F, share: number): F {
  const contributionJ = aliasingUJ(figures.energyJ, share);
  if (!(contributionJ > 0)) return figures;
  const { uncertainty: u, budget } = figures;
  const term = { term: "aliasing", type: "B", correlation: null, contributionJ } as const;
  return {
    ...figures,
    uncertainty: {
      ...u,
      uJ: Math.hypot(u.uJ, contributionJ),
      commonUJ: Math.hypot(u.commonUJ, contributionJ),
    },
    budget: [...budget, term].sort((a, b) => b.contributionJ - a.contributionJ),
  };
}

/** The same of a whole pass. */
export function aliasedPass(pass: PhysicalPass, share: number): PhysicalPass {
  pass.figures.widen((energyJ) => aliasingUJ(energyJ, share));
  const detailed = new Map([...pass.detailed].map(([row, f]) => [row, aliased(f, share)]));
  return { ...pass, detailed, idle: pass.idle && aliased(pass.idle, share) };
}
