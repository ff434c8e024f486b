// capture.mcap → records, one MCAP record in memory at a time. The framing (opcode, length) is read
// here so that a damaged length cannot swallow the file; @mcap/core parses and checks what lies inside.
// Damage is yielded in its place, never thrown: the caller counts it.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { crc32 } from "node:zlib";
import { McapStreamReader, type TypedMcapRecords } from "@mcap/core";
import { inputError } from "../schema/errors.ts";
import type {
  ClockExchange,
  ClockPair,
  Edge,
  Mark,
  Note,
  RowLayout,
  SampleBlock,
  TelemetryChannel,
  TelemetryRead,
} from "../schema/records.ts";
import { type Session, sessionFromJson } from "../schema/session.ts";
import * as wire from "./wire.ts";

/** What a capture log holds, in file order. */
export type CaptureRecord =
  | { readonly kind: "session"; readonly session: Session }
  | { readonly kind: "attachment"; readonly name: string; readonly mediaType: string; readonly data: Uint8Array }
  | { readonly kind: "layout"; readonly layout: RowLayout }
  | { readonly kind: "channel"; readonly channel: TelemetryChannel }
  | { readonly kind: "rows"; readonly block: SampleBlock }
  | { readonly kind: "read"; readonly read: TelemetryRead }
  | { readonly kind: "mark"; readonly mark: Mark }
  | { readonly kind: "edge"; readonly edge: Edge }
  | { readonly kind: "pair"; readonly pair: ClockPair }
  | { readonly kind: "exchange"; readonly exchange: ClockExchange }
  | { readonly kind: "note"; readonly note: Note }
  | { readonly kind: "damage"; readonly damage: Damage };

/** A stretch of the file that could not be used. `cut`: the file ends without its footer. */
export interface Damage {
  readonly what: "cut" | "chunk" | "attachment" | "record" | "message" | "sequence";
  readonly offset: number;
  readonly bytes: number;
  readonly text: string;
}

export interface ReadOptions {
  /** Called with (bytes read, bytes in all) after each record. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Skip the payload of sample blocks' bytes? Callers that only want marks still pay one read per chunk. */
  readonly only?: (topic: string) => boolean;
}

const MAGIC = Buffer.from([0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a]);
const MAX_RECORD = 256 << 20;
const OP = { footer: 0x02, chunk: 0x06, attachment: 0x09, dataEnd: 0x0f, last: 0x0f } as const;

/** @throws InputError when the file is missing or is no MCAP file at all. */
export function* readCapture(path: string, options: ReadOptions = {}): Generator<CaptureRecord> {
  const fd = openCapture(path);
  try {
    yield* readRecords(fd, path, options);
  } finally {
    closeSync(fd);
  }
}

function openCapture(path: string): number {
  try {
    return openSync(path, "r");
  } catch {
    throw inputError("no capture log", path, "a run folder made by record or import");
  }
}

function* readRecords(fd: number, path: string, options: ReadOptions): Generator<CaptureRecord> {
  const size = fstatSync(fd).size;
  const head = Buffer.alloc(9);
  const got = readSync(fd, head, 0, 8, 0);
  if (got < 8 || !head.subarray(0, 8).equals(MAGIC))
    throw inputError("not a capture log", path, "MCAP magic at offset 0", `${size} bytes without it`);
  const decoder = new RecordDecoder(options.only);
  let record = Buffer.alloc(1 << 16);
  let at = 8;
  for (;;) {
    const n = readSync(fd, head, 0, 9, at);
    const length = n === 9 ? Number(head.readBigUInt64LE(1)) : 0;
    const opcode = head[0]!;
    const whole = n === 9 && at + 9 + length <= size;
    const sane = n === 9 && opcode >= 1 && opcode <= OP.last && length <= MAX_RECORD;
    if (!whole || !sane) {
      const next = sane || n < 9 ? undefined : findChunk(fd, at + 1, size);
      const bytes = (next ?? size) - at;
      const what = next === undefined ? "cut" : "record";
      yield damage(what, at, bytes, next === undefined ? cutText(size) : "unreadable record skipped");
      if (next === undefined) return;
      at = next;
      continue;
    }
    if (opcode === OP.footer) return;
    if (record.length < 9 + length) record = Buffer.alloc(9 + length * 2);
    const bytes = record.subarray(0, 9 + length);
    readSync(fd, bytes, 0, bytes.length, at);
    yield* decoder.decode(opcode, bytes, at);
    at += bytes.length;
    options.onProgress?.(at, size);
  }
}

function cutText(size: number): string {
  return `the log ends at byte ${size} without its footer: it was cut while recording`;
}

function damage(what: Damage["what"], offset: number, bytes: number, text: string): CaptureRecord {
  return { kind: "damage", damage: { what, offset, bytes, text } };
}

