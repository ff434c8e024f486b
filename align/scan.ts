// The first pass: a capture log → everything in it that is small, plus an outline of the DAQ stream in
// device time. The second pass (timeline.ts) streams the samples again with the clocks known.

import { createHash } from "node:crypto";
import { type Damage, readCapture, type ReadOptions } from "../capture/log-reader.ts";
import { NumberPages } from "../capture/number-pages.ts";
import { inRowOrder, type LateBlock, RowOrder } from "../capture/row-order.ts";
import type { LogReading } from "../capture/unchanged.ts";
import { BLOCK_HEADER } from "../capture/wire.ts";
import { inputError } from "../schema/errors.ts";
import {
  BlockFlag,
  type ClockExchange,
  type Edge,
  type Mark,
  type Note,
  type RowLayout,
  type SampleBlock,
  type TelemetryChannel,
  type TelemetryRead,
} from "../schema/records.ts";
import type { Rig } from "../schema/rig.ts";
import { type Session, toSession } from "../schema/session.ts";
import type { SessionNs } from "../schema/time.ts";
import { Calibrator } from "./calibrate.ts";
import { KernelCollector, type KernelTable } from "./cuda-kernels.ts";
import { columnReader, type ColumnReader } from "./decode.ts";
import { withDeviceSkew } from "./device-skew.ts";
import { type Discipline, disciplinedRig } from "./discipline.ts";
import { ExchangeTable } from "./exchange-table.ts";
import { loggedRig } from "./logged-rig.ts";
import { MarkTable } from "./mark-table.ts";
import { Outline } from "./outline.ts";
import { ReadColumn } from "./read-column.ts";
import { SliceSums } from "./slice-sums.ts";
import { SLICE_ROWS, Slicer } from "./slices.ts";
import { type Timebase, timebaseOf } from "./timebase.ts";
import { WallClock } from "./wall-clock.ts";

/** All reads of one telemetry channel, columns on the session clock. A failed read is NaN with its code. */
export interface TelemetrySeries {
  readonly channel: TelemetryChannel;
  /** Middle of the host's stamps around the call, and half their distance. */
  readonly tNs: ReadColumn;
  readonly halfNs: ReadColumn;
  readonly value: ReadColumn;
  readonly code: ReadColumn;
}

/** The DAQ stream that the rig's rails read. */
export interface StreamScan {
  readonly layout: RowLayout;
  readonly rows: number;
  readonly blocks: number;
  /** Device time of the first and last row. */
  readonly firstDevice: number;
  readonly lastDevice: number;
  /** From each start of the device to its next; most streams have one. */
  readonly segments: readonly SegmentScan[];
  /** Rows that the index says are missing, and how often. */
  readonly missingRows: number;
  readonly gaps: number;
  /** Rows that the index leaves room for, but the source says were never taken: no loss. */
  readonly pausedRows: number;
  readonly outline: Outline;
  /** Changes of the trigger bit, in device time: half-way between the two rows that show it. */
  readonly triggerEdges: readonly { readonly device: number; readonly level: 0 | 1 }[];
  readonly firstTick: bigint | null;
  /** Blocks that stand out of order in the log; everything here is as if they stood in their places. */
  readonly late: readonly LateBlock[];
  /** Where in the log the whole frames lie that hold rows. */
  readonly frames: readonly number[];
  /** The stream in slices; null where each row is to be looked at again. */
  readonly slices: SliceSums | null;
}

/** What the blocks of a segment say of its clock. */
export interface SegmentScan {
  /** Device time of its first and last row. */
  readonly firstDevice: number;
  readonly lastDevice: number;
  /** Host's stamps around the first block, if any; and one (device time, arrival) pair a block, thinned. */
  readonly startStamp: { readonly ns: SessionNs; readonly halfNs: number } | null;
  readonly arrivals: readonly { readonly device: number; readonly sessionNs: SessionNs }[];
  /** Device ticks of block starts beside their device time, thinned; empty where the device stamps none. */
  readonly blockTicks: readonly { readonly device: number; readonly tick: bigint }[];
}

