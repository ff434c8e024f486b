// Windows of one comparison → their sum, difference or ratio, with the uncertainty that it has. In: windows of a
// compare/1 document. Holds: errors that windows share add or cancel as they do in truth (energy/budget/combine.ts).

import { COVERAGE_FACTOR } from "../../energy/budget/budget.ts";
import { combinedU, type Part } from "../../energy/budget/combine.ts";
import { InputError } from "../../schema/errors.ts";
import type { ComparedWindow } from "../../schema/documents/compare.ts";

/** A figure, its expanded uncertainty (k = 2), and what the truth lies in. */
export interface Combined {
  readonly value: number;
  readonly expandedUncertainty: number;
  /** Beyond the uncertainty by what rails without a sensor may have carried. */
  readonly interval: readonly [number, number];
}

/**
 * Σ weight · Joules of windows of one run, J.
 * @param weights one a window, 1 where absent: `[1, -1]` is the difference of two.
 * @throws InputError where a window's Joules are not known.
 */
export function combineWindows(
  windows: readonly ComparedWindow[],
  weights: readonly number[] = [],
): Combined {
  const known = windows.map((w, i) => ({ ...joulesOf(w), weight: weights[i] ?? 1 }));
  const sum = (of: (k: (typeof known)[number]) => number): number =>
    known.reduce((total, k) => total + k.weight * of(k), 0);
  return combined(
    sum((k) => k.energyJ),
    known,
    [0, sum((k) => k.unmeasuredJ)],
  );
}

/**
 * Joules of one window over those of another of the same run.
 * @throws InputError where they are not known, or the second's are none.
 */
export function ratioOfWindows(over: ComparedWindow, under: ComparedWindow): Combined {
  const [a, b] = [joulesOf(over), joulesOf(under)];
  if (!(b.energyJ > 0)) throw new InputError(`window ${under.name}: no Joules to divide by`);
  const value = a.energyJ / b.energyJ;
  const most = (a.energyJ + a.unmeasuredJ) / (b.energyJ + b.unmeasuredJ) - value;
  const parts = [
    { weight: 1 / b.energyJ, terms: a.terms },
    { weight: -value / b.energyJ, terms: b.terms },
  ];
  return combined(value, parts, [0, most]);
}

/** @param more what rails without a sensor may add, at least and at most. */
function combined(
  value: number,
  parts: readonly Part[],
  more: readonly [number, number],
): Combined {
  const { common, independent } = combinedU(parts);
  const expandedUncertainty = COVERAGE_FACTOR * Math.hypot(common, independent);
  const interval = [
    value + Math.min(...more) - expandedUncertainty,
    value + Math.max(...more) + expandedUncertainty,
  ] as const;
  return { value, expandedUncertainty, interval };
}

function joulesOf({ name, physical }: ComparedWindow) {
  const energyJ = physical?.energy_j ?? null;
  if (!physical || energyJ === null)
    throw new InputError(`window ${name}: its Joules are not known`);
  const terms = physical.budget.map((t) => ({
    term: t.term,
    // An older comparison does not say.
    correlation: t.correlation ?? null,
    contributionJ: t.contribution_j,
  }));
  return { energyJ, terms, unmeasuredJ: physical.unmeasured_j ?? 0 };
}
