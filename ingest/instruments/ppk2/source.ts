// A Nordic PPK2 → its samples as they are in the log, 100,000 a second, each with the logic inputs beside the
// current. The counter of six bits says where samples are missing; a row's time is its number. Written after the
// maker's own program (NordicSemiconductor/pc-nrfconnect-ppk); not tested on hardware.

import { FinalSourceError, inputError } from "../../../schema/errors.ts";
import type { RowField, RowLayout } from "../../../schema/records.ts";
import type { Rig } from "../../../schema/rig.ts";
import { rowLayout } from "../../import/shared/rows.ts";
import type { Instrument } from "../../stream/instrument.ts";
import type { LossTexts } from "../../stream/loss-notes.ts";
import type { BytePort, OpenPort, PortSink, Stamp } from "../../ports/port.ts";
import { RowBlocks } from "../../stream/row-blocks.ts";
import type { DaqSink } from "../../stream/sink.ts";
import { startStream, type StreamSource } from "../../stream/stream-source.ts";
import { type TickedCounts, TickedRows, TURNS_LATE } from "../../stream/ticked-rows.ts";
import { conclusion, greetPpk2, preparation, probePpk2, START } from "./handshake.ts";
import { autoRange, calibrationNotes, COUNT_BITS, type Ppk2 } from "./metadata.ts";
import { COUNTER_BIT, COUNTER_BITS, WORD_BYTES, WordDecoder } from "./words.ts";

export interface Ppk2Counts extends TickedCounts {
  readonly bytesSkipped: number;
  /** Samples left out: each was told before. */
  readonly repeated: number;
}

/** Samples a second; there is no other rate. */
const ROW_HZ = 100_000;
/** 10 ms a block. */
const LEAST_ROWS = 1000;
const CURRENT = "current";
const LOGIC_BIT = 24;
const RANGE_BITS = 3;
const BATTERY_BIT = 17;

/**
 * @throws SourceError when no PPK2 answers.
 * @throws InputError when the rig asks for what it cannot do.
 */
export async function startPpk2(
  open: OpenPort,
  rig: Rig,
  sink: DaqSink,
  onFatal?: (error: unknown) => void,
): Promise<StreamSource<Ppk2Counts>> {
  checkRig(rig);
  // Asked before the stream is declared: what a code means is the device's to say.
  const device = await probePpk2(open);
  for (const note of calibrationNotes(device)) sink.note(note);
  const { feedsV } = rig.device;
  const does = feedsV === undefined ? "joins VIN to VOUT" : `feeds the rail, ${feedsV} V,`;
  sink.note({ level: "info", text: `the PPK2 ${does} until the end` });
  return startStream(new Ppk2Instrument(open, rig, device, sink), sink, onFatal);
}

/** @throws InputError where the rig would make wrong Joules of what a PPK2 sends. */
function checkRig({ name, device, rails }: Rig): void {
  if (device.rowHz !== ROW_HZ || device.clock.hz !== ROW_HZ)
    throw inputError("a PPK2 sends 100,000 samples a second", `rig ${name}`, '"100 kHz"');
  for (const { name: rail, current } of rails)
    if (current?.field === CURRENT && Math.abs(Math.abs(current.perCount) - 1) > 0.5)
      throw inputError(
        `rail ${rail}: a PPK2's current is in amperes, by its own calibration`,
        `rig ${name}`,
        'kind: direct, per_count: "1 A"',
      );
}

const bit = (name: string, bitOffset: number): RowField => ({
  name,
  bitOffset,
  bits: 1,
  kind: "uint",
});

/** The words as they came; the logic input that is the rig's trigger line is so declared. */
function layoutOf(rig: Rig, device: Ppk2): RowLayout {
  const { trigger, device: stated } = rig;
  const logic = Array.from({ length: 8 }, (_, i) => bit(`d${i}`, LOGIC_BIT + i));
  const fields: readonly RowField[] = [
    {
      name: CURRENT,
      bitOffset: 0,
      bits: COUNT_BITS + RANGE_BITS,
      kind: "uint",
      autoRange: autoRange(device, stated.feedsV ?? device.vddV ?? 0),
    },
    bit("battery", BATTERY_BIT),
    { name: "counter", bitOffset: COUNTER_BIT, bits: COUNTER_BITS, kind: "uint" },
    ...logic,
  ];
  const layout = rowLayout(rig, WORD_BYTES, fields);
  return trigger ? { ...layout, trigger: logic[trigger.daqLine]! } : layout;
}

