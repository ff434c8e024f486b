// An ElmorLabs PMD-USB → its frames as they are in the log, thousands a second, timed by their own 16-bit
// counter, whose rate nobody states well: the clock fit finds it. Written after the maker's and others'
// programs (ElmorLabs/PMD-USB, PMDLogger); not tested on hardware.

import { FinalSourceError } from "../../../schema/errors.ts";
import type { Rig } from "../../../schema/rig.ts";
import { rowLayout } from "../../import/shared/rows.ts";
import type { Instrument } from "../../stream/instrument.ts";
import type { LossTexts } from "../../stream/loss-notes.ts";
import type { BytePort, OpenAt, PortSink, Stamp } from "../../ports/port.ts";
import { RowBlocks } from "../../stream/row-blocks.ts";
import type { DaqSink } from "../../stream/sink.ts";
import { startStream, type StreamSource } from "../../stream/stream-source.ts";
import { type TickedCounts, TickedRows, TURNS_LATE } from "../../stream/ticked-rows.ts";
import { configNotes } from "./config.ts";
import { FIELDS, FRAME_BYTES, TICK } from "./frame.ts";
import { FrameDecoder, LONGEST_PERIODS } from "./frames.ts";
import {
  baudFor,
  FIRST_BAUD,
  greetPmdUsb,
  type PmdUsb,
  START,
  STOP,
  switchTo,
  uartCommand,
} from "./handshake.ts";

export interface PmdUsbCounts extends TickedCounts {
  readonly bytesSkipped: number;
  /** Frames left out: each was told before. */
  readonly repeated: number;
}

/** 10 ms a block. */
const BLOCKS_HZ = 100;

/**
 * @throws SourceError when no PMD-USB answers.
 * @throws InputError when the rig reads what it does not have, or faster than its UART can send.
 */
export function startPmdUsb(
  open: OpenAt,
  rig: Rig,
  sink: DaqSink,
  onFatal?: (error: unknown) => void,
): Promise<StreamSource<PmdUsbCounts>> {
  return startStream(new PmdUsbInstrument(open, rig, sink), sink, onFatal);
}

class PmdUsbInstrument implements Instrument<PmdUsbCounts> {
  readonly asksAgain = true;
  readonly losses: LossTexts<PmdUsbCounts> = [
    ["rowsLost", "loss", "rows lost"],
    ["bytesSkipped", "warning", "bytes that were no frame"],
    ["gapsUncertain", "warning", "gaps that may be one turn of the counter longer or shorter"],
    ["turnsLate", "info", TURNS_LATE],
    ["repeated", "warning", "frames sent again"],
  ];
  readonly #open: OpenAt;
  readonly #rig: Rig;
  readonly #sink: DaqSink;
  readonly #baud: number;
  readonly #rows: TickedRows;
  readonly #frames: FrameDecoder;
  #device: PmdUsb | null = null;

  constructor(open: OpenAt, rig: Rig, sink: DaqSink) {
    const { clock, rowHz } = rig.device;
    this.#open = open;
    this.#rig = rig;
    this.#sink = sink;
    this.#baud = baudFor(rowHz);
    const blocks = new RowBlocks(
      sink,
      rowLayout(rig, FRAME_BYTES, FIELDS, TICK),
      Math.ceil(rowHz / BLOCKS_HZ),
    );
    this.#rows = new TickedRows(blocks, {
      bits: TICK.bits,
      ...clock,
      rowHz,
      gapPeriods: LONGEST_PERIODS,
      wireBytes: FRAME_BYTES,
    });
    this.#frames = new FrameDecoder(
      (frame, tick, between) => this.#rows.row(frame, tick, between),
      clock.hz / rowHz,
    );
  }

  async connect(sink: PortSink): Promise<BytePort> {
    const { device, dialogue: first, baud } = await greetPmdUsb(this.#open);
    if (this.#device && this.#device.firmware !== device.firmware) {
      await first.close();
      throw new FinalSourceError(`${first.port.name}: another PMD-USB answers than before`);
    }
    if (!this.#device && device.config)
      for (const note of configNotes(device.config, this.#rig)) this.#sink.note(note);
    this.#device = device;
    const dialogue = baud === this.#baud ? first : await switchTo(first, this.#open, this.#baud);
    this.#frames.reset();
    const port = dialogue.handOver(sink);
    dialogue.tell(START);
    return port;
  }

  deviceJson(): string {
    const { firmware, config } = this.#device!;
    return JSON.stringify({
      schema: "device/1",
      model: "ElmorLabs PMD-USB",
      firmware,
      averaging: config?.averaging.conversions ?? null,
      offsets_counts: config?.offsets ?? null,
      gain_offsets: config?.gainOffsets ?? null,
    });
  }

  bytes(chunk: Uint8Array, before: Stamp, after: Stamp): boolean {
    this.#rows.beginRead(before, after);
    this.#frames.push(chunk);
    this.#rows.endRead();
    return true;
  }

  resume(): void {
    this.#rows.restart();
  }

  /** Other programs look for it at the rate that it begins with. */
  stop(port: BytePort | null): void {
    this.#rows.flush();
    port?.write(STOP);
    if (this.#baud !== FIRST_BAUD) port?.write(uartCommand(FIRST_BAUD));
  }

  counts(): PmdUsbCounts {
    return { ...this.#rows.counts(), ...this.#frames.counts };
  }

  doubts(): string[] {
    return [];
  }
}
