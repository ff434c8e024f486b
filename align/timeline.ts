// The second pass: every sample of the DAQ stream, calibrated, on the session clock, in runs without
// gaps. Columns are reused: a run is valid until the next one is asked for.

import { RowRanges } from "../capture/row-range.ts";
import { BlockFlag, type SampleBlock } from "../schema/records.ts";
import type { Rig } from "../schema/rig.ts";
import { Calibrator, type RailColumns } from "./rows/calibrate.ts";
import { firstBreak, isNumber } from "./rows/breaks.ts";
import { RowFlag } from "./rows/row-flags.ts";
import type { Kernels } from "./rows/kernels.ts";
import type { Dropped, Implausible } from "./rows/plausible.ts";
import { type ClockModel, fittedSpan, mapColumn } from "./clocks/clock.ts";
import { ramp } from "../stats/columns.ts";
import type { SessionNs } from "../schema/time.ts";
import { endsOf, valueAt } from "../stats/places.ts";
import { rowBlocks, type StreamOrder } from "./rows/row-blocks.ts";
import { type DaqClock, segmentOf } from "./clocks/segments.ts";
import { KEPT_ROWS, keptColumns, keptTimes, type Stretch } from "./rows/slice-sums.ts";
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
  /** Some of its rows may be clipped: `flags` says which. */
  readonly hasClipped?: boolean;
  /** Distance of the rows where all are equally far apart: timed by their index. */
  readonly periodNs?: number | undefined;
  /** P, I, V of each rail summed over the run, then STEP_SUMS of the total, where that is at hand. */
  readonly sums?: Float64Array | undefined;
  /** In whose memory its columns of power, current and voltage lie, where they do. */
  readonly kernels?: Pick<Kernels, "means" | "narrow"> | undefined;
  /**
   * The run is of so many rows, and its columns hold but two: its first and its last. It goes on from the run
   * before.
   */
  readonly condensedRows?: number;
}

export interface TimelineCounts {
  rows: number;
  gaps: number;
  /** Rows whose time does not advance, and rows with a value that is no number: not integrated. */
  backwards: number;
  notNumbers: number;
  /** Rows with a value that cannot be, by rail and quantity: not integrated. */
  implausible: readonly Implausible[];
  /** Rows that are dropped samples, by rail: not integrated. */
  dropped: readonly Dropped[];
  clipped: number;
  /** Stretches with clipped rows, session ns, ascending; near ones are joined when there are many. */
  readonly clippedSpans: [SessionNs, SessionNs][];
}

/** Of a scan: where its log is, and the rig that its rows are read by. */
interface Source {
  readonly path: string;
  readonly rig: Rig;
}

/** Rows of one slice, as they are aligned. */
interface AlignedSlice {
  readonly block: SampleBlock;
  /** Distance of its rows where it is one and the same. */
  readonly periodNs: number | undefined;
  readonly hasClipped: boolean;
}

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

/** A distance of more than this many row periods is a gap (mission: 250 ms at a 100 ms period). */
export const GAP_PERIODS = 2.5;

export class Timeline {
  readonly counts: TimelineCounts = {
    rows: 0,
    gaps: 0,
    backwards: 0,
    notNumbers: 0,
    implausible: [],
    dropped: [],
    clipped: 0,
    clippedSpans: [],
  };
  readonly rails: readonly string[];
  readonly #scan: Source;
  readonly #stream: StreamOrder;
  readonly #clock: DaqClock;
  readonly #limitNs: number;
  /** Of the segment at hand. */
  #model: ClockModel;
  #fitted: readonly [number, number];
  #lastNs = -Infinity;
  readonly #ends = new Float64Array(2);