export interface Scan extends LogReading {
  readonly session: Session;
  /** As declared, with the lines of its sensors corrected by their references, and the device's skews. */
  readonly rig: Rig | null;
  readonly disciplines: readonly Discipline[];
  /** What the rig says otherwise than the device. */
  readonly remarks: readonly string[];
  readonly rigSha256: string;
  readonly attachments: ReadonlyMap<string, Uint8Array>;
  readonly stream: StreamScan | null;
  readonly telemetry: readonly TelemetrySeries[];
  /** All but those of kernels and launches. */
  readonly marks: MarkTable;
  /** Marks that bracket the edges which the host raised, with all they say. */
  readonly syncMarks: readonly Mark[];
  readonly kernels: KernelTable | undefined;
  readonly edges: readonly Edge[];
  readonly wall: Pick<WallClock, "first" | "steps">;
  readonly exchanges: Iterable<ClockExchange>;
  readonly notes: readonly Note[];
  readonly damages: readonly Damage[];
}

/** Kept of a stream's segment; of a device that begins anew again and again fewer, but enough for an envelope. */
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
class StreamScanner {
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
  readonly #slicer: Slicer;
  #slices: SliceSums | null;
  /** Where the blocks lie that wait to be a slice; NaN where none does. */
  #waitsFrom = NaN;
  #waitsTo = NaN;

