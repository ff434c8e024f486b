// Trials of all sessions → the matrix, window kind × condition: does the interval hold the truth as often as it says,
// and is it no wider than it must be? docs/evidence/coverage.md says how a cell is judged.

import { clopperPearson } from "../../../stats/binomial.ts";
import { deviationOf, meanOf, upperMedian } from "../../../stats/summary.ts";
import { valueAt } from "../../../stats/places.ts";
import type { Trial } from "./trial.ts";

/** An interval stated for k = 2 holds 95.4 % of a normal distribution's errors, and 94 to 97 of what budgets meet. */
const HOLDS = [0.93, 0.975] as const;
/** So sure must the figure be before a cell is called wrong. */
const CONFIDENCE = 0.999;
/** An interval that only bounds what nobody can know may be so many times wider than it had to be. */
const MOST_WIDTH = 2;

export interface Cell {
  readonly condition: string;
  readonly window: string;
  /** Sessions with such a window, and those in which it has no value, or one with a doubt. */
  readonly sessions: number;
  readonly without_value: number;
  /** Share of the stated intervals that hold the truth, and where it lies with 99.9 % confidence. */
  readonly covered: number;
  readonly covered_lo: number;
  readonly covered_hi: number;
  /** U over the half-width, in proportion to U, that would hold 95 % of these errors. */
  readonly width: number;
  readonly median_u_pct: number | null;
  readonly bias_pct: number | null;
  readonly bias_u_pct: number | null;
  /** The same once the effect of the gains and offsets that the bench drew is taken out. */
  readonly pipeline_bias_pct: number | null;
  readonly verdict: "ok" | "wrong";
  readonly why: string;
}

/** @param trials of all sessions under the condition. */
export function cellsOf(condition: string, trials: readonly Trial[]): Cell[] {
  const kinds = new Map<string, Trial[]>();
  for (const t of trials) {
    const same = kinds.get(t.window);
    if (same) same.push(t);
    else kinds.set(t.window, [t]);
  }
  return [...kinds].map(([window, own]) => cellOf({ condition, window }, own));
}

function cellOf(of: Pick<Cell, "condition" | "window">, trials: readonly Trial[]): Cell {
  const z = trials.flatMap((t) => (t.z === null ? [] : [Math.abs(t.z)])).sort((a, b) => a - b);
  const counts = { sessions: trials.length, without_value: trials.length - z.length };
  if (z.length === 0)
    return { ...of, ...counts, ...NO_VALUE, verdict: "ok", why: "no value is stated" };
  const inside = z.filter((x) => x <= 1).length;
  const [lo, hi] = clopperPearson(inside, z.length, CONFIDENCE);
  const width = 1 / valueAt(z, Math.min(z.length - 1, Math.floor(0.95 * z.length)));
  return {
    ...of,
    ...counts,
    covered: inside / z.length,
    covered_lo: lo,
    covered_hi: hi,
    width,
    ...figuresOf(trials),
    ...judged(lo, hi, width),
  };
}

const NO_FIGURES = {
  median_u_pct: null,
  bias_pct: null,
  bias_u_pct: null,
  pipeline_bias_pct: null,
};
const NO_VALUE = { covered: NaN, covered_lo: 0, covered_hi: 1, width: NaN, ...NO_FIGURES };

function judged(lo: number, hi: number, width: number): Pick<Cell, "verdict" | "why"> {
  const [least, most] = HOLDS;
  if (hi < least) return { verdict: "wrong", why: "it holds the truth too rarely" };
  if (lo > most && width > MOST_WIDTH)
    return { verdict: "wrong", why: "it is more than twice as wide as it must be" };
  if (lo > most) return { verdict: "ok", why: "a bound" };
  const told = lo >= least;
  return {
    verdict: "ok",
    why: told
      ? "it holds the truth as often as it says"
      : "not shown to be wrong; more sessions tell",
  };
}

function figuresOf(trials: readonly Trial[]) {
  const of = (figure: (t: Trial) => number | null): number[] =>
    trials.flatMap((t) => (t.z === null ? [] : (figure(t) ?? [])));
  const [errors, widths] = [of((t) => t.error), of((t) => t.relativeU)];
  if (errors.length < 2) return NO_FIGURES;
  const rest = of((t) => (t.error === null || t.drawn === null ? null : t.error - t.drawn));
  return {
    median_u_pct: 100 * (upperMedian(widths) ?? NaN),
    bias_pct: 100 * meanOf(errors),
    bias_u_pct: (100 * deviationOf(errors)) / Math.sqrt(errors.length),
    pipeline_bias_pct: 100 * meanOf(rest),
  };
}
