// A sink for a stream of any length: counts, sums and extremes of what comes, never the stream itself. In: records.
// Out: how often each input had each code, how even edges and readings are, the device's pace. Stamps that somebody
// wants to see one by one go on to whoever writes them down.

import type { DaqSink } from "../../ingest/stream/sink.ts";
import { endBoundTicks, ReadingStatus } from "../../schema/wire/ina226.ts";
import {
  BlockFlag,
  type ClockExchange,
  type Edge,
  type RowLayout,
  type SampleBlock,
} from "../../schema/records.ts";
import { PaceWatch } from "./pace.ts";

export const CODES = 4096;

/** Whoever writes stamps down. */
export interface StampSink {
  edge(edge: Edge): void;
  /** @param boundTicks how far the end may be off. */
  reading(stream: string, endTick: bigint, boundTicks: number, status: number): void;
}

export class Watch implements DaqSink {
  rowCount = 0;
  /** For each input, how often each 12-bit code came. */
  readonly codes = new Map<string, Float64Array>();
  readonly edges = new EdgeWatch();
  /** By stream, `main.ina226-40` for example. */
  readonly readings = new Map<string, ReadingWatch>();
  readonly pace: PaceWatch;
  readonly #stamps: StampSink | null;
  #inputs: { readonly byte: number; readonly shift: number; readonly counts: Float64Array }[] = [];
  #rowBytes = 0;

  /** @param seconds that the stream is to last. */
  constructor(seconds: number, stamps: StampSink | null = null) {
    this.pace = new PaceWatch(seconds);
    this.#stamps = stamps;
  }

  declareRows({ stream, rowBytes, fields }: RowLayout): void {
    if (stream.includes(".ina226-")) return void this.readings.set(stream, new ReadingWatch());
    this.#rowBytes = rowBytes;
    this.#inputs = fields.map(({ name, bitOffset }) => {
      const counts = this.codes.get(name) ?? new Float64Array(CODES);
      this.codes.set(name, counts);
      return { byte: bitOffset >> 3, shift: bitOffset & 7, counts };
    });
  }

  rows(block: SampleBlock): void {
    const readings = this.readings.get(block.stream);
    if (readings) return this.#reading(readings, block);
    if (block.flags & BlockFlag.restart) this.pace.restart();
    const { bytes, rows } = block;
    for (const { byte, shift, counts } of this.#inputs)
      for (let r = 0, at = byte; r < rows; r++, at += this.#rowBytes)
        counts[((bytes[at]! | (bytes[at + 1]! << 8)) >> shift) & (CODES - 1)]!++;
    this.rowCount += rows;
  }

  edge(edge: Edge): void {
    this.edges.see(edge);
    this.#stamps?.edge(edge);
  }

  exchange(exchange: ClockExchange): void {
    this.pace.see(exchange);
  }

  note(): void {}

  #reading(readings: ReadingWatch, { stream, deviceTick, bytes }: SampleBlock): void {
    const status = bytes[STATUS_AT]!;
    readings.see(Number(deviceTick), status);
    this.#stamps?.reading(stream, deviceTick!, endBoundTicks(status), status);
  }
}

/** Of a reading's entry (docs/wire.md, 03). */
const STATUS_AT = 23;

/** How far values, each with a bound of its own, lie off their mean. */
export class Evenness {
  count = 0;
  #sum = 0;
  #most = -Infinity;
  #least = Infinity;

  see(value: number, bound = 0): void {
    this.count++;
    this.#sum += value;
    this.#most = Math.max(this.#most, value - bound);
    this.#least = Math.min(this.#least, value + bound);
  }

  /** NaN of none. */
  get mean(): number {
    return this.#sum / this.count;
  }

  /** Beyond its bound; −∞ of none. */
  get worst(): number {
    return this.count === 0 ? -Infinity : Math.max(this.#most - this.mean, this.mean - this.#least);
  }
}

/** Edges of one line: levels in turn, and whole periods, ticks. */
export class EdgeWatch {
  count = 0;
  alternate = true;
  readonly periods = new Evenness();
  #last: Edge | null = null;
  #lastButOne: Edge | null = null;

  see(edge: Edge): void {
    this.count++;
    if (this.#last?.level === edge.level) this.alternate = false;
    if (this.#lastButOne) this.periods.see(Number(edge.tick! - this.#lastButOne.tick!));
    this.#lastButOne = this.#last;
    this.#last = edge;
  }
}

/** Readings of one chip: steps from end to end, ticks, each with the bounds of both ends. */
export class ReadingWatch {
  count = 0;
  /** Not read, or the chip's arithmetic overflowed. */
  unusable = 0;
  /** Stamped by the chip's own alert. */
  exact = 0;
  mostBoundTicks = 0;
  readonly steps = new Evenness();
  #last: { readonly end: number; readonly bound: number } | null = null;

  see(end: number, status: number): void {
    const bound = endBoundTicks(status);
    this.count++;
    if (status & (ReadingStatus.notRead | ReadingStatus.overflow)) this.unusable++;
    if (status === 0) this.exact++;
    this.mostBoundTicks = Math.max(this.mostBoundTicks, bound);
    if (this.#last) this.steps.see(end - this.#last.end, bound + this.#last.bound);
    this.#last = { end, bound };
  }
}

/** Mean and standard deviation of the codes of one input. */
export function spread(counts: Float64Array): [mean: number, sd: number] {
  const n = counts.reduce((a, k) => a + k, 0);
  const mean = counts.reduce((a, k, code) => a + k * code, 0) / n;
  const square = counts.reduce((a, k, code) => a + k * (code - mean) ** 2, 0) / n;
  return [mean, Math.sqrt(square)];
}
