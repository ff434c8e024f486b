// The virtual DAQ of our own: what firmware does, in TypeScript. In: frames with commands, and the time.
// Out: frames, numbered whether or not there is room for them. Holds: rows and ticks count the truth's
// own clock; nothing here knows the host's.

import {
  channelsOf,
  encodeEdges,
  encodeStatus,
  putSamplesHead,
  rowBytesOf,
  SAMPLES_HEAD,
  type SamplesHead,
  samplesPayloadBytes,
} from "../../schema/wire/frame-records.ts";
import { FRAME_OVERHEAD, HEAD_BYTES, RecordType, sealFrame } from "../../schema/wire/frame.ts";
import type { Send } from "./instrument.ts";
import { Starts } from "./starts.ts";
import type { DaqTruth, TrueEdge } from "./truth.ts";
import { valueAt } from "../../stats/places.ts";

export const ROWS_PER_BLOCK = 512;
export const TICK_HZ = 1_000_000;
const STATUS_NS = 100e6;
const TRIGGER_BIT = 15;

/** How the trigger line is reported (docs/wire.md): line 0 by edge records, or line 1 with every row. */
export type TriggerReport = "edges" | "bitmap";

export interface DeviceCounters {
  run: number;
  framesMade: number;
  framesDropped: number;
  rowsMade: number;
  edgesMade: number;
  edgesDropped: number;
  commandsRefused: number;
}

export class VirtualDevice {
  readonly truth: DaqTruth;
  readonly trigger: TriggerReport;
  readonly counters: DeviceCounters = {
    run: 0,
    framesMade: 0,
    framesDropped: 0,
    rowsMade: 0,
    edgesMade: 0,
    edgesDropped: 0,
    commandsRefused: 0,
  };
  /** Stalls of the transport, told in the status: count and longest, ns. */
  stalls: () => readonly [number, number] = () => [0, 0];
  mask: number;
  readonly starts = new Starts();
  #running = false;
  #sequence = 0;
  /** Truth's row at power-up: tick 0. */
  #powerRow = 0;
  /** Truth's row of the run's row 0, and the next row to be sent. */
  #firstRow = 0;
  #nextIndex = 0;
  #edgeCount = 0;
  #statusDueNs = 0;
  #runDropped = { frames: 0, edges: 0 };
  #refusedBefore = 0;
  readonly #send: Send;
  readonly #words: Uint16Array;

  constructor(truth: DaqTruth, trigger: TriggerReport, send: Send) {
    this.truth = truth;
    this.trigger = trigger;
    this.#send = send;
    this.mask = 2 ** truth.channelNames.length - 1;
    this.#words = new Uint16Array(ROWS_PER_BLOCK * truth.channelNames.length);
  }

  get running(): boolean {
    return this.#running;
  }

  /** Index in this run of the first row that begins after the tick of an instant; 0 at rest. */
  indexAfter(nowNs: number): number {
    return this.#running ? this.truth.rowsAt(nowNs) - this.#firstRow + 1 : 0;
  }

