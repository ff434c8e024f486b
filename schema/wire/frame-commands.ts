// Commands of the wire protocol, host to device (docs/wire.md).

import { crc32 } from "node:zlib";
import { type Frame, makeFrame } from "./frame.ts";

export const CommandType = {
  identify: 0x40,
  capabilities: 0x41,
  readCalibration: 0x42,
  writeCalibration: 0x43,
  start: 0x44,
  stop: 0x45,
  configure: 0x46,
  ping: 0x47,
  mark: 0x48,
  bootloader: 0x49,
} as const;

/** Chosen so that no byte of the identify frame harms another instrument (docs/wire.md, Identification). */
export const IDENTIFY_SEQUENCE = 2;
export const CALIBRATION_PAGE = 256;
export const MAX_CALIBRATION = 4096;
/** "BOOT": a flipped bit must not send a device to its bootloader. */
export const BOOT_WORD = 0x544f4f42;
export interface Configuration {
  readonly rowHz: number;
  readonly mask: number;
  readonly bits: number;
}

export function encodeCommand(
  type: number,
  sequence: number,
  payload: Uint8Array = new Uint8Array(0),
): Uint8Array {
  return makeFrame(type, 0, sequence, payload);
}

export function encodeConfigure(c: Configuration, sequence: number): Uint8Array {
  const v = new DataView(new ArrayBuffer(8));
  v.setUint32(0, Math.round(c.rowHz * 1000), true);
  v.setUint8(4, c.mask);
  v.setUint8(5, c.bits);
  return encodeCommand(CommandType.configure, sequence, new Uint8Array(v.buffer));
}

export function decodeConfigure({ payload: v }: Frame): Configuration | undefined {
  if (v.byteLength < 8) return undefined;
  return { rowHz: v.getUint32(0, true) / 1000, mask: v.getUint8(4), bits: v.getUint8(5) };
}

export function encodeReadCalibration(offset: number, sequence: number): Uint8Array {
  return encodeCommand(CommandType.readCalibration, sequence, words(offset));
}

/** @param offset of the page within `whole`, @param data the page. */
export function encodeWriteCalibration(
  whole: Uint8Array,
  offset: number,
  data: Uint8Array,
  sequence: number,
): Uint8Array {
  const payload = new Uint8Array(12 + data.byteLength);
  payload.set(words(offset, whole.byteLength, crc32(whole)));
  payload.set(data, 12);
  return encodeCommand(CommandType.writeCalibration, sequence, payload);
}

export function encodeBootloader(sequence: number): Uint8Array {
  return encodeCommand(CommandType.bootloader, sequence, words(BOOT_WORD));
}

/** u32 words, little-endian. */
export function words(...values: number[]): Uint8Array {
  const v = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((w, i) => v.setUint32(4 * i, w, true));
  return new Uint8Array(v.buffer);
}
