// A PowerSensor3 → rows of raw levels in the log, 20,000 a second, timed by the device's own microseconds.
// Twice a second the host sends a mark: it comes back in the sample stream, no more than a period before it was
// sent and earlier than it was read, and so ties the two clocks. Written after the maker's firmware
// (nlesc-recruit/PowerSensor3); not tested on hardware.

import { FinalSourceError } from "../../../schema/errors.ts";
import type { RowField } from "../../../schema/records.ts";
import type { Rig } from "../../../schema/rig.ts";
import { type Instant, instant } from "../../../schema/time.ts";
import { rowLayout } from "../../import/shared/rows.ts";
import type { Instrument } from "../../stream/instrument.ts";
import type { LossTexts } from "../../stream/loss-notes.ts";
import type { BytePort, OpenPort, PortSink, Stamp } from "../../ports/port.ts";
import { RowBlocks } from "../../stream/row-blocks.ts";
import type { DaqSink } from "../../stream/sink.ts";
import { startStream, type StreamSource } from "../../stream/stream-source.ts";
import { type TickedCounts, TickedRows, TURNS_LATE } from "../../stream/ticked-rows.ts";
import { configNotes, fieldOf, SENSORS } from "./config.ts";
import { greetPowerSensor3, type PowerSensor3 } from "./handshake.ts";
import { SET_BYTES, SetDecoder } from "./sets.ts";

export interface PowerSensor3Counts extends TickedCounts {
  readonly bytesSkipped: number;
  readonly setsBroken: number;
  /** Sets left out: each was told before. */
  readonly repeated: number;
  /** Marks that never came back, and marks that nobody had sent. */
  readonly marksLost: number;
  readonly marksStray: number;
}

/** A row: the words of a set as 16 bits each, little-endian; the mark stands above sensor 0's level. */
const ROW_BYTES = 2 * (1 + SENSORS);
const TICK_BITS = 10;
const MARK_BIT = 10;
const TICK: RowField = { name: "time_us", bitOffset: 0, bits: TICK_BITS, kind: "uint" };
const FIELDS: readonly RowField[] = [
  ...Array.from({ length: SENSORS }, (_, i): RowField => ({
    name: fieldOf(i),
    bitOffset: 16 * (i + 1),
    bits: 10,
    kind: "uint",
  })),
  { name: "mark", bitOffset: 16 + MARK_BIT, bits: 1, kind: "uint" },
];
/** 10 ms a block. */
const BLOCKS_HZ = 100;
/** The declared rate is judged by so many rows, and may be off by this much before the run says so. */
const RATE_ROWS = 20_000;
const RATE_TOLERANCE = 0.02;

/**
 * @throws SourceError when no PowerSensor3 answers.
 * @throws InputError when the rig reads what it does not have.
 */
export function startPowerSensor3(
  open: OpenPort,
  rig: Rig,
  sink: DaqSink,
  onFatal?: (error: unknown) => void,
): Promise<StreamSource<PowerSensor3Counts>> {
  return startStream(new PowerSensor3Instrument(open, rig, sink), sink, onFatal);
}

class PowerSensor3Instrument implements Instrument<PowerSensor3Counts> {
  readonly asksAgain = true;
  readonly losses: LossTexts<PowerSensor3Counts> = [
    ["rowsLost", "loss", "rows lost"],
    ["setsBroken", "warning", "sets broke off"],
    ["bytesSkipped", "warning", "bytes that were no set"],
    ["gapsUncertain", "warning", "gaps that may be 1.024 ms longer or shorter"],
    ["turnsLate", "info", TURNS_LATE],
    ["repeated", "warning", "sets sent again"],
    ["marksLost", "warning", "marks sent to the device did not come back"],
    ["marksStray", "info", "marks that nobody here had sent"],
  ];
  readonly #open: OpenPort;
  readonly #rig: Rig;
  readonly #sink: DaqSink;
  readonly #rows: TickedRows;
  readonly #sets: SetDecoder;
  readonly #row = new Uint8Array(ROW_BYTES);
  readonly #rowView = new DataView(this.#row.buffer);
  readonly #periodTicks: bigint;
  #device: PowerSensor3 | null = null;
  #sent: Instant<"host"> | null = null;
  #after: Stamp = null;
  #marksLost = 0;
  #marksStray = 0;
  #rateJudged = false;

