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
  sampleLayout,
  type Samples,
  type WireEdge,
} from "../../../schema/wire/frame-records.ts";
import { decodeReply, type Reply } from "../../../schema/wire/frame-replies.ts";
import { BlockFlag } from "../../../schema/records.ts";
import {
  FrameSplitter,
  type SplitterCounts,
  type Stamp,
} from "../../../schema/wire/frame-splitter.ts";
import { EdgeNumbers } from "./edge-numbers.ts";
import { type Arrival, type GapCounts, GapTracker } from "./gap-tracker.ts";
import { type Arrived, HeldFrames } from "./held-frames.ts";
import { LineLevels } from "./line-levels.ts";
import { ReadingNumbers } from "./reading-numbers.ts";
import { RunClock, type RunRates } from "./run-clock.ts";
import { RunFrames, type RunStart } from "./run-frames.ts";
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
  /** Rows, edges and readings that are of use: none that came again, or that cannot be. */
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
  readonly #frames: RunFrames;
  #start: RunStart = "joined";
  #shape: { mask: number; bits: number } | null = null;
  readonly #readingNumbers = new ReadingNumbers();
  readonly #edgeNumbers = new EdgeNumbers();
  /** Edges and readings before the first rows of a run: nothing places them yet. */
  readonly #early = new HeldFrames();

  constructor(sink: DaqSink, options: DecoderOptions, events: DecoderEvents = {}) {
    this.#sink = sink;
    this.#options = options;
    this.#clock = new RunClock(options);
    this.#events = events;
    this.#frames = new RunFrames(this.#gaps, this.#clock, {
      record: (a) => this.#record(a),
      begin: (start) => this.#begin(start),
      end: () => this.#forgetEarly(),
    });
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
    this.#frames.expectNone();
  }

  /** Stream records are not ignored. */
  get awaits(): boolean {
    return this.#frames.awaits;
  }

  /** Only this run counts from here on; what was recorded so far goes on in it. */
  expectRun(run: number): void {
    this.#frames.expectRun(run);
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

  /** The present run has this number, as far as records tell. */
  isIn(run: number): boolean {
    return this.#frames.isIn(run);
  }

  /** Whether index and tick of an instant that a reply brings can be of the present run, whose rows have come. */
  agrees(at: Pick<WireEdge, "index" | "tick">, after: Stamp): boolean {
    return this.#clock.edgeAt(at, after) !== null;
  }

  /** Index and tick of the present run → of the stream, which goes on over a restart. */
  place(index: number, tick: bigint): { index: number; tick: bigint } {
    return this.#clock.place(index, tick);
  }

  /** The bytes ended or the port was opened again: an unfinished frame will not be finished, what waits goes out. */
  cut(): void {
    this.#splitter.cut();
    this.#frames.cut();
  }

  #begin(start: RunStart): void {
    this.#start = start;
    this.#gaps.begin(start === "zero" ? 0 : null);
    this.#levels.forget();
    this.#edgeNumbers.begin(start === "astray");
    this.#readingNumbers.begin(start === "astray");
  }

  #frame(f: Frame, before: Stamp, after: Stamp): void {
    if (f.type === 0 || (f.type > LAST_RECORD && f.type < FIRST_REPLY)) {
      // A command: the port echoes what the host wrote. Its number is not the device's.
      this.#records.unknown++;
      return;
    }
    this.#events.heard?.();
    if (f.type < FIRST_REPLY) return this.#frames.frame(f, before, after);
    // What it says goes first: frames of the run that a reply began are counted from it on.
    const reply = decodeReply(f);
    this.#use(reply, (r) => this.#events.reply?.(r, before, after));
    this.#frames.reply(f, reply, after);
  }

  #record(a: Arrived): void {
    const { frame: f, arrival, before, after } = a;
    switch (f.type) {
      case RecordType.samples:
        return this.#use(decodeSamples(f), (s) => this.#samples(s, arrival, before, after));
      case RecordType.edges:
      case RecordType.readings:
        return this.placed ? this.#sideRecord(a) : this.#forget(this.#early.hold(a));
      case RecordType.status:
        return this.#use(decodeStatus(f), (s) => {
          if (arrival === "new") this.#events.status?.(s);
        });
      default:
        this.#records.unknown++;
    }
  }

  #sideRecord({ frame: f, arrival, before, after }: Arrived): void {
    if (f.type === RecordType.edges)
      this.#use(decodeEdges(f), (e) => this.#edges(e, arrival, after));
    else this.#use(decodeReadings(f), () => this.#readings(f, arrival, before, after));
  }

  #forgetEarly(): void {
    for (const e of this.#early.take()) this.#forget(e);
  }

  /** An early record that no rows came to. */
  #forget(e: Arrived | undefined): void {
    if (e?.frame.type === RecordType.edges)
      this.#records.edgesUnplaced += decodeEdges(e.frame)?.length ?? 0;
    else if (e) this.#records.readingsWrong += decodeReadings(e.frame)?.length ?? 0;
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
    if (arrival !== "duplicate") this.#frames.rows(s, after);
    const refused = this.#gaps.rowsRefused;
    const isFirst = !this.placed;
    const room = this.#clock.roomFor(s, after);
    let flags = this.#gaps.rows(s.index, s.rows, arrival, room);
    const isUsed = (flags & BlockFlag.duplicate) === 0;
    if (this.#clock.goesOn && isUsed) flags |= this.#rebase(s, after, refused);
    const { index, tick } = this.#clock.place(s.index, s.tick);
    this.#sink.rows({
      stream: this.#options.stream,
      firstIndex: index,
      deviceTick: tick,
      hostBefore: before,
      hostAfter: after,
      rows: s.rows,
      flags,
      bytes: s.data,
    });
    if (!isUsed) return;
    this.#records.rows += s.rows;
    if (s.sampledLines !== 0) this.#sampledEdges(s);
    if ((flags & BlockFlag.reordered) === 0) this.#clock.follow(s, after);
    if (isFirst && this.#start === "joined" && s.index > 0) this.#join(s.index);
    for (const e of this.#early.take()) this.#sideRecord(e);
  }

  /** The run went on before it was heard. */
  #join(firstIndex: number): void {
    this.#gaps.join(firstIndex);
    this.#edgeNumbers.join();
    this.#readingNumbers.join();
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
  #rebase(s: Samples, after: Stamp, refused: number): number {
    this.#records.restarts++;
    const { missing, index, tick } = this.#clock.rebase(
      s,
      after,
      this.#start !== "astray",
      refused,
    );
    this.#gaps.counts.rowsLost += missing;
    this.#sink.note({
      level: "loss",
      text: `the device restarted: about ${missing} rows lost; index = device index + ${index}, tick = device tick + ${tick}`,
      ...(after === null ? {} : { t: after }),
    });
    return BlockFlag.gapBefore | BlockFlag.restart;
  }

  #sampledEdges(s: Samples): void {
    const { stream } = this.#options;
    this.#records.edgesUnplaced += this.#levels.read(s, (line, row, level) => {
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
      this.#sink.rows({
        stream,
        firstIndex: index,
        deviceTick: tick,
        hostBefore: before,
        hostAfter: after,
        rows: 1,
        flags,
        bytes,
      });
      if ((flags & BlockFlag.duplicate) === 0) this.#records.readings++;
    }
  }
}
