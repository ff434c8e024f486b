// Replies of the wire protocol, device to host (docs/wire.md). Both ways, since the virtual DAQ speaks them.
// Offsets count from the reply's body, so they are the page's less 24.

import { words } from "./frame-commands.ts";
import { type Frame, makeFrame, readU64, writeU64 } from "./frame.ts";

/** Reply type of a command type. */
export const replyTo = (command: number): number => 0x80 | command;

export const Result = {
  done: 0,
  unknownCommand: 1,
  badArgument: 2,
  refused: 3,
  storageFailed: 4,
} as const;

const RESULT_TEXT = [
  "done",
  "unknown command",
  "bad argument",
  "refused in this state",
  "storage failed",
];

export const resultText = (result: number): string => RESULT_TEXT[result] ?? `result ${result}`;

/** Request, result, state, run. */
const REPLY_HEAD = 12;

const PLATFORMS = ["silicon", "emulator", "program"] as const;
const QUANTITIES = ["unstated", "voltage", "current", "temperature"] as const;
const CAPABILITIES_BYTES = 24;
const CHANNEL_BYTES = 32;

export interface Reply {
  /** Type of the command it answers. */
  readonly command: number;
  readonly request: number;
  readonly result: number;
  readonly running: boolean;
  readonly run: number;
  readonly body: DataView;
}

export interface Identity {
  readonly platform: "silicon" | "emulator" | "program";
  readonly model: string;
  readonly serial: string;
  readonly firmware: string;
}

export interface ChannelCapability {
  readonly channel: number;
  readonly converterBits: number;
  readonly signed: boolean;
  readonly quantity: "unstated" | "voltage" | "current" | "temperature";
  /** Sampling instant after the row's tick. */
  readonly skewNs: number;
  /** Of 2^bits counts, at the pin. */
  readonly fullScaleUv: number;
  readonly bandwidthHz: number | null;
  readonly name: string;
}

export interface Capabilities {
  readonly tickHz: number;
  readonly tickTolerancePpb: number;
  readonly rowHz: number;
  readonly maxSamplesHz: number;
  readonly mask: number;
  readonly bits: 12 | 16;
  readonly edgeLines: number;
  readonly sampledLines: number;
  readonly rowsPerBlock: number;
  readonly channels: readonly ChannelCapability[];
}

export interface CalibrationPage {
  readonly offset: number;
  readonly total: number;
  readonly data: Uint8Array;
}

export function encodeReply(
  r: Omit<Reply, "body">,
  body: Uint8Array,
  sequence: number,
): Uint8Array {
  const payload = new Uint8Array(REPLY_HEAD + body.byteLength);
  const v = new DataView(payload.buffer);
  v.setUint32(0, r.request, true);
  v.setUint16(4, r.result, true);
  v.setUint16(6, r.running ? 1 : 0, true);
  v.setUint32(8, r.run, true);
  payload.set(body, REPLY_HEAD);
  return makeFrame(replyTo(r.command), 0, sequence, payload);
}

export function decodeReply({ type, payload: v }: Frame): Reply | undefined {
  if (type < 0xc0 || v.byteLength < REPLY_HEAD) return undefined;
  return {
    command: type & 0x7f,
    request: v.getUint32(0, true),
    result: v.getUint16(4, true),
    running: (v.getUint16(6, true) & 1) === 1,
    run: v.getUint32(8, true),
    body: new DataView(v.buffer, v.byteOffset + REPLY_HEAD, v.byteLength - REPLY_HEAD),
  };
}

export function encodeIdentity(i: Identity): Uint8Array {
  const out = new Uint8Array(56);
  out[0] = PLATFORMS.indexOf(i.platform);
  putText(out, 4, 20, i.model);
  putText(out, 24, 16, i.serial);
  putText(out, 40, 16, i.firmware);
  return out;
}

export function decodeIdentity(body: DataView): Identity | undefined {
  const platform = body.byteLength < 56 ? undefined : PLATFORMS[body.getUint8(0)];
  if (platform === undefined) return undefined;
  return {
    platform,
    model: getText(body, 4, 20),
    serial: getText(body, 24, 16),
    firmware: getText(body, 40, 16),
  };
}

