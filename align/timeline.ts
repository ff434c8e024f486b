// The second pass: every sample of the DAQ stream, calibrated, on the session clock, in runs without
// gaps. Columns are reused: a run is valid until the next one is asked for.

import { type CaptureRecord, readCapture, readRowsAt } from "../capture/log-reader.ts";
import { inRowOrder } from "../capture/row-order.ts";
import { RowRanges } from "../capture/row-range.ts";
import { BlockFlag, type RowLayout, type SampleBlock } from "../schema/records.ts";
import { Calibrator, type RailColumns, RowFlag } from "./rows/calibrate.ts";
import type { Kernels } from "./rows/kernels.ts";
import { type ClockModel, fittedSpan, mapColumn } from "./clocks/clock.ts";
import { ramp } from "../stats/columns.ts";
import type { SessionNs } from "../schema/time.ts";
import type { Scan, StreamScan } from "./scanned.ts";
import { type DaqClock, segmentOf } from "./clocks/segments.ts";
import {
  KEPT_ROWS,
  keptColumns,
  keptTimes,
  type SliceSums,
  type Stretch,
} from "./rows/slice-sums.ts";
import { SLICE_ROWS, Slicer } from "./rows/slices.ts";
import { type Timebase, timebaseOf } from "./rows/timebase.ts";

/** Rows [from, to) of the columns form one run; before `from` lies a gap if `gapBefore`. */
export interface AlignedRun {
  readonly from: number;
  readonly to: number;
  readonly gapBefore: boolean;
  /** That gap is one in which nothing was taken, by the source's own word: no loss, and no Joules. */
  readonly pauseBefore?: boolean;
  readonly tNs: Float64Array;
  readonly rails: readonly RailColumns[];
  readonly totalW: Float64Array;
  readonly flags: Uint8Array;
  /** Distance of the rows where all are equally far apart: timed by their index. */
  readonly periodNs?: number | undefined;
  /** P, I, V of each rail summed over the run, then STEP_SUMS of the total, where that is at hand. */
  readonly sums?: Float64Array | undefined;
  /** In whose memory its columns of power, current and voltage lie, where they do. */
  readonly kernels?: Pick<Kernels, "means" | "narrow"> | undefined;
  /**
   * The run is of so many rows, and its columns hold but six: its first and its last three; of a rail's columns
   * the very first and last alone. It goes on from the run before.
   */
  readonly condensedRows?: number;
}

export interface TimelineCounts {
  rows: number;
  gaps: number;
  /** Rows whose time does not advance, and rows with a value that is no number: not integrated. */
  backwards: number;
  notNumbers: number;
  clipped: number;
  /** Stretches with clipped rows, session ns, ascending; near ones are joined when there are many. */
  readonly clippedSpans: [SessionNs, SessionNs][];
}

/** Of a scan: the layout of the rows, and the blocks that stand out of order. */
type StreamOrder = Pick<StreamScan, "layout"> &
  Partial<Pick<StreamScan, "late" | "frames" | "slices">>;

/** What one time through the stream needs. */
interface Pass {
  readonly timebase: Timebase;
  readonly calibrator: Calibrator;
  readonly slicer: Slicer;
  readonly tNs: Float64Array;
  readonly flags: Uint8Array;
  /** Rows at which the clock's line bends or starts again, ascending, and the next of them. */
  readonly bends: readonly number[];
  bend: number;
}

/** Used again and again. */
interface Condensed extends AlignedRun {
  readonly sums: Float64Array;
  condensedRows: number;
  periodNs: number;
}

const MAX_SPANS = 10_000;
/** Of the log at a time. */
const READ_BYTES = 1 << 18;

/** A distance of more than this many row periods is a gap (mission: 250 ms at a 100 ms period). */
export const GAP_PERIODS = 2.5;

