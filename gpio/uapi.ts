// GPIO character device, uAPI v2: numbers and byte layouts of <linux/gpio.h>, and modem control of
// <asm-generic/ioctls.h>. Pure: values ↔ bytes, little-endian. C's names for what C names.
// test/gpio/uapi.test.ts checks every number against the header of the machine it runs on.

export const GPIO_GET_CHIPINFO_IOCTL = 0x8044b401;
export const GPIO_V2_GET_LINEINFO_IOCTL = 0xc100b405;
export const GPIO_V2_GET_LINE_IOCTL = 0xc250b407;
export const GPIO_V2_LINE_GET_VALUES_IOCTL = 0xc010b40e;
export const GPIO_V2_LINE_SET_VALUES_IOCTL = 0xc010b40f;

export const GPIO_V2_LINE_FLAG_USED = 1 << 0;
export const GPIO_V2_LINE_FLAG_INPUT = 1 << 2;
export const GPIO_V2_LINE_FLAG_OUTPUT = 1 << 3;
export const GPIO_V2_LINE_FLAG_EDGE_RISING = 1 << 4;
export const GPIO_V2_LINE_FLAG_EDGE_FALLING = 1 << 5;
export const GPIO_V2_LINE_ATTR_ID_FLAGS = 1;
export const GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES = 2;
export const GPIO_V2_LINE_EVENT_RISING_EDGE = 1;
export const GPIO_V2_LINE_EVENT_FALLING_EDGE = 2;

export const TIOCMBIS = 0x5416;
export const TIOCMBIC = 0x5417;
export const TIOCM_DTR = 2;
export const TIOCM_RTS = 4;

export const CHIPINFO_BYTES = 68;
export const LINEINFO_BYTES = 256;
export const REQUEST_BYTES = 592;
export const VALUES_BYTES = 16;
export const EVENT_BYTES = 48;

export interface ChipInfo {
  readonly name: string;
  readonly label: string;
  readonly lines: number;
}

export interface LineInfo {
  readonly offset: number;
  readonly name: string;
  readonly consumer: string;
  readonly flags: number;
}

export interface LineEvent {
  readonly timestampNs: bigint;
  readonly id: number;
  readonly offset: number;
  readonly seqno: number;
  readonly lineSeqno: number;
}

function text(b: Buffer, at: number): string {
  const end = b.indexOf(0, at);
  return b.toString("utf8", at, Math.min(end < 0 ? at + 32 : end, at + 32));
}

export function chipInfo(b: Buffer): ChipInfo {
  return { name: text(b, 0), label: text(b, 32), lines: b.readUInt32LE(64) };
}

export function lineInfoQuery(offset: number): Buffer {
  const b = Buffer.alloc(LINEINFO_BYTES);
  b.writeUInt32LE(offset, 64);
  return b;
}

export function lineInfo(b: Buffer): LineInfo {
  return {
    name: text(b, 0),
    consumer: text(b, 32),
    offset: b.readUInt32LE(64),
    flags: Number(b.readBigUInt64LE(72)),
  };
}

/** An attribute that replaces the request's own setting for the lines in `mask`. */
export interface Attribute {
  readonly id: number;
  readonly value: bigint;
  readonly mask: bigint;
}

/** struct gpio_v2_line_request. @param eventBuffer events to hold; 0 for the kernel's default. */
export function lineRequest(
  offsets: readonly number[],
  flags: number,
  attributes: readonly Attribute[],
  eventBuffer = 0,
): Buffer {
  const b = Buffer.alloc(REQUEST_BYTES);
  offsets.forEach((offset, i) => b.writeUInt32LE(offset, 4 * i));
  b.write("truejoule", 256, 31);
  b.writeBigUInt64LE(BigInt(flags), 288);
  b.writeUInt32LE(attributes.length, 296);
  attributes.forEach((a, i) => {
    const at = 320 + 24 * i;
    b.writeUInt32LE(a.id, at);
    b.writeBigUInt64LE(a.value, at + 8);
    b.writeBigUInt64LE(a.mask, at + 16);
  });
  b.writeUInt32LE(offsets.length, 560);
  b.writeUInt32LE(eventBuffer, 564);
  return b;
}

/** The file descriptor that the kernel put into a granted request. */
export const requestFd = (b: Buffer): number => b.readInt32LE(588);

/** struct gpio_v2_line_values for the first line of a request. */
export function lineValue(level: 0 | 1): Buffer {
  const b = Buffer.alloc(VALUES_BYTES);
  b.writeBigUInt64LE(BigInt(level), 0);
  b.writeBigUInt64LE(1n, 8);
  return b;
}

export function lineEvent(b: Buffer, at: number): LineEvent {
  return {
    timestampNs: b.readBigUInt64LE(at),
    id: b.readUInt32LE(at + 8),
    offset: b.readUInt32LE(at + 12),
    seqno: b.readUInt32LE(at + 16),
    lineSeqno: b.readUInt32LE(at + 20),
  };
}
