// DAQ clocks that are stated, not fitted.

import { type ClockModel, fixedModel } from "../../align/clocks/clock.ts";
import { type DaqClock, segmentFrom } from "../../align/clocks/segments.ts";

/** Rows of `hz` from 0 s on, with what is not known of them. */
export function clockModel(hz: number, known: Partial<ClockModel> = {}): ClockModel {
  const exact = { hz, uRel: 0, startNs: 0, startUNs: 0 };
  return { ...fixedModel("daq:main", exact), ...known };
}

/** Segments of one stream, each from its first row to its last. */
export function clockOf(
  ...segments: readonly (readonly [model: ClockModel, from: number, to: number])[]
): DaqClock {
  return {
    clock: "daq:main",
    segments: segments.map(([model, from, to]) => segmentFrom(model, from, to)),
  };
}