export class Timeline {
  readonly counts: TimelineCounts = {
    rows: 0,
    gaps: 0,
    backwards: 0,
    notNumbers: 0,
    clipped: 0,
    clippedSpans: [],
  };
  readonly rails: readonly string[];
  readonly #scan: Pick<Scan, "path" | "rig">;
  readonly #stream: StreamOrder;
  readonly #clock: DaqClock;
  readonly #limitNs: number;
  /** Of the segment at hand. */
  #model: ClockModel;
  #fitted: readonly [number, number];
  #lastNs = -Infinity;
  readonly #ends = new Float64Array(2);

  constructor(scan: Pick<Scan, "path" | "rig">, stream: StreamOrder, clock: DaqClock) {
    this.#scan = scan;
    this.#stream = stream;
    this.#clock = clock;
    this.#limitNs = (GAP_PERIODS * 1e9) / scan.rig!.device.rowHz;
    this.#model = clock.segments[0]!.model;
    this.#fitted = fittedSpan(this.#model);
    this.rails = scan.rig!.rails.map((r) => r.name);
  }

  /** Streams the capture once, in order: the frames that its scan found whole. */
  *runs(onProgress?: (done: number, total: number) => void): Generator<AlignedRun> {
    const { layout, frames, late = [], slices } = this.#stream;
    const { path } = this.#scan;
    if (slices) {
      yield* this.align(blocksOf(slices, path, layout, onProgress));
      return;
    }
    const { stream } = layout;
    const rows = readRowsAt(path, frames ?? rowFrames(path), stream, onProgress);
    yield* this.align(blocksIn(inRowOrder(rows, path, stream, late)));
  }

  /** The same for blocks from anywhere; they must come in stream order. */
  *align(blocks: Iterable<SampleBlock>): Generator<AlignedRun> {
    const pass = this.#begin();
    yield* this.#aligned(blocks, pass);
    this.counts.clipped = pass.calibrator.clippedRows;
  }

  /**
   * The stream once, in order, as {@link runs} gives it, but for stretches that nobody looks into: of those the
   * sums that the scan kept, condensed.
   * @param nextNs the next instant that somebody looks at; asked again and again.
   */
  *around(
    nextNs: () => SessionNs,
    onProgress?: (done: number, total: number) => void,
  ): Generator<AlignedRun> {
    const { slices, layout } = this.#stream;
    const { path, rig } = this.#scan;
    if (!slices || slices.rig !== rig) {
      yield* this.runs(onProgress);
      return;
    }
    const pass = this.#begin();
    const tNs = new Float64Array(KEPT_ROWS);
    const { flags } = pass;
    const ends = { from: 0, to: KEPT_ROWS, gapBefore: false, condensedRows: 0, periodNs: 0 };
    const kept: Condensed = { ...keptColumns(rig), tNs, flags, ...ends };
    const log = new RowRanges(path, layout);
    try {
      for (let i = 0; i < slices.count; i++) {
        const s = slices.at(i);
        const isCondensed = s.isPlain && this.#passesOver(s, pass, nextNs, kept.tNs);
        if (isCondensed) {
          slices.read(i, kept.sums, kept.rails, kept.totalW);
          yield this.#condensed(s.rows, kept);
        } else {
          yield* this.#aligned(log.rows(s), pass);
          onProgress?.(s.to, log.size);
        }
      }
      onProgress?.(log.size, log.size);
    } finally {
      log.close();
    }
    this.counts.clipped = pass.calibrator.clippedRows;
  }

