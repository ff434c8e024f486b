// How far a figure can be used, from how much of its window was observed.

export const QUALITIES = ["no_data", "gappy", "estimate", "good", "billable"] as const;
export type Quality = (typeof QUALITIES)[number];

/** @param gapFraction share of the window's duration that was not observed, 0 … 1. */
export function quality(samples: number, durationS: number, gapFraction: number): Quality {
  if (samples < 2) return "no_data";
  if (gapFraction > 0.1) return "gappy";
  if (durationS > 1 && samples > 8 && gapFraction < 0.05) return "billable";
  if (samples >= 3) return "good";
  return "estimate";
}

/** What is in doubt is an estimate at best. */
export function inDoubt(found: Quality, isDoubted: boolean): Quality {
  return isDoubted && (found === "good" || found === "billable") ? "estimate" : found;
}
