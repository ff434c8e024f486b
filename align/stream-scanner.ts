// Blocks of the DAQ stream, in the order of the log → its outline, trigger edges, gaps and slices, in device
// time, and what the blocks say of the clock, segment by segment. Holds: one slice of rows at a time.

import { readCapture } from "../capture/log-reader.ts";
import { inRowOrder, type LateBlock, RowOrder } from "../capture/row-order.ts";
import { BLOCK_HEADER } from "../capture/wire.ts";
import { BlockFlag, type RowLayout, type SampleBlock } from "../schema/records.ts";
import type { Rig } from "../schema/rig.ts";
import { type Session, toSession } from "../schema/session.ts";
import type { SessionNs } from "../schema/time.ts";
import { Calibrator } from "./rows/calibrate.ts";
import { columnReader, type ColumnReader } from "./rows/decode.ts";
import type { Learned, Oddity } from "./rows/learned.ts";
import { RowWatch } from "./rows/row-watch.ts";
import { Outline } from "./clocks/outline.ts";
import type { SegmentScan } from "./scanned.ts";
import { type Level, LevelWatch } from "./rows/levels.ts";
import { SliceSums } from "./rows/slice-sums.ts";
import { type Slice, SLICE_ROWS, Slicer } from "./rows/slices.ts";
import { type Timebase, timebaseOf } from "./rows/timebase.ts";

/** Kept of a stream's segment; of a device that restarts again and again fewer, but enough for an envelope. */
const MAX_ARRIVALS = 4096;
const LEAST_ARRIVALS = 64;

/** Gathers a segment's evidence, block by block. */
class SegmentScanner implements SegmentScan {
  readonly firstDevice: number;
  lastDevice: number;
  readonly startStamp: SegmentScan["startStamp"];
  arrivals: { device: number; sessionNs: SessionNs }[] = [];
  blockTicks: { device: number; tick: bigint }[] = [];
  readonly #session: Session;
  readonly #most: number;
  #blocks = 0;
  #stride = 1;

  /** @param most arrivals to keep, even. */
  constructor(first: SampleBlock, begins: number, session: Session, most: number) {
    this.firstDevice = this.lastDevice = begins;
    this.startStamp = stampOf(first, session);
    this.#session = session;
    this.#most = most;
  }

