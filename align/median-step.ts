// Times of a channel's reads → the usual distance of two.

import type { SessionNs } from "../schema/time.ts";
import { streamedMedian } from "../stats/streamed-median.ts";
import type { ReadColumn } from "./read-column.ts";

/** Between neighbours in the order they stand in; steps back, and times that repeat, do not count. 0 without any. */
export function medianStep(tNs: ReadColumn): SessionNs {
  return streamedMedian((see) => {
    for (let i = 1, last = tNs.length > 0 ? tNs.at(0) : 0; i < tNs.length; i++) {
      const t = tNs.at(i);
      if (t > last) see(t - last);
      last = t;
    }
  }, tNs.length);
}
