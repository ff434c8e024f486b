// Counters then and now → what to tell, one note a kind and interval, however much went wrong in it.

import type { Note } from "../../schema/records.ts";
import type { Instant } from "../../schema/time.ts";

/** What counters mean to whoever reads the run. */
export type LossTexts<Counts> = readonly (readonly [
  counter: keyof Counts & string,
  level: Note["level"],
  text: string,
])[];

export function lossNotes<Counts extends object>(
  texts: LossTexts<Counts>,
  before: Counts,
  now: Counts,
  t: Instant<"host">,
): Note[] {
  return texts.flatMap(([key, level, text]) => {
    const count = Number(now[key]) - Number(before[key]);
    if (count === 0) return [];
    // A frame that came late after all is taken off the losses again.
    if (count < 0)
      return [{ level: "info", text: `${-count} ${text} before, recovered`, t, count: -count }];
    return [{ level, text: `${count} ${text}`, t, count }];
  });
}
