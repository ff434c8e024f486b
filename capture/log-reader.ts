// capture.mcap → records, one MCAP record in memory at a time. mcap-frames.ts finds and checks them,
// @mcap/core parses what lies inside. Damage is yielded in its place, never thrown: the caller counts it.

import { McapStreamReader, type TypedMcapRecords } from "@mcap/core";
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
import { InputError, inputError } from "../schema/errors.ts";
import { type Session, sessionFromJson } from "../schema/session.ts";
import { type Damage, type Frame, readFrames } from "./mcap-frames.ts";
import { Op } from "./mcap-records.ts";
import * as wire from "./wire.ts";

export type { Damage } from "./mcap-frames.ts";

/** What a capture log holds, in file order. */
export type CaptureRecord =
  | { readonly kind: "session"; readonly session: Session }
  | {
      readonly kind: "attachment";
      readonly name: string;
      readonly mediaType: string;
      readonly data: Uint8Array;
    }
  | { readonly kind: "layout"; readonly layout: RowLayout }
  | { readonly kind: "channel"; readonly channel: TelemetryChannel }
  /** `at`: byte of the file at which the record begins that holds the block, for {@link rowsAt}. */
  | { readonly kind: "rows"; readonly block: SampleBlock; readonly at: number }
  | { readonly kind: "read"; readonly read: TelemetryRead }
  | { readonly kind: "mark"; readonly mark: Mark }
  | { readonly kind: "edge"; readonly edge: Edge }
  | { readonly kind: "pair"; readonly pair: ClockPair }
  | { readonly kind: "exchange"; readonly exchange: ClockExchange }
  | { readonly kind: "note"; readonly note: Note }
  | { readonly kind: "damage"; readonly damage: Damage };

export interface ReadOptions {
  /** Called with (bytes read, bytes in all) after each record. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Topics to decode; the others are only checked for whole chunks and sequence. */
  readonly only?: (topic: string) => boolean;
  /** Sees each frame, and each damage between them, before what is in it. */
  readonly onFrame?: (frame: Frame | Damage) => void;
}

/** @throws InputError when the file is missing, is no MCAP file at all, or of another version. */
export function* readCapture(path: string, options: ReadOptions = {}): Generator<CaptureRecord> {
  const decoder = new RecordDecoder(path, options.only);
  for (const frame of readFrames(path, options.onProgress)) {
    options.onFrame?.(frame.kind === "damage" ? frame.damage : frame);
    if (frame.kind === "damage") yield frame;
    else if (frame.opcode !== Op.metadata) yield* decoder.decode(frame);
  }
}

/** The row blocks in the record that begins at byte `at`, as a reading of the file told it. */
export function rowsAt(path: string, at: number): SampleBlock[] {
  const decoder = new RecordDecoder(path);
  for (const frame of readFrames(path, undefined, at)) {
    if (frame.kind === "damage") break;
    return [...decoder.decode(frame)].flatMap((r) => (r.kind === "rows" ? [r.block] : []));
  }
  return [];
}

function damage(what: Damage["what"], offset: number, bytes: number, text: string): CaptureRecord {
  return { kind: "damage", damage: { what, offset, bytes, text } };
}

/** Turns MCAP records into capture records; keeps what it must remember between them. */
class RecordDecoder {
  #mcap = parser();
  readonly #only: ((topic: string) => boolean) | undefined;
  readonly #topics = new Map<number, { topic: string; layout?: RowLayout; next: number }>();
  readonly #schemas = new Map<number, TypedMcapRecords["Schema"]>();

  readonly #path: string;

  constructor(path: string, only?: (topic: string) => boolean) {
    this.#path = path;
    this.#only = only;
  }

  *decode({ opcode, bytes, offset }: Frame): Generator<CaptureRecord> {
    try {
      this.#mcap.append(bytes);
      for (let r = this.#mcap.nextRecord(); r; r = this.#mcap.nextRecord())
        yield* this.#record(r, offset);
    } catch (error) {
      // Whole, but of another version: nothing behind it can be trusted to mean what it says here.
      if (error instanceof InputError) throw inputError(error.message, this.#path);
      this.#mcap = parser();
      const what =
        opcode === Op.chunk ? "chunk" : opcode === Op.attachment ? "attachment" : "record";
      yield damage(what, offset, bytes.length, (error as Error).message);
    }
  }

  *#record(
    r: TypedMcapRecords[keyof TypedMcapRecords],
    at: number,
  ): Generator<CaptureRecord, void, void> {
    if (r.type === "Schema") this.#schemas.set(r.id, r);
    else if (r.type === "Channel") yield* this.#channel(r);
    else if (r.type === "Message") yield* this.#message(r, at);
    else if (r.type === "Attachment") yield* attachment(r);
  }

  *#channel(c: TypedMcapRecords["Channel"]): Generator<CaptureRecord> {
    if (this.#topics.has(c.id)) return; // every chunk repeats its channels
    const entry: { topic: string; layout?: RowLayout; next: number } = { topic: c.topic, next: 0 };
    this.#topics.set(c.id, entry);
    if (c.topic.startsWith("daq/")) {
      entry.layout = wire.decodeLayout(this.#schemas.get(c.schemaId)?.data);
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
      const lost = m.sequence - entry.next;
      const text = lost > 0 ? `${lost} messages missing before this one` : "messages go back";
      yield damage("sequence", at, 0, `${entry.topic}: ${text}`);
    }
    entry.next = (m.sequence + 1) >>> 0;
    if (this.#only && !this.#only(entry.topic)) return;
    const record = decodeMessage(entry.topic, entry.layout, m.data, at);
    yield record ?? damage("message", at, m.data.length, `${entry.topic}: malformed message`);
  }
}

function* attachment(a: TypedMcapRecords["Attachment"]): Generator<CaptureRecord> {
  if (a.name === "session.json")
    yield { kind: "session", session: sessionFromJson(Buffer.from(a.data).toString()) };
  yield { kind: "attachment", name: a.name, mediaType: a.mediaType, data: a.data };
}

/** Checksums are behind us, and zlib's CRC is five times as fast. */
const parser = (): McapStreamReader =>
  new McapStreamReader({ noMagicPrefix: true, validateCrcs: false });

function decodeMessage(
  topic: string,
  layout: RowLayout | undefined,
  data: Uint8Array,
  at: number,
): CaptureRecord | undefined {
  const tail = topic.slice(topic.indexOf("/") + 1);
  if (layout) {
    const block = wire.decodeBlock(tail, layout.rowBytes, data);
    return block && { kind: "rows", block, at };
  }
  if (topic.startsWith("telemetry/")) return some("read", "read", wire.decodeRead(tail, data));
  if (topic === "marks") return some("mark", "mark", wire.decodeMark(data));
  if (topic === "edges") return some("edge", "edge", wire.decodeEdge(data));
  if (topic === "notes") return some("note", "note", wire.decodeNote(data));
  if (topic === "clock/host") return some("pair", "pair", wire.decodePair(data));
  if (topic.startsWith("clock/"))
    return some("exchange", "exchange", wire.decodeExchange(tail, data));
  return undefined;
}

function some(kind: string, key: string, value: object | undefined): CaptureRecord | undefined {
  return value && ({ kind, [key]: value } as unknown as CaptureRecord);
}
