// Frames → records for the log: row blocks as received, edges, readings; losses by sequence and index.
// What a damaged or odd device does is counted and flagged, never thrown. Replies and status go to
// whoever holds the conversation (daq-source.ts).

import { type Frame, RecordType } from "../schema/frame.ts";
import {
  type ChannelField,
  decodeEdges,
  decodeReadings,
  decodeSamples,
  decodeStatus,
  type DeviceStatus,
  READING_BYTES,
  readingLayout,
  runOf,
  sampleLayout,
  type Samples,
  type WireEdge,
} from "../schema/frame-records.ts";
import { decodeReply, type Reply } from "../schema/frame-replies.ts";
import { BlockFlag, type SampleBlock } from "../schema/records.ts";
import { FrameSplitter, type SplitterCounts, type Stamp } from "../schema/frame-splitter.ts";
import { EdgeNumbers } from "./edge-numbers.ts";
import { type Arrival, type GapCounts, GapTracker } from "./gap-tracker.ts";
import { LineLevels } from "./line-levels.ts";
import type { DaqSink } from "./sink.ts";

export interface DecoderOptions {
  readonly stream: string;
  /** Nominal, from the capabilities or the rig: place edges between rows and bridge a restart. */
  readonly rowHz: number;
  readonly tickHz: number;
  /** From the capabilities. */
  readonly channels?: readonly ChannelField[];
}

export interface DecoderEvents {
  /** A whole frame of the device's own. */
  heard?(): void;
  reply?(reply: Reply, before: Stamp, after: Stamp): void;
  status?(status: DeviceStatus): void;
}

export interface RecordCounts {
  rows: number;
  edges: number;
  readings: number;
  unknown: number;
  malformed: number;
  restarts: number;
  /** Level changes of a sampled line across a gap, or edges that no row came to: no known place. */
  edgesUnplaced: number;
  /** Edges whose tick and row contradict each other or the blocks' clock, or whose number goes back: not used. */
  edgesWrong: number;
}

export type DecoderCounts = SplitterCounts &
  GapCounts &
  RecordCounts & { readonly edgesLost: number };

/** Stream records end and replies begin here (docs/wire.md, Types). */
const LAST_RECORD = 0x3f;
const FIRST_REPLY = 0xc0;

/** Index and tick of a run's zero on the stream's own count; (0, 0) until the device begins anew. */
interface Base {
  readonly index: number;
  readonly tick: bigint;
}

/** A device sends an edge within this time of it, seconds, after the rows before it (docs/wire.md, 02 edges). */
const EDGE_DELAY_S = 1;
/** How far an edge's row may lie from its tick: both stamps are truncated to a tick, and a rate may be off by so much. */
const [EDGE_ROWS, EDGE_TICKS, RATE_ERROR] = [0.5, 2, 1e-3];

/** A block may come so much later than the one before it, seconds, and its clock may be off by so much. */
const [BLOCK_DELAY_S, CLOCK_ERROR] = [1, 0.1];

/** More do not come before a block: the slowest lasts 3 s on the RP2040, the wire takes 3,000 edge frames a second. */
const MOST_EARLY = 4096;

interface Early {
  readonly frame: Frame;
  readonly arrival: Arrival;
  readonly before: Stamp;
  readonly after: Stamp;
}

