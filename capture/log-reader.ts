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
  | { readonly kind: "rows"; readonly block: SampleBlock }
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

function damage(what: Damage["what"], offset: number, bytes: number, text: string): CaptureRecord {
  return { kind: "damage", damage: { what, offset, bytes, text } };
}

/** What a channel was declared as, and what of it is to come. */
interface Topic {
  readonly topic: string;
  /** All that its declaration says; the first holds. */
  readonly declared: string;
  readonly layout?: RowLayout;
  /** Its declaration is damage: its messages are left out. */
  readonly refused: boolean;
  next: number;
}

/** Turns MCAP records into capture records; keeps what it must remember between them. */
class RecordDecoder {
  #mcap = parser();
  readonly #only: ((topic: string) => boolean) | undefined;
  readonly #channels = new Map<number, Topic>();
  readonly #topics = new Set<string>();
  readonly #schemas = new Map<number, TypedMcapRecords["Schema"]>();
  readonly #attachments = new Set<string>();
  /** Channels that this chunk declares otherwise than the first that did. */
  readonly #disputed = new Set<number>();
  readonly #path: string;

  constructor(path: string, only?: (topic: string) => boolean) {
    this.#path = path;
    this.#only = only;
  }

  *decode({ opcode, bytes, offset }: Frame): Generator<CaptureRecord> {
    this.#disputed.clear();
    try {
      this.#mcap.append(bytes);
      for (let r = this.#mcap.nextRecord(); r; r = this.#mcap.nextRecord())
        yield* this.#record(r, offset);
    } catch (error) {
      // Whole, but of another version: nothing behind it can be trusted to mean what it says here.
      if (error instanceof InputError) throw inputError(error.message, this.#path);
      const what =
        opcode === Op.chunk ? "chunk" : opcode === Op.attachment ? "attachment" : "record";
      yield damage(what, offset, bytes.length, (error as Error).message);
      this.#mcap = parser();
    }
    // The parser would hold channels against each other from chunk to chunk; that is done here.
    if (opcode === Op.chunk) this.#mcap = parser();
  }

  *#record(
    r: TypedMcapRecords[keyof TypedMcapRecords],
    at: number,
  ): Generator<CaptureRecord, void, void> {
    if (r.type === "Schema") this.#schemas.set(r.id, r);
    else if (r.type === "Channel") yield* this.#channel(r, at);
    else if (r.type === "Message") yield* this.#message(r, at);
    else if (r.type === "Attachment") yield* this.#attachment(r, at);
  }

  *#attachment(
    a: TypedMcapRecords["Attachment"],
    at: number,
  ): Generator<CaptureRecord, void, void> {
    if (this.#attachments.has(a.name)) {
      const text = `a second ${a.name}; the first holds`;
      yield damage("attachment", at, a.data.byteLength, text);
      return;
    }
    this.#attachments.add(a.name);
    if (a.name === "session.json")
      yield { kind: "session", session: sessionFromJson(Buffer.from(a.data).toString()) };
    yield { kind: "attachment", name: a.name, mediaType: a.mediaType, data: a.data };
  }

  *#channel(c: TypedMcapRecords["Channel"], at: number): Generator<CaptureRecord> {
    const schema = this.#schemas.get(c.schemaId);
    const declared = declarationOf(c, schema);
    const known = this.#channels.get(c.id);
    if (known?.declared === declared) return; // every chunk repeats its channels
    if (known) {
      this.#disputed.add(c.id);
      const text = `channel ${known.topic} declared anew, otherwise (as ${c.topic}); the first holds, and its messages here are left out`;
      yield damage("record", at, 0, text);
      return;
    }
    const entry = { topic: c.topic, declared, refused: false, next: 0 };
    try {
      if (this.#topics.has(c.topic)) throw new Error("a second channel of that topic");
      const { record, layout } = readChannel(c, schema?.data);
      this.#channels.set(c.id, { ...entry, ...(layout && { layout }) });
      this.#topics.add(c.topic);
      if (record) yield record;
    } catch (error) {
      this.#channels.set(c.id, { ...entry, refused: true });
      const text = `${c.topic}: ${(error as Error).message}; its messages are left out`;
      yield damage("record", at, 0, text);
    }
  }

  *#message(m: TypedMcapRecords["Message"], at: number): Generator<CaptureRecord> {
    const entry = this.#channels.get(m.channelId)!;
    if (entry.refused || this.#disputed.has(m.channelId)) return;
    if (m.sequence !== entry.next) {
      const lost = m.sequence - entry.next;
      const text = lost > 0 ? `${lost} messages missing before this one` : "messages go back";
      yield damage("sequence", at, 0, `${entry.topic}: ${text}`);
    }
    entry.next = (m.sequence + 1) >>> 0;
    if (this.#only && !this.#only(entry.topic)) return;
    const record = decodeMessage(entry.topic, entry.layout, m.data);
    yield record ?? damage("message", at, m.data.length, `${entry.topic}: malformed message`);
  }
}

/** Everything that a channel and its schema say, but for the ids. */
function declarationOf(
  c: TypedMcapRecords["Channel"],
  schema: TypedMcapRecords["Schema"] | undefined,
): string {
  const data = Buffer.from(schema?.data ?? []).toString("latin1");
  return JSON.stringify([c.topic, c.messageEncoding, [...c.metadata], schema?.name, data]);
}

/** @throws Error when what a channel says cannot be. */
function readChannel(
  c: TypedMcapRecords["Channel"],
  schema: Uint8Array | undefined,
): { record?: CaptureRecord; layout?: RowLayout } {
  if (c.topic.startsWith("daq/")) {
    const layout = wire.decodeLayout(schema);
    if (c.topic !== `daq/${layout.stream}`)
      throw new Error(`an impossible row layout: of another stream, ${layout.stream}`);
    return { layout, record: { kind: "layout", layout } };
  }
  if (!c.topic.startsWith("telemetry/")) return {};
  const name = c.topic.slice("telemetry/".length);
  return { record: { kind: "channel", channel: wire.decodeTelemetry(name, c.metadata) } };
}

/** Checksums are behind us, and zlib's CRC is five times as fast. */
const parser = (): McapStreamReader =>
  new McapStreamReader({ noMagicPrefix: true, validateCrcs: false });

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
  if (topic.startsWith("clock/"))
    return some("exchange", "exchange", wire.decodeExchange(tail, data));
  return undefined;
}

function some(kind: string, key: string, value: object | undefined): CaptureRecord | undefined {
  return value && ({ kind, [key]: value } as unknown as CaptureRecord);
}
