// Frames → records for the log: row blocks as received, edges, readings; losses by sequence and index.
// What a damaged or odd device does is counted and flagged, never thrown. Replies and status go to
// whoever holds the conversation (daq-source.ts).

import { type Frame, RecordType } from "../../../schema/wire/frame.ts";
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
} from "../../../schema/wire/frame-records.ts";
import { decodeReply, type Reply } from "../../../schema/wire/frame-replies.ts";
import { BlockFlag, type SampleBlock } from "../../../schema/records.ts";
import {
  FrameSplitter,
  type SplitterCounts,
  type Stamp,
} from "../../../schema/wire/frame-splitter.ts";
import { EdgeNumbers } from "./edge-numbers.ts";
import { type Arrival, type GapCounts, GapTracker } from "./gap-tracker.ts";
import { LineLevels } from "./line-levels.ts";
import { ReadingNumbers } from "./reading-numbers.ts";
import { RunClock, type RunRates } from "./run-clock.ts";
import type { DaqSink } from "../../stream/sink.ts";

/** Its rates place edges between rows and bridge a restart. */
export interface DecoderOptions extends RunRates {
  readonly stream: string;
  /** From the capabilities. */
  readonly channels?: readonly ChannelField[];
}

export interface DecoderEvents {
  /** A whole frame of the device's own. */
  heard?(): void;
  reply?(reply: Reply, before: Stamp, after: Stamp): void;
  /** In the order in which they were made: none that comes late or again. */
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
  /** Edges whose tick and row contradict each other or cannot be of the run, or whose number goes back: not used. */
  edgesWrong: number;
  /** Readings whose end cannot be of the run, and those that no row came to: not used. */
  readingsWrong: number;
  /** Clock exchanges whose ticks cannot be of the run: not used. */
  exchangesWrong: number;
}

export type DecoderCounts = SplitterCounts &
  GapCounts &
  RecordCounts & { readonly edgesLost: number };

/** Stream records end and replies begin here (docs/wire.md, Types). */
const LAST_RECORD = 0x3f;
const FIRST_REPLY = 0xc0;

/** More do not come before a block: the slowest lasts 3 s on the RP2040, the wire takes 3,000 edge frames a second. */
const MOST_EARLY = 4096;

interface Early {
  readonly frame: Frame;
  readonly arrival: Arrival;
  readonly before: Stamp;
  readonly after: Stamp;
}