  constructor(layout: RowLayout, rig: Rig, session: Session) {
    this.layout = layout;
    this.#rig = rig;
    this.#session = session;
    this.timebase = timebaseOf(layout, rig.device.clock.hz, rig.device.rowHz);
    this.#trigger = layout.trigger && columnReader(layout, layout.trigger);
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
    const dataEnd = dataAt + BLOCK_HEADER + b.bytes.byteLength;
    let done = b.firstIndex;
    for (const slice of this.#slicer.add(b)) {
      done = slice.firstIndex + slice.rows;
      const isBefore = done <= b.firstIndex;
      const from = Number.isNaN(this.#waitsFrom) ? dataAt : this.#waitsFrom;
      this.#addSlice(slice, from, isBefore ? this.#waitsTo : dataEnd);
      this.#waitsFrom = NaN;
      if (Number.isNaN(begins)) begins = this.#t[0]!;
    }
    if (done >= this.#nextIndex) this.#waitsFrom = NaN;
    else if (Number.isNaN(this.#waitsFrom)) this.#waitsFrom = dataAt;
    this.#waitsTo = dataEnd;
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
    for (const slice of this.#slicer.end()) this.#addSlice(slice, this.#waitsFrom, this.#waitsTo);
  }

  get slices(): SliceSums | null {
    return this.#slices;
  }

  get late(): readonly LateBlock[] {
    return this.#order.late;
  }

  /** Another that has seen the same log in the order of its rows. */
  inOrder(path: string): StreamScanner {
    const { stream } = this.layout;
    const other = new StreamScanner(this.layout, this.#rig, this.#session);
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

  /** @param from, to where the blocks of its rows lie. */
  #addSlice(b: SampleBlock, from: number, to: number): void {
    const values = (this.#calibrator ??= this.#newCalibrator());
    const { isIndex } = this.timebase;
    const { totalW, clippedRows } = values;
    values.read(b, this.#flags);
    const isClipped = values.clippedRows > clippedRows;
    if (isClipped) this.#flags.fill(0);
    this.#slices?.add(b, values, from, to, !isClipped);
    if (isIndex) this.outline.addEven(b.firstIndex, totalW, b.rows, values.means);
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
    const values = new Calibrator(this.layout, this.#rig, SLICE_ROWS, this.#slices !== null);
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

/**
 * Reads a log once. Damage is collected, not thrown.
 * @param pages where telemetry reads lie that are too many for memory.
 * @throws InputError when the log has no session header or its rig does not match its stream.
 */
export function scanCapture(
  path: string,
  onProgress?: (done: number, total: number) => void,
  pages = new NumberPages(),
): Scan {
  let session: Session | undefined;
  let wall: WallClock | undefined;
  let rig: Rig | null = null;
  let disciplines: readonly Discipline[] = [];
  let remarks: readonly string[] = [];
  let scanner: StreamScanner | undefined;
  const attachments = new Map<string, Uint8Array>();
  const telemetry = new Map<string, TelemetrySeries>();
  let marks: MarkTable | undefined;
  const syncMarks: Mark[] = [];
  const kernels = new KernelCollector();
  const edges: Edge[] = [];
  const exchanges = new ExchangeTable();
  const notes: Note[] = [];
  const damages: Damage[] = [];
  const frames: number[] = [];
  let reading: LogReading | undefined;
  const options: ReadOptions = {
    borrowed: true,
    onRows: (offset) => frames.push(offset),
    onEnd: (r) => (reading = r),
  };
  for (const r of readCapture(path, onProgress ? { ...options, onProgress } : options)) {
    switch (r.kind) {
      case "session":
        session = r.session;
        marks ??= new MarkTable(session);
        wall = new WallClock(session);
        break;
      case "attachment":
        attachments.set(r.name, r.data);
        if (r.name === "rig.json")
          ({ rig, disciplines } = disciplinedRig(path, loggedRig(path, r.data)));
        // The device has answered before its rows come, so the rig that they are read by knows its skews.
        if (rig && r.name === "device.json") ({ rig, remarks } = withDeviceSkew(rig, r.data));
        break;
      case "layout":
        if (rig && r.layout.stream === rig.device.stream) {
          if (!session) throw headless(path);
          scanner = new StreamScanner(r.layout, rig, session);
        }
        break;
      case "rows":
        if (scanner && r.block.stream === scanner.layout.stream)
          scanner.add(r.block, r.at, r.dataAt);
        break;
      case "channel":
        telemetry.set(r.channel.name, {
          channel: r.channel,
          tNs: new ReadColumn(pages),
          halfNs: new ReadColumn(pages),
          value: new ReadColumn(pages),
          code: new ReadColumn(pages),
        });
        break;
      case "read":
        if (!session) throw headless(path);
        addRead(telemetry.get(r.read.channel)!, r.read, session, wall!);
        break;
      case "mark":
        if (!session) throw headless(path);
        if (kernels.add(r.mark, session)) break;
        marks!.add(r.mark, r.at ?? 0);
        if (r.mark.name === "sync" && r.mark.clock === "host") syncMarks.push(r.mark);
        break;
      case "edge":
        edges.push(r.edge);
        break;
      case "pair":
        wall?.read(r.pair);
        break;
      case "exchange":
        exchanges.add(r.exchange);
        break;
      case "note":
        notes.push(r.note);
        break;
      case "damage":
        damages.push(r.damage);
        break;
    }
  }
  if (!session) throw headless(path);
  scanner?.end();
  const rigText = attachments.get("rig.yaml") ?? attachments.get("rig.json");
  return {
    ...reading!,
    session,
    rig,
    disciplines,
    remarks,
    rigSha256: rigText ? createHash("sha256").update(rigText).digest("hex") : "",
    attachments,
    stream: scanner && scanner.rows > 0 ? finish(scanner, path, frames, damages) : null,
    telemetry: [...telemetry.values()],
    marks: marks!,
    syncMarks,
    kernels: kernels.finish(),
    edges,
    wall: wall!,
    exchanges,
    notes,
    damages,
  };
}

function finish(
  scanner: StreamScanner,
  path: string,
  frames: readonly number[],
  damages: readonly Damage[],
): StreamScan {
  const { late } = scanner;
  const s = late.length > 0 ? scanner.inOrder(path) : scanner;
  const { layout, rows, blocks, firstDevice, lastDevice, outline } = s;
  const { missingRows, gaps, pausedRows, segments, triggerEdges } = s;
  const firstTick = s.timebase.firstTick;
  return {
    layout,
    rows,
    blocks,
    firstDevice,
    lastDevice,
    missingRows,
    gaps,
    pausedRows,
    outline,
    segments,
    triggerEdges,
    firstTick,
    late,
    frames,
    // A stretch of the log may hold damage, or messages that were left out for it.
    slices: damages.length === 0 ? s.slices : null,
  };
}

function addRead(s: TelemetrySeries, r: TelemetryRead, session: Session, wall: WallClock): void {
  const [sent, received] = [toSession(session, r.before), toSession(session, r.after)];
  // Samples out of a driver's buffer carry their own time; the read around them only says when they were fetched.
  const isOwn = s.channel.name.endsWith(".power_samples") && r.stamp !== null;
  const own = isOwn ? wall.place(r.stamp, received) : undefined;
  s.tNs.push(own ?? (sent + received) / 2);
  s.halfNs.push(own === undefined ? (received - sent) / 2 : 0);
  s.value.push(r.code === 0 ? r.value : NaN);
  s.code.push(r.code);
}

function headless(path: string): Error {
  return inputError(
    "no session header before the data",
    path,
    "session.json as the first attachment",
  );
}