  /** Ticks since power-up at a row of the truth. */
  tickOf(row: number): bigint {
    return BigInt(Math.floor(((row - this.#powerRow) * TICK_HZ) / this.truth.rowHz));
  }

  tickAt(nowNs: number): bigint {
    return this.tickOf(this.truth.rowsAt(nowNs));
  }

  start(nowNs: number): void {
    this.counters.run++;
    this.#running = true;
    this.starts.begin((this.#firstRow = this.truth.rowsAt(nowNs)));
    this.#nextIndex = 0;
    this.#edgeCount = 0;
    this.#runDropped = { frames: 0, edges: 0 };
    this.#refusedBefore = this.counters.commandsRefused;
    this.#statusDueNs = nowNs + STATUS_NS;
  }

  stop(): void {
    this.#running = false;
  }

  /** Power-up: everything but the run counter (kept in a scratch register) begins again. */
  reset(nowNs: number): void {
    this.#running = false;
    this.#sequence = 0;
    this.#powerRow = this.truth.rowsAt(nowNs);
    this.mask = 2 ** this.truth.channelNames.length - 1;
  }

  /** Numbers a frame and tries to send it. `make` gets the number. */
  emit(make: (sequence: number) => Uint8Array): boolean {
    const frame = make(this.#sequence);
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.counters.framesMade++;
    if (this.#send(frame)) return true;
    this.counters.framesDropped++;
    this.#runDropped.frames++;
    return false;
  }

  /** Sends every block and status that is due. @param lagNs blocks are due so much later; ticks are not. */
  advance(nowNs: number, lagNs = 0): void {
    if (!this.#running) return;
    const due = this.truth.rowsAt(nowNs - lagNs) - this.#firstRow;
    while (this.#nextIndex + ROWS_PER_BLOCK <= due) this.block();
    if (nowNs >= this.#statusDueNs) this.#status(nowNs);
  }

  /** The next block, whether its time has come or not. */
  block(): void {
    const first = this.#firstRow + this.#nextIndex;
    const stride = this.truth.channelNames.length;
    this.truth.fill(first, ROWS_PER_BLOCK, this.#words);
    const bitmap = this.trigger === "bitmap" ? changes(this.#words, stride) : null;
    this.emit((sequence) => this.#samples(sequence, first, bitmap));
    this.#nextIndex += ROWS_PER_BLOCK;
    this.counters.rowsMade += ROWS_PER_BLOCK;
    const edges = this.truth.edges(first, first + ROWS_PER_BLOCK);
    this.counters.edgesMade += edges.length;
    if (this.trigger === "edges" && edges.length > 0) this.#edges(edges);
  }

  /** The block of rows at hand, the first of them the truth's `row`. */
  #samples(sequence: number, row: number, bitmap: Uint32Array | null): Uint8Array {
    const level = valueAt(this.#words, 0) >> TRIGGER_BIT;
    const dataBytes = samplesPayloadBytes(ROWS_PER_BLOCK, this.mask, 12);
    const frame = new Uint8Array(FRAME_OVERHEAD + dataBytes + (bitmap ? bitmap.byteLength : 0));
    const head: SamplesHead = {
      run: this.counters.run,
      rows: ROWS_PER_BLOCK,
      mask: this.mask,
      bits: 12,
      levels: this.trigger === "bitmap" ? level << 1 : level,
      sampledLines: this.trigger === "bitmap" ? 2 : 0,
      index: this.#nextIndex,
      tick: this.tickOf(row),
    };
    const flags = putSamplesHead(new DataView(frame.buffer, HEAD_BYTES), head, bitmap !== null);
    const data = frame.subarray(HEAD_BYTES + SAMPLES_HEAD);
    pack12(this.#words, this.truth.channelNames.length, this.mask, data);
    if (bitmap) new Uint32Array(frame.buffer, HEAD_BYTES + dataBytes, bitmap.length).set(bitmap);
    sealFrame(frame, RecordType.samples, flags, sequence);
    return frame;
  }

  #edges(edges: readonly TrueEdge[]): void {
    const wire = edges.map((e) => ({
      index: Math.ceil(e.row) - this.#firstRow,
      tick: this.tickOf(e.row),
      count: ++this.#edgeCount,
      line: 0,
      level: e.level,
    }));
    if (this.emit((sequence) => encodeEdges(wire, this.counters.run, sequence))) return;
    this.counters.edgesDropped += wire.length;
    this.#runDropped.edges += wire.length;
  }

  #status(nowNs: number): void {
    this.#statusDueNs += STATUS_NS;
    const [stalls, longestNs] = this.stalls();
    const status = {
      run: this.counters.run,
      running: true,
      tick: this.tickAt(nowNs),
      nextIndex: this.indexAfter(nowNs),
      framesDropped: this.#runDropped.frames,
      rowsOverrun: 0,
      stalls,
      longestStallTicks: Math.round((longestNs * TICK_HZ) / 1e9),
      edgesDropped: this.#runDropped.edges,
      commandsRefused: this.counters.commandsRefused - this.#refusedBefore,
    };
    this.emit((sequence) => encodeStatus(status, sequence));
  }
}

/** Bitmap of the trigger bit over a block's rows, or null when it does not change. */
function changes(words: Uint16Array, stride: number): Uint32Array | null {
  const map = new Uint32Array(ROWS_PER_BLOCK / 32);
  const first = valueAt(words, 0) >> TRIGGER_BIT;
  let changed = false;
  for (let row = 0; row < ROWS_PER_BLOCK; row++) {
    const level = words[row * stride]! >> TRIGGER_BIT;
    if (level !== first) changed = true;
    if (level === 1) map[row >> 5]! |= 1 << (row & 31);
  }
  return changed ? map : null;
}

/** Words of the masked channels → packed rows. Pairs of channels take three bytes. */
function pack12(words: Uint16Array, stride: number, mask: number, out: Uint8Array): void {
  const columns = channelsOf(mask);
  const rowBytes = rowBytesOf(mask, 12);
  for (let k = 0; k < columns.length; k += 2) {
    const [a, b] = [valueAt(columns, k), columns[k + 1]];
    let to = (k >> 1) * 3;
    for (let row = 0, from = 0; row < ROWS_PER_BLOCK; row++, from += stride, to += rowBytes) {
      const x = words[from + a]! & 0xfff;
      const y = b === undefined ? 0 : words[from + b]! & 0xfff;
      out[to] = x;
      out[to + 1] = (x >> 8) | (y << 4);
      if (b !== undefined) out[to + 2] = y >> 4;
    }
  }
}
