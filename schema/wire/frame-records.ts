// Stream records of the wire protocol: samples, edges, readings, status (docs/wire.md).
// Decoders give undefined for a payload shorter than the page says; offsets count from the payload,
// so they are the page's less 12.

import { type Frame, makeFrame, readU64, RecordType, writeU64 } from "./frame.ts";
import type { RowField, RowLayout } from "../records.ts";

export interface SamplesHead {
  /** Modulo 16. */
  readonly run: number;
  readonly rows: number;
  /** Bit c: channel c is in the row. */
  readonly mask: number;
  readonly bits: 12 | 16;
  /** Bits 0–3: levels of the trigger lines at the first row. */
  readonly levels: number;
  /** Bits 0–3: lines sampled with every row. */
  readonly sampledLines: number;
  /** Of the first row, in this run. */
  readonly index: number;
  /** Of the first row. */
  readonly tick: bigint;
}

export interface Samples extends SamplesHead {
  /** rows × rowBytes, as received. */
  readonly data: Uint8Array;
  /** One word per 32 rows and sampled line, lines ascending; null when no sampled line changes. */
  readonly bitmap: Uint32Array | null;
}

export interface WireEdge {
  readonly index: number;
  readonly tick: bigint;
  readonly count: number;
  readonly line: number;
  readonly level: 0 | 1;
}

/** One INA226 reading; registers as the chip gave them (TI SBOS547, 7.6). */
export interface Reading {
  readonly endTick: bigint;
  readonly durationTicks: number;
  readonly number: number;
  readonly shunt: number;
  readonly bus: number;
  readonly config: number;
  readonly address: number;
  readonly status: number;
}

export interface DeviceStatus {
  readonly run: number;
  readonly running: boolean;
  readonly tick: bigint;
  readonly nextIndex: number;
  readonly framesDropped: number;
  readonly rowsOverrun: number;
  readonly stalls: number;
  readonly longestStallTicks: number;
  readonly edgesDropped: number;
  readonly commandsRefused: number;
}

export const SAMPLES_HEAD = 20;
export const EDGE_BYTES = 24;
export const READING_BYTES = 24;
const STATUS_BYTES = 44;

/** Bit flags of the samples record; the run stands in bits 4–7 of every stream record's flags. */
export const SamplesFlag = { wide: 1, bitmap: 2 } as const;
export const runOf = (flags: number): number => flags >> 4;

export function channelsOf(mask: number): number[] {
  return [0, 1, 2, 3, 4, 5, 6, 7].filter((c) => mask & (1 << c));
}

export function rowBytesOf(mask: number, bits: number): number {
  let n = 0;
  for (let m = mask; m !== 0; m &= m - 1) n += bits;
  return (n + 7) >> 3;
}

/** What a channel's field is called and how its counts read, where the capabilities say so. */
export interface ChannelField {
  readonly channel: number;
  readonly name: string;
  readonly signed: boolean;
}

/** How the log reads the rows of a samples record. A channel nobody described is `adc<channel>`, unsigned. */
export function sampleLayout(
  stream: string,
  mask: number,
  bits: number,
  described: readonly ChannelField[] = [],
): RowLayout {
  const fields = channelsOf(mask).map((c, i): RowField => {
    const d = described.find((x) => x.channel === c);
    const kind = d?.signed ? "int" : "uint";
    return { name: d?.name || `adc${c}`, bitOffset: i * bits, bits, kind };
  });
  return { stream, rowBytes: rowBytesOf(mask, bits), fields };
}

/** Payload bytes of a block, without bitmap. */
export function samplesPayloadBytes(rows: number, mask: number, bits: number): number {
  return SAMPLES_HEAD + ((rows * rowBytesOf(mask, bits) + 3) & ~3);
}

