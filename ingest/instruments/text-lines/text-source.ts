// A device that prints lines (an INA226 behind an Arduino, say) → rows in the log. There is no handshake
// and no checksum in such a stream: the rig declares format and rate, and what does not fit is counted and
// shown. An INA226 converts in 140 µs at best, so such a stream is the slow reference, never the fast path.

import type { TextFormat } from "../../../schema/rig.ts";
import type { Instrument } from "../../stream/instrument.ts";
import { LineParser } from "./line-parser.ts";
import { LineDoubts } from "./line-doubts.ts";
import type { LossTexts } from "../../stream/loss-notes.ts";
import type { BytePort, OpenPort, PortSink, Stamp } from "../../ports/port.ts";
import { RateChecks } from "./rate-checks.ts";
import { RowBlocks } from "../../stream/row-blocks.ts";
import type { DaqSink } from "../../stream/sink.ts";
import { startStream, type StreamSource } from "../../stream/stream-source.ts";
import type { LineCounts, LineRows } from "./line-rows.ts";
import { lineRows } from "./text-lines.ts";
import { type RowReader, textLayout, textReader } from "./text-rows.ts";

export interface TextOptions {
  readonly open: OpenPort;
  readonly stream: string;
  readonly format: TextFormat;
  /** Rows per second, as the rig declares. */
  readonly rowHz: number;
  /** Of the counter, where there is one: ticks per second and their relative standard uncertainty. */
  readonly clock?: { readonly hz: number; readonly uRel: number };
  readonly onFatal?: (error: unknown) => void;
}

export interface TextCounts extends LineCounts {
  /** Lines that were no row, the device's greeting not among them. */
  readonly malformed: number;
  readonly overlong: number;
}

/** Lines that a device may print before its first row. */
const GREETING_LINES = 16;
/** A device that says its greeting again after so many periods without a row has restarted. */
const PAUSE_PERIODS = 2.5;

/** @throws SourceError when the port cannot be opened. */
export function startText(options: TextOptions, sink: DaqSink): Promise<StreamSource<TextCounts>> {
  return startStream(new TextInstrument(options, sink), sink, options.onFatal);
}

class TextInstrument implements Instrument<TextCounts> {
  readonly asksAgain = false; // nobody could answer
  readonly losses: LossTexts<TextCounts> = [
    ["rowsLost", "loss", "rows lost"],
    ["restarts", "loss", "times the device restarted"],
    ["holes", "warning", "gaps whose rows are counted by the host's clock"],
    [
      "excess",
      "warning",
      "rows more than the host's clock allows: lines sent twice, or foreign ones",
    ],
    ["badCounters", "warning", "rows whose counter cannot be"],
    ["repeated", "warning", "rows with the counter of the row before"],
    ["malformed", "warning", "lines that were no row"],
    ["overlong", "warning", "lines too long to be a row"],
  ];
  readonly #options: TextOptions;
  readonly #read: RowReader;
  readonly #row: DataView;
  readonly #rows: LineRows;
  readonly #lines: LineParser;
  readonly #doubts: LineDoubts;
  readonly #rowRate: RateChecks;
  readonly #tickRate: RateChecks | null;
  /** What it printed before its first row. */
  readonly #greeting = new Set<string>();
  #greetingLines = 0;
  #malformed = 0;
  #rowsSeen = 0;
  #hostNs: number | null = null;
  #lastRowNs: number | null = null;

  constructor(options: TextOptions, sink: DaqSink) {
    const { format, stream, rowHz, clock = { hz: rowHz, uRel: 0 } } = options;
    this.#options = options;
    this.#read = textReader(format);
    const layout = textLayout(stream, format);
    this.#row = new DataView(new ArrayBuffer(layout.rowBytes));
    this.#rows = lineRows(new RowBlocks(sink, layout), format, { rowHz, ...clock });
    this.#lines = new LineParser(
      (bytes, from, to) => this.#line(bytes, from, to),
      () => this.#spoiled(),
    );
    this.#doubts = new LineDoubts(stream, format, rowHz);
    this.#rowRate = new RateChecks(rowHz);
    this.#tickRate = format.tick ? new RateChecks(clock.hz) : null;
  }

  connect(sink: PortSink): Promise<BytePort> {
    this.#lines.reset();
    return this.#options.open(sink);
  }

  bytes(chunk: Uint8Array, before: Stamp, after: Stamp): boolean {
    this.#hostNs = after === null ? null : Number(after);
    this.#doubts.read(this.#hostNs);
    this.#rows.beginRead(before, after);
    const { restarts } = this.#rows.counts();
    const seen = this.#rowsSeen;
    this.#lines.push(chunk);
    this.#rows.endRead();
    if (this.#rowsSeen > seen && after !== null) this.#judgeRates(Number(after), restarts);
    return true;
  }

  resume(): void {
    this.#rows.restart();
    this.#rowRate.begin();
    this.#tickRate?.begin();
  }

  stop(): void {
    this.#rows.flush();
    this.#doubts.end();
  }

  counts(): TextCounts {
    const { overlong } = this.#lines;
    return { ...this.#rows.counts(), malformed: this.#malformed, overlong };
  }

  doubts(silent: boolean): string[] {
    return [...this.#doubts.take(silent, this.#lines.overlong), ...this.#rateDoubts()];
  }

  #line(bytes: Uint8Array, from: number, to: number): void {
    if (this.#read(bytes, from, to, this.#row, 0)) {
      this.#rowsSeen++;
      this.#lastRowNs = this.#hostNs;
      this.#doubts.row();
      return this.#rows.row(this.#row);
    }
    const line = Buffer.from(bytes.subarray(from, to)).toString("latin1");
    this.#doubts.noRow(line);
    if (this.#rowsSeen === 0 && this.#greetingLines < GREETING_LINES) {
      this.#greeting.add(line);
      this.#greetingLines++;
      return;
    }
    this.#malformed++;
    if (this.#greeting.has(line) && this.#paused()) this.#rows.restart();
    else this.#spoiled();
  }

  #spoiled(): void {
    if (this.#rowsSeen > 0) this.#rows.spoiled();
  }

  #paused(): boolean {
    if (this.#hostNs === null || this.#lastRowNs === null) return false;
    return this.#hostNs - this.#lastRowNs >= (PAUSE_PERIODS * 1e9) / this.#options.rowHz;
  }

  #judgeRates(hostNs: number, restartsBefore: number): void {
    const { rowsLost, restarts, repeated, badCounters } = this.#rows.counts();
    if (restarts !== restartsBefore) {
      this.#rowRate.begin();
      this.#tickRate?.begin();
    }
    this.#rowRate.read(hostNs, this.#rowsSeen + rowsLost - repeated - badCounters);
    if (this.#rows.counter !== null) this.#tickRate?.read(hostNs, this.#rows.counter);
  }

  #rateDoubts(): string[] {
    const { rowHz, stream, clock } = this.#options;
    const out: string[] = [];
    const rows = this.#rowRate.news();
    const off = this.#tickRate
      ? "lost rows are counted by the rig's rate"
      : "times and Joules by index are off by as much";
    if (rows !== null)
      out.push(`${stream}: the rig declares ${rowHz} rows/s, ${rows.toFixed(1)} arrive: ${off}`);
    const ticks = this.#tickRate?.news() ?? null;
    if (ticks !== null && ticks > 0)
      out.push(
        `${stream}: the rig declares a counter of ${clock!.hz} ticks/s, it counts ${ticks.toPrecision(6)}: correct device.clock.rate in the rig`,
      );
    return out;
  }
}
