// The second pass: every sample of the DAQ stream, calibrated, on the session clock, in runs without
// gaps. Columns are reused: a run is valid until the next one is asked for.

import { type CaptureRecord, readCapture } from "../capture/log-reader.ts";
import { BlockFlag, type SampleBlock } from "../schema/records.ts";
import { Calibrator, type RailColumns, RowFlag } from "./calibrate.ts";
import { type ClockModel, mapColumn } from "./clock.ts";
import type { Scan, StreamScan } from "./scan.ts";
import { timebaseOf } from "./timebase.ts";

/** Rows [from, to) of the columns form one run; before `from` lies a gap if `gapBefore`. */
export interface AlignedRun {
  readonly from: number;
  readonly to: number;
  readonly gapBefore: boolean;
  readonly tNs: Float64Array;
  readonly rails: readonly RailColumns[];
  readonly totalW: Float64Array;
  readonly flags: Uint8Array;
}

export interface TimelineCounts {
  rows: number;
  gaps: number;
  /** Rows whose time does not advance, and rows with a value that is no number: not integrated. */
  backwards: number;
  notNumbers: number;
  clipped: number;
}

/** A distance of more than this many row periods is a gap (mission: 250 ms at a 100 ms period). */
export const GAP_PERIODS = 2.5;

export class Timeline {
  readonly counts: TimelineCounts = { rows: 0, gaps: 0, backwards: 0, notNumbers: 0, clipped: 0 };
  readonly rails: readonly string[];
  readonly #scan: Pick<Scan, "path" | "rig">;
  readonly #stream: Pick<StreamScan, "layout" | "maxRows">;
  readonly #model: ClockModel;
  #lastNs = -Infinity;

  constructor(
    scan: Pick<Scan, "path" | "rig">,
    stream: Pick<StreamScan, "layout" | "maxRows">,
    model: ClockModel,
  ) {
    this.#scan = scan;
    this.#stream = stream;
    this.#model = model;
    this.rails = scan.rig!.rails.map((r) => r.name);
  }

  /** Streams the capture once, in order. */
  *runs(onProgress?: (done: number, total: number) => void): Generator<AlignedRun> {
    const topic = `daq/${this.#stream.layout.stream}`;
    const options = { only: (t: string) => t === topic, ...(onProgress ? { onProgress } : {}) };
    yield* this.align(blocksIn(readCapture(this.#scan.path, options)));
  }

  /** The same for blocks from anywhere; they must come in stream order. */
  *align(blocks: Iterable<SampleBlock>): Generator<AlignedRun> {
    const { layout, maxRows } = this.#stream;
    const rig = this.#scan.rig!;
    const timebase = timebaseOf(layout, rig.device.clock.hz, rig.device.rowHz);
    const calibrator = new Calibrator(layout, rig, maxRows);
    const tNs = new Float64Array(maxRows);
    const flags = new Uint8Array(maxRows);
    this.#lastNs = -Infinity;
    for (const block of blocks) {
      const { rows } = block;
      if (block.flags & BlockFlag.duplicate || rows === 0) continue;
      timebase.read(block, tNs);
      mapColumn(this.#model, tNs, rows);
      flags.fill(0, 0, rows);
      calibrator.read(block, flags);
      yield* this.#split(block, tNs, flags, calibrator);
      this.counts.rows += rows;
    }
    this.counts.clipped = calibrator.clippedRows;
  }

  /** Cuts a block where time jumps, stands still or a value is missing. */
  *#split(
    block: SampleBlock,
    tNs: Float64Array,
    flags: Uint8Array,
    calibrator: Calibrator,
  ): Generator<AlignedRun> {
    const limit = (GAP_PERIODS * 1e9) / this.#scan.rig!.device.rowHz;
    const { rails, totalW } = calibrator;
    let previous = this.#lastNs;
    let gapBefore = (block.flags & BlockFlag.gapBefore) !== 0;
    let from = 0;
    for (let i = 0; i < block.rows; i++) {
      const step = tNs[i]! - previous;
      const valid = totalW[i]! - totalW[i]! === 0; // false for NaN and ±Infinity
      if (valid && step > 0 && (step <= limit || previous === -Infinity)) {
        previous = tNs[i]!;
        continue;
      }
      if (i > from) yield this.#run({ from, to: i, gapBefore, tNs, rails, totalW, flags });
      gapBefore = true;
      const usable = valid && step > 0;
      if (!valid) this.counts.notNumbers++;
      else if (!usable) this.counts.backwards++;
      from = usable ? i : i + 1;
      if (usable) previous = tNs[i]!;
    }
    this.#lastNs = previous;
    if (from < block.rows)
      yield this.#run({ from, to: block.rows, gapBefore, tNs, rails, totalW, flags });
  }

  #run(run: AlignedRun): AlignedRun {
    if (!run.gapBefore) return run;
    this.counts.gaps++;
    run.flags[run.from]! |= RowFlag.gapBefore;
    return run;
  }
}

function* blocksIn(records: Iterable<CaptureRecord>): Generator<SampleBlock> {
  for (const r of records) if (r.kind === "rows") yield r.block;
}