/** Writes the fixed part of a samples payload; the rows follow at byte 20 of it. @returns the flags byte. */
export function putSamplesHead(v: DataView, h: SamplesHead, hasBitmap: boolean): number {
  v.setUint16(0, h.rows, true);
  v.setUint8(2, h.mask);
  v.setUint8(3, h.levels | (h.sampledLines << 4));
  writeU64(v, 4, h.index);
  v.setBigUint64(12, h.tick, true);
  return (
    (h.bits === 16 ? SamplesFlag.wide : 0) |
    (hasBitmap ? SamplesFlag.bitmap : 0) |
    ((h.run & 15) << 4)
  );
}

export function encodeSamples(s: Samples, sequence: number): Uint8Array {
  const size = samplesPayloadBytes(s.rows, s.mask, s.bits);
  const payload = new Uint8Array(size + (s.bitmap ? s.bitmap.length * 4 : 0));
  const v = new DataView(payload.buffer);
  const flags = putSamplesHead(v, s, s.bitmap !== null);
  payload.set(s.data, SAMPLES_HEAD);
  s.bitmap?.forEach((word, i) => v.setUint32(size + 4 * i, word, true));
  return makeFrame(RecordType.samples, flags, sequence, payload);
}

export function decodeSamples({ flags, payload: v }: Frame): Samples | undefined {
  if (v.byteLength < SAMPLES_HEAD) return undefined;
  const rows = v.getUint16(0, true);
  const mask = v.getUint8(2);
  const lines = v.getUint8(3);
  const bits = flags & SamplesFlag.wide ? 16 : 12;
  const dataBytes = rows * rowBytesOf(mask, bits);
  const bitmapAt = SAMPLES_HEAD + ((dataBytes + 3) & ~3);
  const words = flags & SamplesFlag.bitmap ? bitmapWords(rows, lines >> 4) : 0;
  const index = readU64(v, 4);
  if (dataBytes === 0 || Number.isNaN(index) || v.byteLength < bitmapAt + 4 * words)
    return undefined;
  return {
    run: runOf(flags),
    rows,
    mask,
    bits,
    levels: lines & 15,
    sampledLines: lines >> 4,
    index,
    tick: v.getBigUint64(12, true),
    data: new Uint8Array(v.buffer, v.byteOffset + SAMPLES_HEAD, dataBytes),
    bitmap: words === 0 ? null : readWords(v, bitmapAt, words),
  };
}

function bitmapWords(rows: number, lines: number): number {
  return channelsOf(lines).length * Math.ceil(rows / 32);
}

function readWords(v: DataView, at: number, n: number): Uint32Array {
  const out = new Uint32Array(n);
  for (let i = 0; i < n; i++) out[i] = v.getUint32(at + 4 * i, true);
  return out;
}

export function encodeEdges(edges: readonly WireEdge[], run: number, sequence: number): Uint8Array {
  const payload = new Uint8Array(4 + edges.length * EDGE_BYTES);
  const v = new DataView(payload.buffer);
  v.setUint16(0, edges.length, true);
  edges.forEach((e, i) => {
    const at = 4 + i * EDGE_BYTES;
    writeU64(v, at, e.index);
    v.setBigUint64(at + 8, e.tick, true);
    v.setUint32(at + 16, e.count, true);
    v.setUint8(at + 20, e.line);
    v.setUint8(at + 21, e.level);
  });
  return makeFrame(RecordType.edges, (run & 15) << 4, sequence, payload);
}

export function decodeEdges({ payload: v }: Frame): WireEdge[] | undefined {
  const n = entries(v, EDGE_BYTES);
  if (n === undefined) return undefined;
  const edges: WireEdge[] = [];
  for (let at = 4; edges.length < n; at += EDGE_BYTES) {
    const index = readU64(v, at);
    if (Number.isNaN(index)) return undefined;
    edges.push({
      index,
      tick: v.getBigUint64(at + 8, true),
      count: v.getUint32(at + 16, true),
      line: v.getUint8(at + 20),
      level: v.getUint8(at + 21) === 0 ? 0 : 1,
    });
  }
  return edges;
}

