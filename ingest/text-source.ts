// A device that prints lines (an INA226 behind an Arduino, say) → rows in the log. There is no handshake
// and no checksum in such a stream: the rig declares format and rate, and what does not fit is counted.
// An INA226 converts in 140 µs at best, so such a stream is the slow reference, never the fast path.

import type { SourceError } from "../schema/errors.ts";
import { BlockFlag, type RowLayout } from "../schema/records.ts";
import type { TextFormat } from "../schema/rig.ts";
import { type Instant, instant } from "../schema/time.ts";
import { LineParser } from "./line-parser.ts";
import type { BytePort, OpenPort, Stamp } from "./port.ts";
import type { DaqSink } from "./sink.ts";
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
  rows: number;
  /** Lines after the first good one that were no row. */
  malformed: number;
  overlong: number;
  rowsLost: number;
  reconnects: number;
}

const BLOCK_ROWS = 1024;
const CHECK_MS = 1000;
const REOPEN_MS = 200;
/** The declared rate is judged over this long, and may be off by this much before the run says so. */
const RATE_NS = 5e9;
const RATE_TOLERANCE = 0.02;
const SILENCE_NS = 2_000_000_000n;

const hostNow = (): Instant<"host"> => instant<"host">(process.hrtime.bigint());

/** @throws SourceError when the port cannot be opened. */
export async function startText(options: TextOptions, sink: DaqSink): Promise<TextSource> {
  const source = new TextSource(options, sink);
  await source.connect();
  return source;
}

export class TextSource {
  readonly #options: TextOptions;
  readonly #sink: DaqSink;
  readonly #layout: RowLayout;
  readonly #read: RowReader;
  readonly #lines = new LineParser((bytes, from, to) => this.#line(bytes, from, to));
  readonly #block: DataView;
  readonly #counts: TextCounts = { rows: 0, malformed: 0, overlong: 0, rowsLost: 0, reconnects: 0 };
  #port: BytePort | null = null;
  #rows = 0;
  #next = 0;
  #flags = 0;
  #before: Stamp = null;
  #after: Stamp = null;
  #firstNs: bigint | null = null;
  #heardNs = process.hrtime.bigint();
  #said = { rate: false, silence: false };
  #told: TextCounts;
  #stopping = false;
  #recovering: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TextOptions, sink: DaqSink) {
    this.#options = options;
    this.#sink = sink;
    this.#layout = textLayout(options.stream, options.format);
    this.#read = textReader(options.format);
    this.#block = new DataView(new ArrayBuffer(BLOCK_ROWS * this.#layout.rowBytes));
    this.#told = this.counts();
    sink.declareRows(this.#layout);
  }

  get timing(): string {
    return this.#port?.timing ?? "not connected";
  }

  counts(): TextCounts {
    return { ...this.#counts, overlong: this.#lines.overlong };
  }

  async connect(): Promise<void> {
    await this.#open();
    this.#timer = setInterval(() => this.#check(), CHECK_MS);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    await this.#recovering;
    await this.#port?.close();
    this.#port = null;
    this.#check();
  }

  async #open(): Promise<void> {
    this.#lines.reset();
    this.#port = await this.#options.open({
      bytes: (chunk, before, after) => this.#bytes(chunk, before, after),
      closed: (error) => this.#closed(error),
    });
  }

  #bytes(chunk: Uint8Array, before: Stamp, after: Stamp): void {
    this.#heardNs = process.hrtime.bigint();
    [this.#before, this.#after] = [before, after];
    try {
      this.#lines.push(chunk);
      this.#emit();
    } catch (error) {
      this.#stopping = true; // only the sink can throw
      clearInterval(this.#timer);
      this.#options.onFatal?.(error);
    }
  }

  #line(bytes: Uint8Array, from: number, to: number): void {
    if (this.#read(bytes, from, to, this.#block, this.#rows * this.#layout.rowBytes)) {
      this.#firstNs ??= this.#after;
      if (++this.#rows === BLOCK_ROWS) this.#emit();
    } else if (this.#firstNs !== null) this.#malformed();
    // What a device prints before its first row is its greeting.
  }

  #malformed(): void {
    this.#emit();
    this.#counts.malformed++;
    this.#lose(1);
  }

  #lose(rows: number): void {
    this.#counts.rowsLost += rows;
    this.#next += rows;
    this.#flags |= BlockFlag.gapBefore;
  }

  #emit(): void {
    if (this.#rows === 0) return;
    const rows = this.#rows;
    this.#rows = 0;
    this.#sink.rows({
      stream: this.#layout.stream,
      firstIndex: this.#next,
      deviceTick: null,
      hostBefore: this.#before,
      hostAfter: this.#after,
      rows,
      flags: this.#flags,
      bytes: new Uint8Array(this.#block.buffer, 0, rows * this.#layout.rowBytes),
    });
    this.#flags = 0;
    this.#next += rows;
    this.#counts.rows += rows;
  }

  #closed(error: SourceError | null): void {
    this.#port = null;
    if (error === null || this.#stopping) return;
    this.#sink.note({ level: "loss", text: error.message, t: hostNow() });
    this.#recovering ??= this.#comeBack().finally(() => (this.#recovering = null));
  }

  async #comeBack(): Promise<void> {
    const goneNs = process.hrtime.bigint();
    for (; !this.#stopping; await new Promise((r) => setTimeout(r, REOPEN_MS))) {
      try {
        await this.#open();
      } catch {
        continue; // not plugged in yet
      }
      this.#counts.reconnects++;
      const pauseNs = Number(process.hrtime.bigint() - goneNs);
      this.#lose(Math.round((pauseNs * this.#options.rowHz) / 1e9));
      this.#flags |= BlockFlag.restart;
      return;
    }
  }

  /** Once a second: losses, silence, and whether the declared rate is the real one. */
  #check(): void {
    const [was, now] = [this.#told, this.counts()];
    this.#told = now;
    const tell = (level: "loss" | "warning", count: number, text: string): void => {
      if (count > 0) this.#sink.note({ level, text: `${count} ${text}`, count, t: hostNow() });
    };
    tell("loss", now.rowsLost - was.rowsLost, "rows lost");
    tell("warning", now.malformed - was.malformed, "lines that were no row");
    tell("warning", now.overlong - was.overlong, "lines too long to be a row");
    this.#checkSilence();
    this.#checkRate();
  }

  #checkSilence(): void {
    const { format } = this.#options;
    const silent = process.hrtime.bigint() - this.#heardNs > SILENCE_NS;
    const gibberish = this.#firstNs === null && this.#lines.overlong > 0;
    if (this.#said.silence || !(silent || gibberish) || this.#stopping) return;
    this.#said.silence = true;
    const what = silent ? "no bytes for 2 s" : "bytes, but no line";
    this.#warn(
      `${what}: is ${format.baud} baud the device's rate, and does it print ${format.lines} lines?`,
    );
  }

  #checkRate(): void {
    if (this.#said.rate || this.#firstNs === null || this.#after === null) return;
    const spanNs = Number(this.#after - this.#firstNs);
    if (spanNs < RATE_NS) return;
    this.#said.rate = true;
    const seen = (this.#next * 1e9) / spanNs;
    const { rowHz } = this.#options;
    if (Math.abs(seen / rowHz - 1) <= RATE_TOLERANCE) return;
    this.#warn(
      `the rig declares ${rowHz} rows/s, ${seen.toFixed(1)} arrive: times and Joules by index are off by as much`,
    );
  }

  #warn(text: string): void {
    this.#sink.note({ level: "warning", text: `${this.#layout.stream}: ${text}`, t: hostNow() });
  }
}