  constructor(open: OpenPort, rig: Rig, sink: DaqSink) {
    this.#open = open;
    this.#rig = rig;
    this.#sink = sink;
    const { clock, rowHz } = rig.device;
    const layout = rowLayout(rig, ROW_BYTES, FIELDS, TICK);
    const blocks = new RowBlocks(sink, layout, Math.ceil(rowHz / BLOCKS_HZ));
    this.#rows = new TickedRows(blocks, {
      bits: TICK_BITS,
      ...clock,
      rowHz,
      gapPeriods: 1.5,
      wireBytes: SET_BYTES,
    });
    this.#periodTicks = BigInt(Math.ceil(clock.hz / rowHz));
    this.#sets = new SetDecoder(
      (words, marked, between) => this.#set(words, marked, between),
      clock.hz / rowHz,
    );
  }

  async connect(sink: PortSink): Promise<BytePort> {
    const { device, dialogue } = await greetPowerSensor3(this.#open);
    try {
      this.#recognise(device, dialogue.port.name);
      this.#sets.reset();
      this.#sent = null;
      const port = dialogue.handOver(sink);
      dialogue.tell("S");
      return port;
    } catch (error) {
      await dialogue.close();
      throw error;
    }
  }

  deviceJson(): string {
    const { version, sensors } = this.#device!;
    return JSON.stringify({
      schema: "device/1",
      model: "PowerSensor3",
      firmware: version,
      sensors: sensors.map(({ type, pair, vrefV, sensitivity, inUse }) => ({
        type,
        pair,
        vref_v: vrefV,
        sensitivity,
        in_use: inUse,
      })),
    });
  }

  bytes(chunk: Uint8Array, before: Stamp, after: Stamp): boolean {
    this.#after = after;
    this.#rows.beginRead(before, after);
    this.#sets.push(chunk);
    this.#rows.endRead();
    return true;
  }

  resume(): void {
    this.#rows.restart();
  }

  /** One mark is under way at a time; one that has not come back by now is lost. */
  async beat(port: BytePort): Promise<null> {
    if (this.#sent !== null) {
      this.#marksLost++;
      this.#sent = null; // the next one a beat later, so that a late one is not taken for it
      return null;
    }
    this.#sent = instant<"host">(process.hrtime.bigint());
    port.write(Buffer.from("M"));
    return null;
  }

  stop(port: BytePort | null): void {
    this.#rows.flush();
    port?.write(Buffer.from("T"));
  }

  counts(): PowerSensor3Counts {
    const [marksLost, marksStray] = [this.#marksLost, this.#marksStray];
    return { ...this.#rows.counts(), ...this.#sets.counts, marksLost, marksStray };
  }

  /** Boards differ in their rate (docs/instruments.md); time comes from the counter, losses from the rate. */
  doubts(): string[] {
    const { stream, rowHz, clock } = this.#rig.device;
    const step = this.#rows.usualStep(RATE_ROWS);
    if (this.#rateJudged || step === null) return [];
    this.#rateJudged = true;
    const seenHz = clock.hz / step;
    if (Math.abs(seenHz / rowHz - 1) <= RATE_TOLERANCE) return [];
    return [
      `${stream}: the rig declares ${rowHz} rows/s, the device counts ${seenHz.toFixed(0)}: lost rows are counted by the rig's rate`,
    ];
  }

  /** There is no serial number: version and configuration are all that tells one device from another. */
  #recognise(device: PowerSensor3, name: string): void {
    const known = this.#device;
    if (known && JSON.stringify(known) !== JSON.stringify(device))
      throw new FinalSourceError(`${name}: another PowerSensor3 answers than before`);
    if (known) return;
    this.#device = device;
    for (const note of configNotes(device.sensors, this.#rig)) this.#sink.note(note);
  }

  #set(words: Uint16Array, marked: boolean, between: number): void {
    for (let i = 0; i < words.length; i++) this.#rowView.setUint16(2 * i, words[i]!, true);
    if (!marked) return this.#rows.row(this.#row, words[0]!, between);
    this.#row[3]! |= 1 << (MARK_BIT - 8);
    const [sent, received] = [this.#sent, this.#after];
    this.#sent = null;
    if (sent === null) this.#marksStray++;
    this.#rows.row(this.#row, words[0]!, between, (tick) =>
      this.#placed(BigInt(tick), sent, received),
    );
  }

  #placed(tick: bigint, sent: Instant<"host"> | null, received: Stamp): void {
    const { stream } = this.#rig.device;
    this.#sink.edge({ line: "mark", stream, tick, level: null });
    if (sent === null || received === null) return;
    // Newer firmware marks the set that it is about to send, which was sampled before the mark came (pull
    // request 189), older the next that it samples.
    const deviceReceived = tick + this.#periodTicks;
    this.#sink.exchange({ stream, sent, deviceReceived, deviceSent: tick, received });
  }
}
