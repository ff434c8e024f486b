// The frame of the DAQ wire protocol (docs/wire.md): a header, a payload, a CRC-32. What the payloads
// mean is in frame-records.ts (device to host) and frame-commands.ts (host to device and back).
// Pure; the golden bytes in test/vectors are shared with the firmware.

import { crc32 } from "node:zlib";

export const SYNC = [0xf7, 0x54, 0x4a] as const;
export const VERSION = 1;
/** Sync, version, type, flags, length, sequence. */
export const HEAD_BYTES = 12;
/** Header and CRC. */
export const FRAME_OVERHEAD = 16;
export const MAX_PAYLOAD = 16_384;
export const MAX_FRAME = FRAME_OVERHEAD + MAX_PAYLOAD;

export const RecordType = { samples: 0x01, edges: 0x02, readings: 0x03, status: 0x04 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** u32, modulo 2^32. */
  readonly sequence: number;
  readonly crc: number;
  /** Exactly the payload; its first byte is byte 12 of the frame. */
  readonly payload: DataView;
}

/** A frame of its own; the payload is copied. Its length must be a multiple of 4. */
export function makeFrame(
  type: number,
  flags: number,
  sequence: number,
  payload: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(FRAME_OVERHEAD + payload.byteLength);
  bytes.set(payload, HEAD_BYTES);
  sealFrame(bytes, type, flags, sequence);
  return bytes;
}

/** Writes header and CRC around a payload that already stands at byte 12 of `bytes`, the whole frame. */
export function sealFrame(bytes: Uint8Array, type: number, flags: number, sequence: number): void {
  const v = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.byteLength - FRAME_OVERHEAD;
  if (length % 4 !== 0 || length < 0 || length > MAX_PAYLOAD)
    throw new RangeError(`a payload of ${length} bytes is no multiple of 4 up to ${MAX_PAYLOAD}`);
  bytes.set(SYNC, 0);
  bytes[3] = VERSION;
  bytes[4] = type;
  bytes[5] = flags;
  v.setUint16(6, length, true);
  v.setUint32(8, sequence, true);
  v.setUint32(HEAD_BYTES + length, crc32(bytes.subarray(0, HEAD_BYTES + length)), true);
}

/** One whole frame, checked. @returns undefined when it is anything else. */
export function openFrame(bytes: Uint8Array): Frame | undefined {
  const size = frameSize(bytes, 0);
  if (size !== bytes.byteLength || !crcFits(bytes, 0, size)) return undefined;
  return frameAt(bytes, 0, size);
}

/**
 * Bytes of the frame whose sync stands at `at`, by its header (12 bytes must be there).
 * @returns 0 when sync, version or length forbid it.
 */
export function frameSize(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== SYNC[0] || bytes[at + 1] !== SYNC[1] || bytes[at + 2] !== SYNC[2]) return 0;
  const length = bytes[at + 6]! | (bytes[at + 7]! << 8);
  if (bytes[at + 3] !== VERSION || length > MAX_PAYLOAD || length % 4 !== 0) return 0;
  return FRAME_OVERHEAD + length;
}

export function crcFits(bytes: Uint8Array, at: number, size: number): boolean {
  const end = at + size - 4;
  const said =
    bytes[end]! | (bytes[end + 1]! << 8) | (bytes[end + 2]! << 16) | (bytes[end + 3]! << 24);
  return crc32(bytes.subarray(at, end)) === said >>> 0;
}

/** View of a frame known to be whole and right. */
export function frameAt(bytes: Uint8Array, at: number, size: number): Frame {
  const v = new DataView(bytes.buffer, bytes.byteOffset + at, size);
  return {
    type: bytes[at + 4]!,
    flags: bytes[at + 5]!,
    sequence: v.getUint32(8, true),
    crc: v.getUint32(size - 4, true),
    payload: new DataView(bytes.buffer, bytes.byteOffset + at + HEAD_BYTES, size - FRAME_OVERHEAD),
  };
}

/** u64 as a number. @returns NaN beyond 2^53, which no counter of a sane device reaches. */
export function readU64(v: DataView, at: number): number {
  const high = v.getUint32(at + 4, true);
  return high < 0x200000 ? high * 4294967296 + v.getUint32(at, true) : NaN;
}

export function writeU64(v: DataView, at: number, value: number): void {
  v.setUint32(at, value >>> 0, true);
  v.setUint32(at + 4, Math.floor(value / 4294967296), true);
}
