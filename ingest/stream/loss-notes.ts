// Counters then and now → what to tell, one note a kind and interval, however much went wrong in it.

import type { Note } from "../../schema/records.ts";
import type { Instant } from "../../schema/time.ts";
import type { DecoderCounts } from "../instruments/truejoule-daq/frame-decoder.ts";

/** Decoder's counters and the device's own. */
export interface DaqCounts extends DecoderCounts {
  /** Frames the device says it dropped, rows it lost before a block, times and ticks it was stalled. */
  deviceDropped: number;
  deviceOverrun: number;
  deviceStalls: number;
  deviceEdgesDropped: number;
  reconnects: number;
}

/** What counters mean to whoever reads the run. */
export type LossTexts<Counts> = readonly (readonly [
  counter: keyof Counts & string,
  level: Note["level"],
  text: string,
])[];

export const DAQ_LOSSES: LossTexts<DaqCounts> = [
  ["framesLost", "loss", "frames lost"],
  ["rowsLost", "loss", "rows lost"],
  ["deviceDropped", "loss", "frames dropped by the device for want of room"],
  ["deviceOverrun", "loss", "rows overrun inside the device"],
  ["edgesLost", "loss", "trigger edges lost"],
  ["deviceEdgesDropped", "loss", "trigger edges the device could not report"],
  ["edgesUnplaced", "loss", "trigger edges inside gaps, or without rows"],
  ["edgesWrong", "loss", "trigger edges whose tick, row or number cannot be, not used"],
  ["exchangesWrong", "loss", "clock exchanges whose ticks cannot be, not used"],
  ["readingsWrong", "loss", "readings whose end cannot be, not used"],
  [
    "deviceStalls",
    "info",
    "pauses of 10 ms or more in which the host took nothing, by the device's count",
  ],
  ["badFrames", "warning", "damaged frames"],
  ["skippedBytes", "warning", "bytes that were no frame"],
  ["duplicates", "warning", "duplicate frames"],
  ["reordered", "warning", "frames out of order"],
  ["numberFaults", "warning", "breaks in the frames' numbers where the rows went on"],
  ["indexFaults", "loss", "blocks whose row index or tick cannot be, not used"],
  ["malformed", "warning", "malformed records"],
  ["otherVersion", "warning", "frames of another protocol version"],
];

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