/** Of an edge, a reading or a status. */
function firstTick(f: Frame): bigint | undefined {
  if (f.type === RecordType.edges) return decodeEdges(f)?.[0]!.tick;
  if (f.type === RecordType.readings) return decodeReadings(f)?.[0]!.endTick;
  return f.type === RecordType.status ? decodeStatus(f)?.tick : undefined;
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
    readingsWrong: 0,
    exchangesWrong: 0,
  };
  readonly #clock: RunClock;
  #options: DecoderOptions;
  /** Run being decoded, modulo 16; null: any run will do; `off`: none, until expectRun. */
  #run: number | null | "off" = null;
  /** The present run's first index says nothing of its start, nor do its first numbers of edges and readings. */
  #astray = false;
  #shape: { mask: number; bits: number } | null = null;
  readonly #readingNumbers = new ReadingNumbers();
  readonly #edgeNumbers = new EdgeNumbers();
  /** Edges and readings before the first rows of a run: nothing places them yet. */
  #early: Early[] = [];

  constructor(sink: DaqSink, options: DecoderOptions, events: DecoderEvents = {}) {
    this.#sink = sink;
    this.#options = options;
    this.#clock = new RunClock(options);
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
    this.#clock.configure(options);
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
    return this.#clock.isPlaced;
  }

  /** Whether a tick that a reply brings can be of the present run, whose rows have come; counted if not. */
  believes(tick: bigint, after: Stamp): boolean {
    const can = this.#clock.canEnd(tick, after);
    if (!can) this.#records.exchangesWrong++;
    return can;
  }

  /** Index and tick of the present run → of the stream, which goes on over a restart. */
  place(index: number, tick: bigint): { index: number; tick: bigint } {
    return this.#clock.place(index, tick);
  }

  /** The bytes ended or the port was opened anew: an unfinished frame will not be finished. */
  cut(): void {
    for (const e of this.#early.splice(0)) this.#forget(e);
    this.#splitter.reset();
  }

  /** @param isAstray its first index says nothing of its start. */
  #begin(run: number, isAstray = false): void {
    this.#astray = isAstray;
    this.#clock.begin();
    this.#gaps.begin(isAstray || this.#run === null ? null : 0);
    this.#run = run;
    this.#levels.forget();
    this.#edgeNumbers.begin(isAstray);
    for (const e of this.#early.splice(0)) this.#forget(e);
    this.#readingNumbers.begin(isAstray);
  }

  #frame(f: Frame, before: Stamp, after: Stamp): void {
    if (f.type >= FIRST_REPLY) {
      this.#events.heard?.();
      if (this.#run !== "off") this.#gaps.frame(f.sequence, f.crc);
      return this.#use(decodeReply(f), (r) => this.#events.reply?.(r, before, after));
    }
    if (f.type === 0 || f.type > LAST_RECORD) {
      // A command: the port echoes what the host wrote. Its number is not the device's.
      this.#records.unknown++;
      return;
    }
    this.#events.heard?.();
    if (f.type <= RecordType.status && !this.#inRun(runOf(f.flags))) return;
    const arrival = this.#arrival(f, after);
    switch (f.type) {
      case RecordType.samples:
        return this.#use(decodeSamples(f), (s) => this.#samples(s, arrival, before, after));
      case RecordType.edges:
      case RecordType.readings:
        return this.placed
          ? this.#sideRecord(f, arrival, before, after)
          : this.#hold({ frame: f, arrival, before, after });
      case RecordType.status:
        return this.#use(decodeStatus(f), (s) => {
          if (arrival === "new") this.#events.status?.(s);
        });
      default:
        this.#records.unknown++;
    }
  }

  #sideRecord(f: Frame, arrival: Arrival, before: Stamp, after: Stamp): void {
    if (f.type === RecordType.edges)
      this.#use(decodeEdges(f), (e) => this.#edges(e, arrival, after));
    else this.#use(decodeReadings(f), () => this.#readings(f, arrival, before, after));
  }

  #hold(e: Early): void {
    if (this.#early.length === MOST_EARLY) this.#forget(this.#early.shift()!);
    const { buffer, byteOffset, byteLength } = e.frame.payload;
    const payload = new DataView(buffer.slice(byteOffset, byteOffset + byteLength));
    this.#early.push({ ...e, frame: { ...e.frame, payload } });
  }

  /** An early record that no rows came to. */
  #forget({ frame }: Early): void {
    if (frame.type === RecordType.edges)
      this.#records.edgesUnplaced += decodeEdges(frame)?.length ?? 0;
    else this.#records.readingsWrong += decodeReadings(frame)?.length ?? 0;
  }

  #arrival(f: Frame, after: Stamp): Arrival {
    const { sequence, crc } = f;
    const arrival = this.#gaps.frame(sequence, crc, () => this.#canBeLate(f, after));
    if (typeof this.#run !== "number" || (arrival !== "anew" && !this.#gaps.stale)) return arrival;
    // After echoes that are none the index may be of an old run or a new one: the host's clock says what is missing.
    this.#begin(this.#run, this.#gaps.stale);
    return this.#gaps.frame(sequence, crc);
  }

  /** Rows that were missed lie on the line of those beside them, all else near them. */
  #canBeLate(f: Frame, after: Stamp): boolean {
    if (f.type === RecordType.samples) {
      const s = decodeSamples(f);
      return s === undefined || this.#clock.roomFor(s, after) >= 0;
    }
    const tick = firstTick(f);
    return tick === undefined || !this.placed || this.#clock.canEnd(tick, after);
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
    const room = this.#clock.roomFor(s, after);
    let flags = this.#gaps.rows(s.index, s.rows, arrival, room);
    const isUsed = (flags & BlockFlag.duplicate) === 0;
    if (this.#clock.goesOn && isUsed) flags |= this.#rebase(s, after);
    const contiguous = flags === 0;
    const { index, tick } = this.#clock.place(s.index, s.tick);
    this.#emit(this.#options.stream, index, tick, s.rows, flags, s.data, before, after);
    this.#records.rows += s.rows;
    if (!isUsed) return;
    const isLate = (flags & BlockFlag.reordered) !== 0;
    if (s.sampledLines !== 0) this.#sampledEdges(s, contiguous, isLate);
    if (!isLate) this.#clock.follow(s, after);
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

  /** First block after a restart. */
  #rebase(s: Samples, after: Stamp): number {
    this.#records.restarts++;
    const { missing, index, tick } = this.#clock.rebase(s, after, !this.#astray);
    this.#gaps.counts.rowsLost += missing;
    this.#sink.note({
      level: "loss",
      text: `the device began anew: about ${missing} rows lost; index = device index + ${index}, tick = device tick + ${tick}`,
      ...(after === null ? {} : { t: after }),
    });
    return BlockFlag.gapBefore | BlockFlag.restart;
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

  /** @param isLate its levels are not the last ones. */
  #sampledEdges(s: Samples, contiguous: boolean, isLate: boolean): void {
    const { stream } = this.#options;
    const levels = isLate ? new LineLevels() : this.#levels;
    this.#records.edgesUnplaced += levels.read(s, contiguous, (line, row, level) => {
      this.#records.edges++;
      // Seen first at `row`, so it fell between the row before and this one.
      const { index } = this.#clock.place(s.index + row - 0.5, s.tick);
      this.#sink.edge({ line: `line${line}`, stream, index, level });
    });
  }

  #edges(edges: readonly WireEdge[], arrival: Arrival, after: Stamp): void {
    if (arrival === "duplicate") return;
    for (const e of edges) {
      const index = this.#clock.edgeAt(e, after);
      if (!this.#edgeNumbers.count(e, arrival, index !== null) || index === null) {
        this.#records.edgesWrong++;
        continue;
      }
      this.#records.edges++;
      this.#sink.edge({
        line: `line${e.line}`,
        stream: this.#options.stream,
        ...this.#clock.place(index, e.tick),
        level: e.level,
      });
    }
  }

  #readings(f: Frame, arrival: Arrival, before: Stamp, after: Stamp): void {
    const { payload } = f;
    for (const [i, r] of decodeReadings(f)!.entries()) {
      const stream = `${this.#options.stream}.ina226-${r.address.toString(16)}`;
      if (!this.#readingNumbers.isKnown(r.address)) this.#sink.declareRows(readingLayout(stream));
      const canEnd = this.#clock.canEnd(r.endTick, after);
      const { index, flags, isWrong } = this.#readingNumbers.take(r, arrival, canEnd);
      if (isWrong) this.#records.readingsWrong++;
      const bytes = new Uint8Array(
        payload.buffer,
        payload.byteOffset + 4 + i * READING_BYTES,
        READING_BYTES,
      );
      const { tick } = this.#clock.place(0, r.endTick);
      this.#emit(stream, index, tick, 1, flags, bytes, before, after);
      this.#records.readings++;
    }
  }
}