export class FrameDecoder {
  readonly #sink: DaqSink;
  readonly #events: DecoderEvents;
  readonly #splitter: FrameSplitter;
  readonly #gaps = new GapTracker();
  readonly #levels = new LineLevels();
  readonly #records: RecordCounts = {
    rows: 0,
    edges: 0,
    readings: 0,
    unknown: 0,
    malformed: 0,
    restarts: 0,
    edgesUnplaced: 0,
    edgesWrong: 0,
  };
  #options: DecoderOptions;
  /** Run being decoded, modulo 16; null: any run will do; `off`: none, until expectRun. */
  #run: number | null | "off" = null;
  #base: Base = { index: 0, tick: 0n };
  #restarted = false;
  /** The present run's count is that of no run before: its first index says nothing of its start. */
  #astray = false;
  #shape: { mask: number; bits: number } | null = null;
  #last: { index: number; rows: number; tick: bigint; after: Stamp } | null = null;
  /** By I²C address: readings of earlier runs, and the next number in this one. */
  readonly #readingCount = new Map<number, { base: number; next: number }>();
  readonly #edgeNumbers = new EdgeNumbers();
  /** Edges before the first rows, and readings before those of a run that goes on from another: no base places them yet. */
  #early: Early[] = [];

  constructor(sink: DaqSink, options: DecoderOptions, events: DecoderEvents = {}) {
    this.#sink = sink;
    this.#options = options;
    this.#events = events;
    this.#splitter = new FrameSplitter((f, before, after) => this.#frame(f, before, after));
  }

  get counts(): DecoderCounts {
    const edgesLost = this.#edgeNumbers.lost;
    return { ...this.#splitter.counts, ...this.#gaps.counts, ...this.#records, edgesLost };
  }

  push(chunk: Uint8Array, before: Stamp, after: Stamp): void {
    this.#splitter.push(chunk, before, after);
  }

  /** Rates become known by handshake. */
  configure(options: DecoderOptions): void {
    this.#options = options;
  }

  /** Stream records are ignored from here on, until a run is expected. */
  expectNone(): void {
    this.#run = "off";
  }

  /** Only this run counts from here on; what was recorded so far goes on in it. */
  expectRun(run: number): void {
    this.#begin(run & 15);
  }

  /** Rows of the present run have come, so that {@link place} knows its base. */
  get placed(): boolean {
    return this.#last !== null && !this.#restarted;
  }

  /** Index and tick of the present run → of the stream, which goes on over a restart. */
  place(index: number, tick: bigint): { index: number; tick: bigint } {
    return { index: this.#base.index + index, tick: this.#base.tick + tick };
  }

  /** The bytes ended or the port was opened anew: an unfinished frame will not be finished. */
  cut(): void {
    for (const e of this.#early.splice(0)) this.#forget(e);
    this.#splitter.reset();
  }

  #begin(run: number): void {
    this.#astray = false;
    this.#restarted = this.#last !== null;
    this.#gaps.begin(this.#run === null ? null : 0);
    this.#run = run;
    this.#levels.forget();
    this.#edgeNumbers.begin();
    for (const e of this.#early.splice(0)) this.#forget(e);
    for (const r of this.#readingCount.values()) {
      r.base += r.next;
      r.next = 0;
    }
  }

  #frame(f: Frame, before: Stamp, after: Stamp): void {
    if (f.type >= FIRST_REPLY) {
      this.#events.heard?.();
      if (this.#run !== "off") this.#gaps.frame(f.sequence);
      return this.#use(decodeReply(f), (r) => this.#events.reply?.(r, before, after));
    }
    if (f.type === 0 || f.type > LAST_RECORD) {
      // A command: the port echoes what the host wrote. Its number is not the device's.
      this.#records.unknown++;
      return;
    }
    this.#events.heard?.();
    if (f.type <= RecordType.status && !this.#inRun(runOf(f.flags))) return;
    const arrival = this.#arrival(f.sequence);
    switch (f.type) {
      case RecordType.samples:
        return this.#use(decodeSamples(f), (s) => this.#samples(s, arrival, before, after));
      case RecordType.edges:
      case RecordType.readings:
        return this.#restarted || (f.type === RecordType.edges && !this.placed)
          ? this.#hold({ frame: f, arrival, before, after })
          : this.#sideRecord(f, arrival, before, after);
      case RecordType.status:
        return this.#use(decodeStatus(f), (s) => this.#events.status?.(s));
      default:
        this.#records.unknown++;
    }
  }

  #sideRecord(f: Frame, arrival: Arrival, before: Stamp, after: Stamp): void {
    if (f.type === RecordType.edges) this.#use(decodeEdges(f), (e) => this.#edges(e, arrival));
    else this.#use(decodeReadings(f), () => this.#readings(f, arrival, before, after));
  }

  #hold(e: Early): void {
    if (this.#early.length === MOST_EARLY) this.#forget(this.#early.shift()!);
    const { buffer, byteOffset, byteLength } = e.frame.payload;
    const payload = new DataView(buffer.slice(byteOffset, byteOffset + byteLength));
    this.#early.push({ ...e, frame: { ...e.frame, payload } });
  }

  /** An early record that no rows came to. A reading's number tells of it; an edge is counted here. */
  #forget({ frame }: Early): void {
    if (frame.type === RecordType.edges)
      this.#records.edgesUnplaced += decodeEdges(frame)?.length ?? 0;
  }

  #arrival(sequence: number): Arrival {
    const arrival = this.#gaps.frame(sequence);
    if (!this.#gaps.stale || typeof this.#run !== "number") return arrival;
    const { astray } = this.#gaps;
    this.#begin(this.#run);
    this.#astray = astray;
    if (astray) this.#gaps.begin(null);
    return this.#gaps.frame(sequence);
  }

  /** Whether a record of this run counts; a run that nobody announced is a restart of the device. */
  #inRun(run: number): boolean {
    if (this.#run === "off") return false;
    if (this.#run !== run) this.#begin(run);
    return true;
  }

  #use<T>(record: T | undefined, then: (record: T) => void): void {
    if (record === undefined) this.#records.malformed++;
    else then(record);
  }

  #samples(s: Samples, arrival: Arrival, before: Stamp, after: Stamp): void {
    if (!this.#declared(s)) {
      this.#records.malformed++;
      return;
    }
    let flags = this.#gaps.rows(s.index, s.rows, arrival, this.#mostRows(after));
    const isUsed = (flags & BlockFlag.duplicate) === 0;
    if (this.#restarted && isUsed) flags |= this.#rebase(s, after);
    const contiguous = flags === 0;
    const firstIndex = this.#base.index + s.index;
    const tick = this.#base.tick + s.tick;
    this.#emit(this.#options.stream, firstIndex, tick, s.rows, flags, s.data, before, after);
    this.#records.rows += s.rows;
    if (!isUsed) return;
    if (s.sampledLines !== 0) this.#sampledEdges(s, contiguous);
    if (arrival === "new")
      this.#last = {
        index: firstIndex + s.rows,
        rows: s.rows,
        tick: tick + this.#ticks(s.rows),
        after,
      };
    for (const e of this.#early.splice(0)) this.#sideRecord(e.frame, e.arrival, e.before, e.after);
  }

  /** Declares the stream by its first block; a later block of another shape does not belong to it. */
  #declared(s: Samples): boolean {
    if (this.#shape === null) {
      this.#shape = { mask: s.mask, bits: s.bits };
      const { stream, channels } = this.#options;
      this.#sink.declareRows(sampleLayout(stream, s.mask, s.bits, channels));
    }
    return this.#shape.mask === s.mask && this.#shape.bits === s.bits;
  }

  /**
   * First block after a restart: the host's clock says how many rows went by, so that index and tick go
   * on about where the device would be. The log keeps the device's own tick as deviceTick − base (noted).
   */
  #rebase(s: Samples, after: Stamp): number {
    this.#restarted = false;
    this.#records.restarts++;
    const last = this.#last!;
    // From the end of one read to that of another, of which each has just brought the last row of its block; so it
    // holds this run's rows so far too. (A read may have begun long before, when there was nothing to be read.)
    const pauseNs =
      after !== null && last.after !== null ? Math.max(0, Number(after - last.after)) : 0;
    const paused = Math.round((pauseNs * this.#options.rowHz) / 1e9);
    const before = this.#astray ? 0 : s.index; // of this run
    const missing = Math.max(0, paused - before - s.rows);
    this.#gaps.counts.rowsLost += missing;
    this.#base = {
      index: last.index + missing + before - s.index,
      tick: last.tick + this.#ticks(missing + before) - s.tick,
    };
    this.#sink.note({
      level: "loss",
      text: `the device began anew: about ${missing} rows lost; index = device index + ${this.#base.index}, tick = device tick + ${this.#base.tick}`,
      ...(after === null ? {} : { t: after }),
    });
    return BlockFlag.gapBefore | BlockFlag.restart;
  }

  /** Rows that the host's clock leaves room for since the block before. */
  #mostRows(after: Stamp): number {
    const last = this.#last;
    if (!last || after === null || last.after === null) return Infinity;
    const passedS = Math.max(0, Number(after - last.after) / 1e9);
    return (passedS + BLOCK_DELAY_S) * this.#options.rowHz * (1 + CLOCK_ERROR);
  }

  #ticks(rows: number): bigint {
    return BigInt(Math.round((rows * this.#options.tickHz) / this.#options.rowHz));
  }

  #emit(
    stream: string,
    firstIndex: number,
    deviceTick: bigint,
    rows: number,
    flags: number,
    bytes: Uint8Array,
    hostBefore: Stamp,
    hostAfter: Stamp,
  ): void {
    const block: SampleBlock = {
      stream,
      firstIndex,
      deviceTick,
      hostBefore,
      hostAfter,
      rows,
      flags,
      bytes,
    };
    this.#sink.rows(block);
  }

  #sampledEdges(s: Samples, contiguous: boolean): void {
    const { stream } = this.#options;
    this.#records.edgesUnplaced += this.#levels.read(s, contiguous, (line, row, level) => {
      this.#records.edges++;
      // Seen first at `row`, so it fell between the row before and this one.
      const index = this.#base.index + s.index + row - 0.5;
      this.#sink.edge({ line: `line${line}`, stream, index, level });
    });
  }

  #edges(edges: readonly WireEdge[], arrival: Arrival): void {
    if (arrival === "duplicate") return;
    for (const e of edges) {
      const index = this.#believed(e);
      if (!this.#edgeNumbers.count(e, arrival, index !== null) || index === null) {
        this.#records.edgesWrong++;
        continue;
      }
      this.#records.edges++;
      this.#sink.edge({
        line: `line${e.line}`,
        stream: this.#options.stream,
        index: this.#base.index + index,
        tick: this.#base.tick + e.tick,
        level: e.level,
      });
    }
  }

  /**
   * The edge's place between rows by its tick. Null where the row that the device latched says otherwise, or
   * where it is older than a device keeps an edge: then neither stamp is believed.
   */
  #believed(e: WireEdge): number | null {
    const { rowHz, tickHz } = this.#options;
    const last = this.#last!; // without rows, records wait
    const perRow = tickHz / rowHz;
    const sinceLast = Number(this.#base.tick + e.tick - last.tick) / perRow;
    const index = last.index - this.#base.index + sinceLast;
    const slack = EDGE_ROWS + EDGE_TICKS / perRow + RATE_ERROR * Math.abs(sinceLast);
    const ahead = e.index - index; // the first row at or after it: 0 to 1
    const late = sinceLast < -(EDGE_DELAY_S * rowHz + 2 * last.rows);
    return ahead >= -slack && ahead <= 1 + slack && !late ? index : null;
  }

  #readings(f: Frame, arrival: Arrival, before: Stamp, after: Stamp): void {
    const { payload } = f;
    for (const [i, r] of decodeReadings(f)!.entries()) {
      const stream = `${this.#options.stream}.ina226-${r.address.toString(16)}`;
      const count = this.#readingCount.get(r.address) ?? { base: 0, next: 0 };
      if (!this.#readingCount.has(r.address)) {
        this.#readingCount.set(r.address, count);
        this.#sink.declareRows(readingLayout(stream));
      }
      const gap = r.number > count.next ? BlockFlag.gapBefore : 0;
      const flags = arrival === "duplicate" ? BlockFlag.duplicate : gap;
      if (arrival === "new") count.next = r.number + 1;
      const bytes = new Uint8Array(
        payload.buffer,
        payload.byteOffset + 4 + i * READING_BYTES,
        READING_BYTES,
      );
      this.#emit(
        stream,
        count.base + r.number,
        this.#base.tick + r.endTick,
        1,
        flags,
        bytes,
        before,
        after,
      );
      this.#records.readings++;
    }
  }
}