/** Next offset that holds a whole chunk with a right CRC; the way back after a damaged length. */
function findChunk(fd: number, from: number, size: number): number | undefined {
  const window = Buffer.alloc(1 << 20);
  for (let base = from; base < size; base += window.length - 64) {
    const n = readSync(fd, window, 0, window.length, base);
    // Chunk: opcode, length, start, end, uncompressed size, crc, compression "", records length.
    for (let i = window.indexOf(OP.chunk); i >= 0 && i + 49 <= n; i = window.indexOf(OP.chunk, i + 1)) {
      const length = window.readBigUInt64LE(i + 1);
      const records = window.readBigUInt64LE(i + 25);
      if (records !== length - 40n || window.readBigUInt64LE(i + 41) !== records) continue;
      const at = base + i;
      if (at + 9 + Number(length) > size || records > BigInt(MAX_RECORD)) continue;
      const body = Buffer.alloc(Number(records));
      readSync(fd, body, 0, body.length, at + 49);
      if (crc32(body) === window.readUInt32LE(i + 33)) return at;
    }
    if (n < window.length) return undefined;
  }
  return undefined;
}

/** Turns MCAP records into capture records; keeps what it must remember between them. */
class RecordDecoder {
  #mcap = new McapStreamReader({ noMagicPrefix: true });
  readonly #only: ((topic: string) => boolean) | undefined;
  readonly #topics = new Map<number, { topic: string; layout?: RowLayout; next: number }>();
  readonly #schemas = new Map<number, TypedMcapRecords["Schema"]>();

  constructor(only?: (topic: string) => boolean) {
    this.#only = only;
  }

  *decode(opcode: number, bytes: Uint8Array, at: number): Generator<CaptureRecord> {
    try {
      this.#mcap.append(bytes);
      for (let r = this.#mcap.nextRecord(); r; r = this.#mcap.nextRecord()) yield* this.#record(r, at);
    } catch (error) {
      this.#mcap = new McapStreamReader({ noMagicPrefix: true });
      const what = opcode === OP.chunk ? "chunk" : opcode === OP.attachment ? "attachment" : "record";
      yield damage(what, at, bytes.length, (error as Error).message);
    }
  }

  *#record(r: TypedMcapRecords[keyof TypedMcapRecords], at: number): Generator<CaptureRecord> {
    switch (r.type) {
      case "Schema":
        this.#schemas.set(r.id, r);
        return;
      case "Channel":
        yield* this.#channel(r);
        return;
      case "Message":
        yield* this.#message(r, at);
        return;
      case "Attachment":
        if (r.name === "session.json")
          yield { kind: "session", session: sessionFromJson(Buffer.from(r.data).toString()) };
        yield { kind: "attachment", name: r.name, mediaType: r.mediaType, data: r.data };
        return;
      default:
        return; // indexes, statistics and metadata carry nothing of their own
    }
  }

  *#channel(c: TypedMcapRecords["Channel"]): Generator<CaptureRecord> {
    if (this.#topics.has(c.id)) return; // every chunk repeats its channels
    const entry: { topic: string; layout?: RowLayout; next: number } = { topic: c.topic, next: 0 };
    this.#topics.set(c.id, entry);
    if (c.topic.startsWith("daq/")) {
      const schema = this.#schemas.get(c.schemaId);
      entry.layout = JSON.parse(Buffer.from(schema?.data ?? []).toString()) as RowLayout;
      yield { kind: "layout", layout: entry.layout };
    } else if (c.topic.startsWith("telemetry/")) {
      const wraps = c.metadata.get("wraps_at");
      const channel: TelemetryChannel = {
        name: c.topic.slice("telemetry/".length),
        quantity: (c.metadata.get("quantity") ?? "state") as TelemetryChannel["quantity"],
        unit: c.metadata.get("unit") ?? "1",
        ...(wraps === undefined ? {} : { wrapsAt: Number(wraps) }),
      };
      yield { kind: "channel", channel };
    }
  }

  *#message(m: TypedMcapRecords["Message"], at: number): Generator<CaptureRecord> {
    const entry = this.#topics.get(m.channelId)!;
    if (m.sequence !== entry.next) {
      const lost = (m.sequence - entry.next) >>> 0;
      yield damage("sequence", at, 0, `${entry.topic}: ${lost} messages missing before this one`);
    }
    entry.next = (m.sequence + 1) >>> 0;
    if (this.#only && !this.#only(entry.topic)) return;
    const record = decodeMessage(entry.topic, entry.layout, m.data);
    yield record ?? damage("message", at, m.data.length, `${entry.topic}: malformed message`);
  }
}

function decodeMessage(
  topic: string,
  layout: RowLayout | undefined,
  data: Uint8Array,
): CaptureRecord | undefined {
  const tail = topic.slice(topic.indexOf("/") + 1);
  if (layout) return some("rows", "block", wire.decodeBlock(tail, layout.rowBytes, data));
  if (topic.startsWith("telemetry/")) return some("read", "read", wire.decodeRead(tail, data));
  if (topic === "marks") return some("mark", "mark", wire.decodeMark(data));
  if (topic === "edges") return some("edge", "edge", wire.decodeEdge(data));
  if (topic === "notes") return some("note", "note", wire.decodeNote(data));
  if (topic === "clock/host") return some("pair", "pair", wire.decodePair(data));
  if (topic.startsWith("clock/")) return some("exchange", "exchange", wire.decodeExchange(tail, data));
  return undefined;
}

function some(kind: string, key: string, value: object | undefined): CaptureRecord | undefined {
  return value && ({ kind, [key]: value } as unknown as CaptureRecord);
}