  constructor(scan: Source, stream: StreamOrder, clock: DaqClock) {
    this.#scan = scan;
    this.#stream = stream;
    this.#clock = clock;
    this.#limitNs = (GAP_PERIODS * 1e9) / scan.rig.device.rowHz;
    [{ model: this.#model }] = endsOf(clock.segments);
    this.#fitted = fittedSpan(this.#model);
    this.rails = scan.rig.rails.map((r) => r.name);
  }

  /** Streams the capture once, in order: the frames that its scan found whole. */
  *runs(onProgress?: (done: number, total: number) => void): Generator<AlignedRun> {
    yield* this.align(rowBlocks(this.#scan.path, this.#stream, onProgress));
  }

  /** The same for blocks from anywhere; they must come in stream order. */
  *align(blocks: Iterable<SampleBlock>): Generator<AlignedRun> {
    const pass = this.#begin();
    yield* this.#aligned(blocks, pass);
    this.#count(pass.calibrator);
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
    this.#count(pass.calibrator);
  }

  #count({ clippedRows, implausible, dropped }: Calibrator): void {
    this.counts.clipped = clippedRows;
    this.counts.implausible = implausible;
    this.counts.dropped = dropped;
  }

  #begin(): Pass {
    const { layout, learned } = this.#stream;
    const { rig } = this.#scan;
    const timebase = timebaseOf(layout, rig.device.clock.hz, rig.device.rowHz);
    this.#lastNs = -Infinity;
    const bends = this.#bends();
    return {
      timebase,
      calibrator: new Calibrator(layout, rig, SLICE_ROWS, { learned }),
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
      const hasClipped = calibrator.clippedRows > clipped;
      if (hasClipped) this.#noteClipped(tNs, flags, slice.rows);
      yield* this.#split({ block: slice, periodNs, hasClipped }, pass);
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
    const nextBend = (): number => bends[pass.bend] ?? Infinity;
    while (nextBend() < firstIndex) pass.bend++;
    if (nextBend() < firstIndex + rows) return false;
    this.#enter(firstIndex);
    const [first, periodNs] = this.#line(firstIndex, rows);
    keptTimes(first, periodNs, rows, tNs);
    const step = first - this.#lastNs;
    const goesOn = step > 0 && step <= this.#limitNs && periodNs > 1 && periodNs <= this.#limitNs;
    return goesOn && nextNs() > valueAt(tNs, 1);
  }

  #condensed(rows: number, kept: Condensed): AlignedRun {
    const [first, last] = endsOf(kept.tNs);
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
      this.#enter(valueAt(tNs, 0));
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
  *#split({ block, periodNs, hasClipped }: AlignedSlice, pass: Pass): Generator<AlignedRun> {
    const { tNs, flags, calibrator } = pass;
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
      hasClipped,
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
    const all = { tNs, totalW, rows };
    const simple = smooth && firstBreak({ ...all, rows: 1 }, 0, previous, limit) === 1;
    for (let i = simple ? rows : 0; i < rows; i++) {
      const next = firstBreak(all, i, previous, limit);
      if (next > i) previous = tNs[next - 1]!;
      i = next;
      if (i === rows) break;
      if (i > from) {
        yield this.#run(cut(i));
        pauseBefore = false;
      }
      gapBefore = true;
      const t = tNs[i]!;
      const valid = isNumber(totalW[i]!);
      const usable = valid && t > previous;
      if (!valid) this.counts.notNumbers += flags[i]! & RowFlag.implausible ? 0 : 1;
      else if (!usable) this.counts.backwards++;
      from = usable ? i : i + 1;
      if (usable) previous = t;
    }
    this.#lastNs = simple ? valueAt(tNs, rows - 1) : previous;
    if (from < rows) yield this.#run(cut(rows));
  }

  #noteClipped(tNs: Float64Array, flags: Uint8Array, rows: number): void {
    const spans = this.counts.clippedSpans;
    const joinNs = spans.length < MAX_SPANS ? this.#limitNs : Infinity;
    for (let i = 0; i < rows; i++) {
      if ((flags[i]! & RowFlag.clipped) === 0) continue;
      const t = tNs[i]!;
      const last = spans[spans.length - 1];
      if (last && t - last[1] <= joinNs) last[1] = t;
      else spans.push([t, t]);
    }
  }

  /** Rows before the first or after the last edge: their time rests on the line carried on. */
  #markOutside({ tNs, from, to, flags }: AlignedRun): void {
    const [lo, hi] = this.#fitted;
    if (valueAt(tNs, from) >= lo && valueAt(tNs, to - 1) <= hi) return;
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
