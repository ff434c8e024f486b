// What is counted of our own DAQ, and what the counters mean to whoever reads the run.

import type { LossTexts } from "../../stream/loss-notes.ts";
import type { DecoderCounts } from "./frame-decoder.ts";

/** Decoder's counters and the device's own. */
export interface DaqCounts extends DecoderCounts {
  /** Frames the device says it dropped, rows it lost before a block, times and ticks it was stalled. */
  readonly deviceDropped: number;
  readonly deviceOverrun: number;
  readonly deviceStalls: number;
  readonly deviceEdgesDropped: number;
}

export const DAQ_LOSSES: LossTexts<DaqCounts> = [
  ["framesLost", "loss", "frames lost"],
  ["rowsLost", "loss", "rows lost"],
  ["deviceDropped", "loss", "frames dropped by the device because its buffers were full"],
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
