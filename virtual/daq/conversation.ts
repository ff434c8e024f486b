// The virtual DAQ's half of the conversation: command frames → replies (docs/wire.md, Commands).

import { crc32 } from "node:zlib";
import {
  BOOT_WORD,
  CALIBRATION_PAGE,
  CommandType,
  decodeConfigure,
  MAX_CALIBRATION,
} from "../../schema/wire/frame-commands.ts";
import {
  type Capabilities,
  encodeCalibrationPage,
  encodeCapabilities,
  encodeIdentity,
  encodeMarked,
  encodePong,
  encodeReply,
  Result,
} from "../../schema/wire/frame-replies.ts";
import type { Frame } from "../../schema/wire/frame.ts";
import { ROWS_PER_BLOCK, TICK_HZ, type VirtualDevice } from "./device.ts";

const NOTHING = new Uint8Array(0);

/** Bytes without which a command is malformed. */
const LEAST_PAYLOAD: Readonly<Record<number, number>> = {
  [CommandType.readCalibration]: 4,
  [CommandType.writeCalibration]: 12,
  [CommandType.configure]: 8,
  [CommandType.bootloader]: 4,
};

/** A result and, if it is 0, the reply's body. */
type Answer = readonly [result: number, body: Uint8Array];

export class Conversation {
  readonly #device: VirtualDevice;
  readonly #serial: string;
  readonly #onBootloader: () => void;
  #calibration: Uint8Array = NOTHING;
  #pages: Uint8Array = new Uint8Array(MAX_CALIBRATION);
  #received = 0;

  constructor(device: VirtualDevice, serial: string, onBootloader: () => void) {
    this.#device = device;
    this.#serial = serial;
    this.#onBootloader = onBootloader;
  }

  /** @param nowNs when the frame's last byte was taken, ns since power-up. */
  command(frame: Frame, nowNs: number): void {
    const { counters } = this.#device;
    const isCommand = frame.type >= 0x40 && frame.type < 0x80;
    const isWhole = frame.payload.byteLength >= (LEAST_PAYLOAD[frame.type] ?? 0);
    const [result, body] = isWhole ? this.#answer(frame, nowNs) : [Result.badArgument, NOTHING];
    if (!isWhole || result === Result.unknownCommand) counters.commandsRefused++;
    if (!isCommand) return; // an echo of ours, or another device's record
    const { running } = this.#device;
    const head = {
      command: frame.type,
      request: frame.sequence,
      result,
      running,
      run: counters.run,
    };
    this.#device.emit((sequence) => encodeReply(head, body, sequence));
  }

  #answer(frame: Frame, nowNs: number): Answer {
    const d = this.#device;
    switch (frame.type) {
      case CommandType.identify:
        return [Result.done, this.#identity()];
      case CommandType.capabilities:
        return [Result.done, encodeCapabilities(this.#capabilities())];
      case CommandType.readCalibration:
        return this.#readCalibration(frame.payload);
      case CommandType.writeCalibration:
        return this.#writeCalibration(frame.payload);
      case CommandType.start:
        d.start(nowNs);
        return [Result.done, NOTHING];
      case CommandType.stop:
        d.stop();
        return [Result.done, NOTHING];
      case CommandType.configure:
        return this.#configure(frame);
      case CommandType.ping:
        return [Result.done, encodePong(d.tickAt(nowNs), d.tickAt(nowNs))];
      case CommandType.mark:
        return [Result.done, encodeMarked(d.indexAfter(nowNs), d.tickAt(nowNs))];
      case CommandType.bootloader:
        if (frame.payload.getUint32(0, true) !== BOOT_WORD) return [Result.badArgument, NOTHING];
        this.#onBootloader();
        return [Result.done, NOTHING];
      default:
        return [Result.unknownCommand, NOTHING];
    }
  }

  #identity(): Uint8Array {
    const model = "truejoule virtual";
    return encodeIdentity({ platform: "program", model, serial: this.#serial, firmware: "1.0.0" });
  }

  #capabilities(): Capabilities {
    const { truth, mask, trigger } = this.#device;
    const n = truth.channelNames.length;
    return {
      tickHz: TICK_HZ,
      tickTolerancePpb: 50_000,
      rowHz: truth.rowHz,
      maxSamplesHz: Math.ceil(truth.rowHz * n),
      mask,
      bits: 12,
      edgeLines: trigger === "edges" ? 1 : 0,
      sampledLines: trigger === "bitmap" ? 2 : 0,
      rowsPerBlock: ROWS_PER_BLOCK,
      channels: truth.channelNames.map((name, channel) => ({
        channel,
        converterBits: 12,
        signed: false,
        quantity: "unstated",
        skewNs: 0, // the model samples all channels of a row at once
        fullScaleUv: 3_300_000,
        bandwidthHz: null,
        name,
      })),
    };
  }

  /** The truth has one rate; the nearest rate to any other is that. */
  #configure(frame: Frame): Answer {
    const c = decodeConfigure(frame);
    const d = this.#device;
    if (d.running) return [Result.refused, NOTHING];
    const all = 2 ** d.truth.channelNames.length - 1;
    if (!c || c.bits !== 12 || c.mask === 0 || (c.mask & ~all) !== 0)
      return [Result.badArgument, NOTHING];
    d.mask = c.mask;
    return [Result.done, encodeCapabilities(this.#capabilities())];
  }

  #readCalibration(v: DataView): Answer {
    const offset = v.getUint32(0, true);
    if (offset > this.#calibration.length || offset % 4 !== 0) return [Result.badArgument, NOTHING];
    const data = this.#calibration.subarray(offset, offset + CALIBRATION_PAGE);
    const total = this.#calibration.length;
    return [Result.done, encodeCalibrationPage({ offset, total, data })];
  }

  #writeCalibration(v: DataView): Answer {
    if (this.#device.running) return [Result.refused, NOTHING];
    const [offset, total, crc] = [0, 4, 8].map((at) => v.getUint32(at, true)) as [
      number,
      number,
      number,
    ];
    const page = new Uint8Array(v.buffer, v.byteOffset + 12, v.byteLength - 12);
    if (offset === 0) this.#received = 0;
    const fits = total <= MAX_CALIBRATION && offset + page.length <= total;
    if (page.length > CALIBRATION_PAGE || offset > this.#received || !fits)
      return [Result.badArgument, NOTHING];
    this.#pages.set(page, offset);
    this.#received = offset + page.length;
    if (this.#received < total) return [Result.done, NOTHING];
    const whole = this.#pages.slice(0, total);
    if (crc32(whole) !== crc) return [Result.storageFailed, NOTHING];
    this.#calibration = whole;
    return [Result.done, NOTHING];
  }
}