export function encodeCapabilities(c: Capabilities): Uint8Array {
  const out = new Uint8Array(CAPABILITIES_BYTES + c.channels.length * CHANNEL_BYTES);
  const v = new DataView(out.buffer);
  v.setUint32(0, c.tickHz, true);
  v.setUint32(4, c.tickTolerancePpb, true);
  v.setUint32(8, Math.round(c.rowHz * 1000), true);
  v.setUint32(12, c.maxSamplesHz, true);
  out.set([c.mask, c.bits, c.edgeLines, c.sampledLines], 16);
  v.setUint16(20, c.rowsPerBlock, true);
  out.set([c.channels.length, CHANNEL_BYTES], 22);
  c.channels.forEach((ch, i) => {
    const at = CAPABILITIES_BYTES + i * CHANNEL_BYTES;
    out.set([ch.channel, ch.converterBits, ch.signed ? 1 : 0, QUANTITIES.indexOf(ch.quantity)], at);
    v.setInt32(at + 4, ch.skewNs, true);
    v.setUint32(at + 8, ch.fullScaleUv, true);
    v.setUint32(at + 12, ch.bandwidthHz ?? 0, true);
    putText(out, at + 16, 16, ch.name);
  });
  return out;
}

export function decodeCapabilities(v: DataView): Capabilities | undefined {
  if (v.byteLength < CAPABILITIES_BYTES) return undefined;
  const [count, entry, bits] = [v.getUint8(22), v.getUint8(23), v.getUint8(17)];
  if (entry < CHANNEL_BYTES || v.byteLength < CAPABILITIES_BYTES + count * entry) return undefined;
  if (bits !== 12 && bits !== 16) return undefined;
  return {
    tickHz: v.getUint32(0, true),
    tickTolerancePpb: v.getUint32(4, true),
    rowHz: v.getUint32(8, true) / 1000,
    maxSamplesHz: v.getUint32(12, true),
    mask: v.getUint8(16),
    bits,
    edgeLines: v.getUint8(18),
    sampledLines: v.getUint8(19),
    rowsPerBlock: v.getUint16(20, true),
    channels: Array.from({ length: count }, (_, i) =>
      decodeChannel(v, CAPABILITIES_BYTES + i * entry),
    ),
  };
}

function decodeChannel(v: DataView, at: number): ChannelCapability {
  return {
    channel: v.getUint8(at),
    converterBits: v.getUint8(at + 1),
    signed: (v.getUint8(at + 2) & 1) === 1,
    quantity: QUANTITIES[v.getUint8(at + 3)] ?? "unstated",
    skewNs: v.getInt32(at + 4, true),
    fullScaleUv: v.getUint32(at + 8, true),
    bandwidthHz: v.getUint32(at + 12, true) || null,
    name: getText(v, at + 16, 16),
  };
}

export function encodeCalibrationPage(p: CalibrationPage): Uint8Array {
  const out = new Uint8Array(8 + p.data.byteLength);
  out.set(words(p.offset, p.total));
  out.set(p.data, 8);
  return out;
}

export function decodeCalibrationPage(v: DataView): CalibrationPage | undefined {
  if (v.byteLength < 8) return undefined;
  const data = new Uint8Array(v.buffer, v.byteOffset + 8, v.byteLength - 8);
  return { offset: v.getUint32(0, true), total: v.getUint32(4, true), data };
}

/** Body of pong (received, sent). */
export function encodePong(received: bigint, sent: bigint): Uint8Array {
  const v = new DataView(new ArrayBuffer(16));
  v.setBigUint64(0, received, true);
  v.setBigUint64(8, sent, true);
  return new Uint8Array(v.buffer);
}

export function decodePong(v: DataView): { received: bigint; sent: bigint } | undefined {
  if (v.byteLength < 16) return undefined;
  return { received: v.getBigUint64(0, true), sent: v.getBigUint64(8, true) };
}

/** Body of the reply to mark. */
export function encodeMarked(index: number, tick: bigint): Uint8Array {
  const v = new DataView(new ArrayBuffer(16));
  writeU64(v, 0, index);
  v.setBigUint64(8, tick, true);
  return new Uint8Array(v.buffer);
}

export function decodeMarked(v: DataView): { index: number; tick: bigint } | undefined {
  if (v.byteLength < 16 || Number.isNaN(readU64(v, 0))) return undefined;
  return { index: readU64(v, 0), tick: v.getBigUint64(8, true) };
}

/** UTF-8 cut to `size` bytes between characters, zero-padded. */
function putText(out: Uint8Array, at: number, size: number, text: string): void {
  new TextEncoder().encodeInto(text, out.subarray(at, at + size));
}

function getText(v: DataView, at: number, size: number): string {
  const bytes = new Uint8Array(v.buffer, v.byteOffset + at, size);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