  #begin(): Pass {
    const { layout } = this.#stream;
    const rig = this.#scan.rig!;
    const timebase = timebaseOf(layout, rig.device.clock.hz, rig.device.rowHz);
    this.#lastNs = -Infinity;
    const bends = this.#bends();
    return {
      timebase,
      calibrator: new Calibrator(layout, rig, SLICE_ROWS),
      slicer: new Slicer(layout.rowBytes, timebase.isIndex, bends),
      tNs: new Float64Array(SLICE_ROWS),
      flags: new Uint8Array(SLICE_ROWS),
      bends,
      bend: 0,
    };
  }

  *#aligned(blocks: Iterable<SampleBlock>, pass: Pass): Generator<AlignedRun> {
    const { timebase, calibrator, slicer, tNs, flags } = pass;
    for (const slice of this.#slices(blocks, slicer)) {
      const periodNs = this.#times(timebase, slice, tNs);
      flags.fill(0, 0, slice.rows);
      const clipped = calibrator.clippedRows;
      calibrator.read(slice, flags);
      if (calibrator.clippedRows > clipped) this.#noteClipped(tNs, flags, slice.rows);
      yield* this.#split(slice, tNs, flags, calibrator, periodNs);
      this.counts.rows += slice.rows;
    }
  }

  /**
   * Whether the rows of a stretch simply go on in time from those before, and nobody looks into them. Fills `tNs`
   * with the times of its first and last rows.
   */
  #passesOver(
    { firstIndex, rows }: Stretch,
    pass: Pass,
    nextNs: () => SessionNs,
    tNs: Float64Array,
  ): boolean {
    const { bends } = pass;
    while (bends[pass.bend]! < firstIndex) pass.bend++;
    if (bends[pass.bend]! < firstIndex + rows) return false;
    this.#enter(firstIndex);
    const [first, periodNs] = this.#line(firstIndex, rows);
    keptTimes(first, periodNs, rows, tNs);
    const step = first - this.#lastNs;
    const goesOn = step > 0 && step <= this.#limitNs && periodNs > 1 && periodNs <= this.#limitNs;
    return goesOn && nextNs() > tNs[KEPT_ROWS - 1]!;
  }

  #condensed(rows: number, kept: Condensed): AlignedRun {
    const [first, last] = [kept.tNs[0]!, kept.tNs[KEPT_ROWS - 1]!];
    this.counts.rows += rows;
    this.#lastNs = last;
    kept.condensedRows = rows;
    kept.periodNs = (last - first) / (rows - 1);
    return kept;
  }

  /** Time runs straight through a slice, so none reaches over a knot of the clock's wander or into a segment. */
  #bends(): number[] {
    const bends = this.#clock.segments.flatMap(({ model, fromDevice }) => [
      fromDevice,
      ...(model.wander?.device ?? []),
    ]);
    return bends.sort((a, b) => a - b);
  }

  *#slices(blocks: Iterable<SampleBlock>, slicer: Slicer): Generator<SampleBlock> {
    // Late blocks stand in their places by now; one still marked so has its rows there already.
    const there = BlockFlag.duplicate | BlockFlag.reordered;
    for (const block of blocks) if (!(block.flags & there)) yield* slicer.add(block);
    yield* slicer.end();
  }

  /** Session time of each row. @returns the distance of the rows where it is one and the same. */
  #times(timebase: Timebase, block: SampleBlock, tNs: Float64Array): number | undefined {
    const { rows, firstIndex } = block;
    if (!timebase.isIndex) {
      timebase.read(block, tNs);
      this.#enter(tNs[0]!);
      mapColumn(this.#model, tNs, rows);
      return undefined;
    }
    this.#enter(firstIndex);
    const [first, periodNs] = this.#line(firstIndex, rows);
    ramp(first, periodNs, tNs, rows);
    return periodNs;
  }

  /** Rows timed by their index, within a segment and between two bends: the first one's time, and their distance. */
  #line(firstIndex: number, rows: number): [SessionNs, number] {
    const ends = this.#ends;
    ends[0] = firstIndex;
    ends[1] = firstIndex + rows - 1;
    mapColumn(this.#model, ends, 2);
    const [first, last] = [ends[0], ends[1]];
    return [first, rows > 1 ? (last - first) / (rows - 1) : this.#model.nsPerUnit];
  }

  /** Rows from this device time on belong to one segment: a restart begins a block. */
  #enter(device: number): void {
    const { model } = segmentOf(this.#clock, device);
    if (model === this.#model) return;
    this.#model = model;
    this.#fitted = fittedSpan(model);
  }

  /** Cuts a block where time jumps, stands still or a value is missing. */
  *#split(
    block: SampleBlock,
    tNs: Float64Array,
    flags: Uint8Array,
    calibrator: Calibrator,
    periodNs: number | undefined,
  ): Generator<AlignedRun> {
    const limit = this.#limitNs;
    const { rails, totalW, sums, kernels } = calibrator;
    const { rows } = block;
    // One shape for all runs, so that who reads them is fast.
    const cut = (to: number): AlignedRun => ({
      from,
      to,
      gapBefore,
      pauseBefore,
      tNs,
      rails,
      totalW,
      flags,
      periodNs,
      kernels,
      sums: from === 0 && to === rows ? sums : undefined,
    });
    let previous = this.#lastNs;
    let gapBefore = (block.flags & (BlockFlag.gapBefore | BlockFlag.restart)) !== 0;
    let pauseBefore = (block.flags & BlockFlag.pause) !== 0;
    let from = 0;
    // Counts timed by their index go on to the block's end if they go on at all.
    const smooth =
      calibrator.alwaysNumbers && periodNs !== undefined && periodNs > 1 && periodNs <= limit;
    const simple = smooth && firstBreak(tNs, totalW, 0, 1, previous, limit) === 1;
    for (let i = simple ? rows : 0; i < rows; i++) {
      const next = firstBreak(tNs, totalW, i, rows, previous, limit);
      if (next > i) previous = tNs[next - 1]!;
      i = next;
      if (i === rows) break;
      if (i > from) {
        yield this.#run(cut(i));
        pauseBefore = false;
      }
      gapBefore = true;
      const valid = isNumber(totalW[i]!);
      const usable = valid && tNs[i]! > previous;
      if (!valid) this.counts.notNumbers++;
      else if (!usable) this.counts.backwards++;
      from = usable ? i : i + 1;
      if (usable) previous = tNs[i]!;
    }
    this.#lastNs = simple ? tNs[rows - 1]! : previous;
    if (from < rows) yield this.#run(cut(rows));
  }

  #noteClipped(tNs: Float64Array, flags: Uint8Array, rows: number): void {
    const spans = this.counts.clippedSpans;
    const joinNs = spans.length < MAX_SPANS ? this.#limitNs : Infinity;
    for (let i = 0; i < rows; i++) {
      if ((flags[i]! & RowFlag.clipped) === 0) continue;
      const last = spans[spans.length - 1];
      if (last && tNs[i]! - last[1] <= joinNs) last[1] = tNs[i]!;
      else spans.push([tNs[i]!, tNs[i]!]);
    }
  }

  /** Rows before the first or after the last edge: their time rests on the line carried on. */
  #markOutside({ tNs, from, to, flags }: AlignedRun): void {
    const [lo, hi] = this.#fitted;
    if (tNs[from]! >= lo && tNs[to - 1]! <= hi) return;
    for (let i = from; i < to; i++) {
      const t = tNs[i]!;
      if (t < lo || t > hi) flags[i]! |= RowFlag.outsideFit;
    }
  }

  #run(run: AlignedRun): AlignedRun {
    this.#markOutside(run);
    if (!run.gapBefore) return run;
    if (!run.pauseBefore) this.counts.gaps++;
    run.flags[run.from]! |= RowFlag.gapBefore;
    return run;
  }
}

/** Of stretches that follow one another in the log, read many at a time. */
function* blocksOf(
  slices: SliceSums,
  path: string,
  layout: RowLayout,
  onProgress?: (done: number, total: number) => void,
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

/** First row in [from, rows) that does not simply go on: time jumps or stands still, or no number. */
function firstBreak(
  tNs: Float64Array,
  totalW: Float64Array,
  from: number,
  rows: number,
  previousNs: number,
  limitNs: number,
): number {
  let previous = previousNs;
  for (let i = from; i < rows; i++) {
    const t = tNs[i]!;
    const step = t - previous;
    const goesOn = step > 0 && (step <= limitNs || step === Infinity);
    if (!goesOn || !isNumber(totalW[i]!)) return i;
    previous = t;
  }
  return rows;
}

/** False for NaN and ±Infinity. */
const isNumber = (x: number): boolean => x - x === 0;
