// A log → the blocks of a stream's rows, in their order, however they were found: by the stretches that the first
// pass kept, by the frames that it noted, or by looking for them.

import { type CaptureRecord, readCapture, readRowsAt } from "../../capture/log-reader.ts";
import { inRowOrder } from "../../capture/row-order.ts";
import { RowRanges } from "../../capture/row-range.ts";
import type { RowLayout, SampleBlock } from "../../schema/records.ts";
import type { StreamScan } from "../scanned.ts";
import type { SliceSums } from "./slice-sums.ts";

/** Of a scan: the layout of the rows, the blocks that stand out of order, and what is known of single rows. */
export type StreamOrder = Pick<StreamScan, "layout"> &
  Partial<Pick<StreamScan, "late" | "frames" | "learned" | "slices">>;

type Progress = (done: number, total: number) => void;

/** Of the log at a time. */
const READ_BYTES = 1 << 18;

/** Every block once: the frames that the scan found whole. */
export function rowBlocks(
  path: string,
  { layout, frames, late = [], slices }: StreamOrder,
  onProgress?: Progress,
): Iterable<SampleBlock> {
  if (slices) return blocksOf(slices, path, layout, onProgress);
  const { stream } = layout;
  const rows = readRowsAt(path, frames ?? rowFrames(path), stream, onProgress);
  return blocksIn(inRowOrder(rows, path, stream, late));
}

/** Of stretches that follow one another in the log, read many at a time. */
function* blocksOf(
  slices: SliceSums,
  path: string,
  layout: RowLayout,
  onProgress?: Progress,
): Generator<SampleBlock> {
  const log = new RowRanges(path, layout);
  try {
    for (let i = 0; i < slices.count;) {
      const { firstIndex, from } = slices.at(i);
      let [rows, to] = [0, from];
      for (; i < slices.count; i++) {
        const next = slices.at(i);
        // All of one block together, however large it is.
        if (rows > 0 && next.to > to && next.to - from > READ_BYTES) break;
        rows += next.rows;
        to = next.to;
      }
      yield* log.rows({ firstIndex, rows, from, to });
      onProgress?.(to, log.size);
    }
    onProgress?.(log.size, log.size);
  } finally {
    log.close();
  }
}

function* blocksIn(records: Iterable<CaptureRecord>): Generator<SampleBlock> {
  for (const r of records) if (r.kind === "rows") yield r.block;
}

/** Where the frames with rows lie, for a log that nothing scanned before. */
function rowFrames(path: string): number[] {
  const frames: number[] = [];
  const only = (): boolean => false;
  for (const _ of readCapture(path, { only, onRows: (at) => frames.push(at) })) void _;
  return frames;
}