class Ppk2Instrument implements Instrument<Ppk2Counts> {
  readonly asksAgain = true;
  readonly losses: LossTexts<Ppk2Counts> = [
    ["rowsLost", "loss", "rows lost"],
    ["bytesSkipped", "warning", "bytes left out, foreign or beside a loss"],
    ["gapsUncertain", "warning", "gaps that may be 64 rows longer or shorter"],
    ["turnsLate", "info", TURNS_LATE],
    ["repeated", "warning", "samples sent again"],
  ];
  readonly #open: OpenPort;
  readonly #feedsV: number | undefined;
  readonly #sink: DaqSink;
  readonly #device: Ppk2;
  readonly #rows: TickedRows;
  readonly #words: WordDecoder;
  readonly #row = new Uint8Array(WORD_BYTES);
  readonly #rowView = new DataView(this.#row.buffer);

  constructor(open: OpenPort, rig: Rig, device: Ppk2, sink: DaqSink) {
    const { clock, rowHz, feedsV } = rig.device;
    this.#open = open;
    this.#feedsV = feedsV;
    this.#sink = sink;
    this.#device = device;
    const blocks = new RowBlocks(sink, layoutOf(rig, device), LEAST_ROWS);
    this.#rows = new TickedRows(blocks, {
      bits: COUNTER_BITS,
      ...clock,
      rowHz,
      gapPeriods: 1.5,
      wireBytes: WORD_BYTES,
    });
    this.#words = new WordDecoder((word, counter, between) => {
      this.#rowView.setUint32(0, word, true);
      this.#rows.row(this.#row, counter, between);
    });
  }

  async connect(sink: PortSink): Promise<BytePort> {
    const { device, dialogue } = await greetPpk2(this.#open);
    try {
      if (calibrationOf(device) !== calibrationOf(this.#device))
        throw new FinalSourceError(`${dialogue.port.name}: another PPK2 answers than before`);
      this.#words.reset();
      const port = dialogue.handOver(sink);
      for (const command of [...preparation(this.#feedsV, device), START]) dialogue.tell(command);
      return port;
    } catch (error) {
      await dialogue.close();
      throw error;
    }
  }

  deviceJson(): string {
    const { hardware, calibrated, vddV, ranges, defaults } = this.#device;
    return JSON.stringify({
      schema: "device/1",
      model: "Nordic PPK2",
      hardware,
      calibrated,
      vdd_v: vddV,
      feeds_v: this.#feedsV ?? null,
      ranges: ranges.map(({ r, ...rest }) => ({ r_ohm: r, ...rest })),
      defaults,
    });
  }

  bytes(chunk: Uint8Array, before: Stamp, after: Stamp): boolean {
    this.#rows.beginRead(before, after);
    this.#words.push(chunk);
    this.#rows.endRead();
    return true;
  }

  resume(): void {
    this.#rows.restart();
  }

  stop(port: BytePort | null): void {
    this.#rows.flush();
    const { rangeChanges: count } = this.#words.counts;
    const text = `${count} changes of range; the rows just after each may be off`;
    if (count > 0) this.#sink.note({ level: "info", text, count });
    for (const command of conclusion(this.#feedsV)) port?.write(command);
  }

  counts(): Ppk2Counts {
    const { bytesSkipped, repeated } = this.#words.counts;
    return { ...this.#rows.counts(), bytesSkipped, repeated };
  }

  doubts(): string[] {
    return [];
  }
}

/** There is no serial number in what it says; no two have the same figures, and they do not change. */
const calibrationOf = ({ ranges }: Ppk2): string => JSON.stringify(ranges);