  /** @param begins, ends device time of the block's first and last row. */
  add(b: SampleBlock, begins: number, ends: number): void {
    this.lastDevice = ends;
    this.#blocks++;
    if (b.hostAfter === null || this.#blocks % this.#stride !== 0) return;
    this.arrivals.push({ device: ends, sessionNs: toSession(this.#session, b.hostAfter) });
    if (b.deviceTick !== null) this.blockTicks.push({ device: begins, tick: b.deviceTick });
    if (this.arrivals.length < this.#most) return;
    const everyOther = (_: unknown, i: number): boolean => i % 2 === 0;
    this.arrivals = this.arrivals.filter(everyOther);
    this.blockTicks = this.blockTicks.filter(everyOther);
    this.#stride *= 2;
  }
}

function stampOf(b: SampleBlock, session: Session): SegmentScan["startStamp"] {
  if (b.hostBefore === null || b.hostAfter === null) return null;
  const [before, after] = [toSession(session, b.hostBefore), toSession(session, b.hostAfter)];
  return { ns: (before + after) / 2, halfNs: (after - before) / 2 };
}

/** Runs the timebase and the calibration over the stream once, in device time. */
export class StreamScanner {
  readonly layout: RowLayout;
  readonly outline = new Outline();
  rows = 0;
  blocks = 0;
  missingRows = 0;
  gaps = 0;
  pausedRows = 0;
  firstDevice = NaN;
  lastDevice = NaN;
  triggerEdges: { device: number; level: 0 | 1 }[] = [];
  readonly segments: SegmentScanner[] = [];
  readonly #trigger: ColumnReader | undefined;
  readonly #level = new Float64Array(SLICE_ROWS);
  #lastLevel = NaN;
  /** Of blocks, and of the rows worked on. */
  #nextIndex = -1;
  readonly #order = new RowOrder();
  #nextRow = -1;
  readonly #session: Session;
  readonly #rig: Rig;
  readonly timebase: Timebase;
  #calibrator: Calibrator | undefined;
  readonly #t = new Float64Array(SLICE_ROWS);
  readonly #flags = new Uint8Array(SLICE_ROWS);
  readonly #levels: LevelWatch;
  readonly #slicer: Slicer;
  #slices: SliceSums | null;
  #watch: RowWatch | undefined;
  readonly #learned: Learned | undefined;

  /** @param learned what another has learned of the same rows; without it, this one does. */
  constructor(layout: RowLayout, rig: Rig, session: Session, learned?: Learned) {
    this.#learned = learned;
    this.layout = layout;
    this.#rig = rig;
    this.#session = session;
    this.timebase = timebaseOf(layout, rig.device.clock.hz, rig.device.rowHz);
    this.#trigger = layout.trigger && columnReader(layout, layout.trigger);
    this.#levels = new LevelWatch(rig);
    this.#slicer = new Slicer(layout.rowBytes, this.timebase.isIndex);
    this.#slices = this.timebase.isIndex ? new SliceSums(rig) : null;
  }

  /** @param at of the record that holds the block. @param dataAt of its message's data. */
  add(b: SampleBlock, at: number, dataAt: number): void {
    // Not in the order of its index, or not to be read again: stretches of the log are no slices then.
    if (b.flags & (BlockFlag.duplicate | BlockFlag.reordered)) this.#slices = null;
    if (b.flags & BlockFlag.duplicate || b.rows === 0) return;
    // Late: left out here, in its place when the blocks are read in their order. Behind and marked as late: its
    // rows are there already.
    const place = this.#order.place(b, at);
    if (place !== "ahead") this.#slices = null;
    if (place === "late" || (place === "behind" && b.flags & BlockFlag.reordered)) return;
    if (this.#nextIndex >= 0 && b.firstIndex !== this.#nextIndex) {
      const missing = Math.max(0, b.firstIndex - this.#nextIndex);
      if (b.flags & BlockFlag.pause) this.pausedRows += missing;
      else {
        this.gaps++;
        this.missingRows += missing;
      }
    }
    this.#nextIndex = b.firstIndex + b.rows;
    let begins = NaN;
    for (const slice of this.#slicer.add(b, dataAt, dataAt + BLOCK_HEADER + b.bytes.byteLength)) {
      this.#addSlice(slice);
      if (Number.isNaN(begins)) begins = this.#t[0]!;
    }
    // Rows timed by their index may wait for more to come.
    const [from, to] = this.timebase.isIndex
      ? [b.firstIndex, b.firstIndex + b.rows - 1]
      : [begins, this.lastDevice];
    this.blocks++;
    const restarted = (b.flags & BlockFlag.restart) !== 0;
    if (restarted || this.segments.length === 0) this.#beginSegment(b, from);
    this.segments[this.segments.length - 1]!.add(b, from, to);
  }

  /** After the last block. */
  end(): void {
    for (const slice of this.#slicer.end()) this.#addSlice(slice);
  }

  get slices(): SliceSums | null {
    return this.#slices;
  }

  get levels(): readonly (Level | undefined)[] {
    return this.#levels.levels;
  }

  get late(): readonly LateBlock[] {
    return this.#order.late;
  }

  /** What the rows show of each other; undefined where each is what it says. */
  get learned(): Learned | undefined {
    return this.#learned ?? this.#watch?.learned();
  }

  get oddities(): readonly Oddity[] {
    return this.#watch?.oddities() ?? [];
  }

  /** Another that has seen the same log in the order of its rows. @param learned of them. */
  inOrder(path: string, learned?: Learned): StreamScanner {
    const { stream } = this.layout;
    const other = new StreamScanner(this.layout, this.#rig, this.#session, learned);
    const records = readCapture(path, { only: (t) => t === `daq/${stream}` });
    for (const r of inRowOrder(records, path, stream, this.late))
      if (r.kind === "rows") other.add(r.block, r.at, r.dataAt);
    other.end();
    other.#slices = null;
    return other;
  }

  #beginSegment(b: SampleBlock, begins: number): void {
    const most = Math.max(LEAST_ARRIVALS, MAX_ARRIVALS / (this.segments.length + 1));
    this.segments.push(new SegmentScanner(b, begins, this.#session, most & ~1));
  }

  #addSlice(b: Slice): void {
    const values = (this.#calibrator ??= this.#newCalibrator());
    const { isIndex } = this.timebase;
    const { totalW, clippedRows } = values;
    values.read(b, this.#flags);
    this.#watch?.add(b.firstIndex, b.rows);
    const isClipped = values.clippedRows > clippedRows;
    if (isClipped) this.#flags.fill(0);
    this.#slices?.add(b, values, !isClipped);
    this.#levels.add(values, b.rows);
    if (isIndex) this.outline.addEven(b.firstIndex, totalW, b.rows, values.kernels);
    if (!isIndex || this.#trigger) this.timebase.read(b, this.#t);
    if (!isIndex) this.outline.add(this.#t, totalW, b.rows);
    const [first, last] = isIndex
      ? [b.firstIndex, b.firstIndex + b.rows - 1]
      : [this.#t[0]!, this.#t[b.rows - 1]!];
    if (this.rows === 0) this.firstDevice = first;
    // Nothing goes on from the row before a restart.
    if (b.flags & BlockFlag.restart) this.#nextRow = -1;
    if (this.#trigger) this.#findEdges(b);
    this.#nextRow = b.firstIndex + b.rows;
    this.rows += b.rows;
    this.lastDevice = last;
  }

  #newCalibrator(): Calibrator {
    const learned = this.#learned;
    const o = { steps: this.#slices !== null, learned };
    const values = new Calibrator(this.layout, this.#rig, SLICE_ROWS, o);
    if (!learned) this.#watch = new RowWatch(this.#rig, values);
    if (!values.alwaysNumbers || !values.standsAlone) this.#slices = null;
    return values;
  }

  /** An edge hidden by a gap is not dated: it is missing, and says so by its absence. */
  #findEdges(b: SampleBlock): void {
    const level = this.#level;
    this.#trigger!(b.bytes, b.rows, level);
    const contiguous = b.firstIndex === this.#nextRow;
    let [last, t] = contiguous ? [this.#lastLevel, this.lastDevice] : [level[0]!, this.#t[0]!];
    for (let i = 0; i < b.rows; i++) {
      if (level[i] !== last)
        this.triggerEdges.push({ device: (t + this.#t[i]!) / 2, level: level[i] === 1 ? 1 : 0 });
      last = level[i]!;
      t = this.#t[i]!;
    }
    this.#lastLevel = last;
  }
}
