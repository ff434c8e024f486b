// How far a figure can be used, from how much of its window was observed.

/** In ascending order; `unresolved` is of claims alone: the window is shorter than what the channel can tell apart. */
export const QUALITIES = [
  "no_data",
  "gappy",
  "unresolved",
  "estimate",
  "good",
  "billable",
] as const;
export type Quality = (typeof QUALITIES)[number];

export const atBest = (found: Quality, best: Quality): Quality =>
  QUALITIES.indexOf(found) > QUALITIES.indexOf(best) ? best : found;

/** A longer hole hides an event whole, however long the window around it is. */
const GAPPY_S = 0.5;
const BILLABLE_S = 0.25;

/**
 * @param gapFraction share of the window's duration that was not observed, 0 … 1.
 * @param maxGapS the longest stretch of it, s.
 */
export function quality(
  samples: number,
  durationS: number,
  gapFraction: number,
  maxGapS = 0,
): Quality {
  if (samples < 2) return "no_data";
  if (gapFraction > 0.1 || maxGapS > GAPPY_S) return "gappy";
  const isWhole = gapFraction < 0.05 && maxGapS <= BILLABLE_S;
  if (durationS > 1 && samples > 8 && isWhole) return "billable";
  if (samples >= 3) return "good";
  return "estimate";
}

/** What is in doubt is an estimate at best. */
export function inDoubt(found: Quality, isDoubted: boolean): Quality {
  return isDoubted ? atBest(found, "estimate") : found;
}
