// A device that prints lines (an INA226 behind an Arduino, say) → rows in the log. There is no handshake
// and no checksum in such a stream: the rig declares format and rate, and what does not fit is counted.
// An INA226 converts in 140 µs at best, so such a stream is the slow reference, never the fast path.

import type { TextFormat } from "../schema/rig.ts";
import type { Instrument } from "./instrument.ts";
import { LineParser } from "./line-parser.ts";
import type { LossTexts } from "./loss-notes.ts";
import type { BytePort, OpenPort, PortSink, Stamp } from "./port.ts";
import { RowBlocks } from "./row-blocks.ts";
import type { DaqSink } from "./sink.ts";
import { startStream, type StreamSource } from "./stream-source.ts";
import { type RowReader, textLayout, textReader } from "./text-rows.ts";

export interface TextOptions {
  readonly open: OpenPort;
  readonly stream: string;
  readonly format: TextFormat;
  /** Rows per second, as the rig declares. */
  readonly rowHz: number;
  readonly onFatal?: (error: unknown) => void;
}

export interface TextCounts {
  readonly rows: number;
  /** Lines after the first good one that were no row. */
  readonly malformed: number;
  readonly overlong: number;
  readonly rowsLost: number;
}

/** The declared rate is judged over this long, and may be off by this much before the run says so. */
const RATE_NS = 5e9;
const RATE_TOLERANCE = 0.02;

/** @throws SourceError when the port cannot be opened. */
export function startText(options: TextOptions, sink: DaqSink): Promise<StreamSource<TextCounts>> {
  return startStream(new TextInstrument(options, sink), sink, options.onFatal);
}

class TextInstrument implements Instrument<TextCounts> {
  readonly asksAgain = false; // nobody could answer
  readonly losses: LossTexts<TextCounts> = [
    ["rowsLost", "loss", "rows lost"],
    ["malformed", "warning", "lines that were no row"],
    ["overlong", "warning", "lines too long to be a row"],
  ];
  readonly #options: TextOptions;
  readonly #read: RowReader;
  readonly #blocks: RowBlocks;
  readonly #lines = new LineParser((bytes, from, to) => this.#line(bytes, from, to));
  #malformed = 0;
  #firstNs: bigint | null = null;
  #after: Stamp = null;
  #rateJudged = false;

  constructor(options: TextOptions, sink: DaqSink) {
    this.#options = options;
    this.#read = textReader(options.format);
    this.#blocks = new RowBlocks(sink, textLayout(options.stream, options.format));
  }

  connect(sink: PortSink): Promise<BytePort> {
    this.#lines.reset();
    return this.#options.open(sink);
  }

  bytes(chunk: Uint8Array, before: Stamp, after: Stamp): void {
    this.#after = after;
    this.#blocks.stamp(before, after);
    this.#lines.push(chunk);
    this.#blocks.endRead();
  }

  /** Row indices go on by the host's clock. */
  resume(pauseNs: number): void {
    this.#blocks.lose(Math.round((pauseNs * this.#options.rowHz) / 1e9), true);
  }

  stop(): void {
    this.#blocks.flush();
  }

  counts(): TextCounts {
    const { overlong } = this.#lines;
    return { ...this.#blocks.counts, malformed: this.#malformed, overlong };
  }

  doubts(silent: boolean): string[] {
    return [...this.#lineDoubts(silent), ...this.#rateDoubts()];
  }

  #line(bytes: Uint8Array, from: number, to: number): void {
    const { view, at } = this.#blocks;
    if (this.#read(bytes, from, to, view, at)) {
      this.#firstNs ??= this.#after;
      this.#blocks.commit();
      return;
    }
    // What a device prints before its first row is its greeting.
    if (this.#firstNs === null) return;
    this.#malformed++;
    this.#blocks.lose(1);
  }

  #lineDoubts(silent: boolean): string[] {
    const gibberish = this.#firstNs === null && this.#lines.overlong > 0;
    if (!silent && !gibberish) return [];
    const { format, stream } = this.#options;
    const what = silent ? "no bytes for 2 s" : "bytes, but no line";
    return [
      `${stream}: ${what}: is ${format.baud} baud the device's rate, and does it print ${format.lines} lines?`,
    ];
  }

  #rateDoubts(): string[] {
    if (this.#rateJudged || this.#firstNs === null || this.#after === null) return [];
    const spanNs = Number(this.#after - this.#firstNs);
    if (spanNs < RATE_NS) return [];
    this.#rateJudged = true;
    const { rows, rowsLost } = this.#blocks.counts;
    const seen = ((rows + rowsLost) * 1e9) / spanNs;
    const { rowHz, stream } = this.#options;
    if (Math.abs(seen / rowHz - 1) <= RATE_TOLERANCE) return [];
    return [
      `${stream}: the rig declares ${rowHz} rows/s, ${seen.toFixed(1)} arrive: times and Joules by index are off by as much`,
    ];
  }
}
