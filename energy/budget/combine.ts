// Sums, differences and ratios of windows of one run, whose errors are in part the same. In: windows with their budgets.
// Out: a figure's uncertainty. Holds: what is one error in all windows adds with its signs before it is squared, what
// has an unknown correlation adds whatever its sign, the rest adds in quadrature (GUM 5.2.2).

import { rootSquares } from "../../stats/summary.ts";
import type { BudgetTerm } from "./term.ts";

export interface Part {
  /** Of the sum: 1, −1, … */
  readonly weight: number;
  readonly terms: readonly Pick<BudgetTerm, "term" | "correlation" | "contributionJ">[];
}

/** Standard uncertainties of Σ weight · window, in the terms' unit. */
export function combinedU(parts: readonly Part[]): { common: number; independent: number } {
  const common = new Map<string, number>();
  const independent: number[] = [];
  for (const { weight, terms } of parts)
    for (const t of terms) {
      const part = weight * t.contributionJ;
      if (t.correlation === 0) independent.push(part);
      else {
        const signed = t.correlation === null ? Math.abs(part) : t.correlation * part;
        common.set(t.term, (common.get(t.term) ?? 0) + signed);
      }
    }
  return { common: rootSquares(common.values()), independent: rootSquares(independent) };
}