/** How the log reads one INA226 reading, stored as it came. */
export function readingLayout(stream: string): RowLayout {
  const field = (
    name: string,
    byte: number,
    bits: number,
    kind: "uint" | "int" = "uint",
  ): RowField => ({
    name,
    bitOffset: byte * 8,
    bits,
    kind,
  });
  const tick = field("end_tick", 0, 64);
  return {
    stream,
    rowBytes: READING_BYTES,
    tick,
    fields: [
      tick,
      field("duration_ticks", 8, 32),
      field("number", 12, 32),
      field("shunt", 16, 16, "int"),
      field("bus", 18, 16),
      field("config", 20, 16),
      field("address", 22, 8),
      field("status", 23, 8),
    ],
  };
}

export function encodeReadings(
  readings: readonly Reading[],
  run: number,
  sequence: number,
): Uint8Array {
  const payload = new Uint8Array(4 + readings.length * READING_BYTES);
  const v = new DataView(payload.buffer);
  v.setUint16(0, readings.length, true);
  v.setUint8(2, 1);
  readings.forEach((r, i) => {
    const at = 4 + i * READING_BYTES;
    v.setBigUint64(at, r.endTick, true);
    v.setUint32(at + 8, r.durationTicks, true);
    v.setUint32(at + 12, r.number, true);
    v.setInt16(at + 16, r.shunt, true);
    v.setUint16(at + 18, r.bus, true);
    v.setUint16(at + 20, r.config, true);
    v.setUint8(at + 22, r.address);
    v.setUint8(at + 23, r.status);
  });
  return makeFrame(RecordType.readings, (run & 15) << 4, sequence, payload);
}

/** @returns undefined too for a sensor kind this version does not know. */
export function decodeReadings({ payload: v }: Frame): Reading[] | undefined {
  const n = entries(v, READING_BYTES);
  if (n === undefined || v.getUint8(2) !== 1) return undefined;
  return Array.from({ length: n }, (_, i): Reading => {
    const at = 4 + i * READING_BYTES;
    return {
      endTick: v.getBigUint64(at, true),
      durationTicks: v.getUint32(at + 8, true),
      number: v.getUint32(at + 12, true),
      shunt: v.getInt16(at + 16, true),
      bus: v.getUint16(at + 18, true),
      config: v.getUint16(at + 20, true),
      address: v.getUint8(at + 22),
      status: v.getUint8(at + 23),
    };
  });
}

/** Entry count of a list payload, if it is at least 1 and they are all there. */
function entries(v: DataView, entryBytes: number): number | undefined {
  const n = v.byteLength >= 4 ? v.getUint16(0, true) : 0;
  return n > 0 && v.byteLength >= 4 + n * entryBytes ? n : undefined;
}

export function encodeStatus(s: DeviceStatus, sequence: number): Uint8Array {
  const payload = new Uint8Array(STATUS_BYTES);
  const v = new DataView(payload.buffer);
  v.setUint32(0, s.running ? 1 : 0, true);
  v.setBigUint64(4, s.tick, true);
  writeU64(v, 12, s.nextIndex);
  const counters = [s.framesDropped, s.rowsOverrun, s.stalls, s.longestStallTicks, s.edgesDropped];
  [...counters, s.commandsRefused].forEach((n, i) => v.setUint32(20 + 4 * i, n, true));
  return makeFrame(RecordType.status, (s.run & 15) << 4, sequence, payload);
}

export function decodeStatus({ flags, payload: v }: Frame): DeviceStatus | undefined {
  if (v.byteLength < STATUS_BYTES || Number.isNaN(readU64(v, 12))) return undefined;
  return {
    run: runOf(flags),
    running: (v.getUint32(0, true) & 1) === 1,
    tick: v.getBigUint64(4, true),
    nextIndex: readU64(v, 12),
    framesDropped: v.getUint32(20, true),
    rowsOverrun: v.getUint32(24, true),
    stalls: v.getUint32(28, true),
    longestStallTicks: v.getUint32(32, true),
    edgesDropped: v.getUint32(36, true),
    commandsRefused: v.getUint32(40, true),
  };
}
