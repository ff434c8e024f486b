// capture.mcap → records, one MCAP record in memory at a time. mcap-frames.ts finds and checks them, what
// lies inside is taken apart here. Damage is yielded in its place, never thrown: the caller counts it.

import type { TypedMcapRecords } from "@mcap/core";
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
import { MESSAGE_HEAD, parseRecord, partEnd } from "./chunk-contents.ts";
import { FileBytes } from "./file-bytes.ts";
import { type Damage, type Frame, framesOf, readFrames, readFramesAt } from "./mcap-frames.ts";
import { CHUNK_RECORDS, chunkRecords, Op, PREFIX } from "./mcap-records.ts";
import type { LogReading } from "./unchanged.ts";
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
  /**
   * `at`: byte of the file at which the record begins that holds the block, for `rowsAt`. `dataAt`: byte at
   * which its message's data begin (row-range.ts).
   */
  | {
      readonly kind: "rows";
      readonly block: SampleBlock;
      readonly at: number;
      readonly dataAt: number;
    }
  | { readonly kind: "read"; readonly read: TelemetryRead }
  /** `at`: byte of the file at which its JSON lies (mark-fields.ts). */
  | { readonly kind: "mark"; readonly mark: Mark; readonly at?: number }
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
  /**
   * Rows are views of the bytes read, valid until the next record is asked for: for who keeps none of them.
   * Else each block has its bytes for itself.
   */
  readonly borrowed?: true;
  /** Told where each whole frame lies that holds rows: what {@link readRowsAt} wants. */
  readonly onRows?: (offset: number) => void;
  /** Told what was read, when all of it is. */
  readonly onEnd?: (reading: LogReading) => void;
}

/** @throws InputError when the file is missing, is no MCAP file at all, or of another version. */
export function* readCapture(path: string, options: ReadOptions = {}): Generator<CaptureRecord> {
  const decoder = new RecordDecoder(path, options);
  const file = new FileBytes(path, options.onEnd !== undefined);
  try {
    for (const frame of framesOf(file, options.onProgress)) {
      options.onFrame?.(frame.kind === "damage" ? frame.damage : frame);
      if (frame.kind === "damage") yield frame;
      else if (frame.opcode !== Op.metadata) yield* decoder.decode(frame);
    }
    options.onEnd?.({ path, sha256: file.sha256(), stamp: file.stamp });
  } finally {
    file.close();
  }
}

/** The row blocks in the record that begins at byte `at`, as a reading of the file told it. */
export function rowsAt(path: string, at: number): SampleBlock[] {
  const decoder = new RecordDecoder(path, {});
  for (const frame of readFrames(path, undefined, at)) {
    if (frame.kind === "damage") break;
    return decoder.decode(frame).flatMap((r) => (r.kind === "rows" ? [r.block] : []));
  }
  return [];
}

/**
 * The blocks of one stream in frames found before; their bytes are valid until the next is asked for.
 * @throws InputError when the log was changed meanwhile.
 */
export function* readRowsAt(
  path: string,
  offsets: readonly number[],
  stream: string,
  onProgress?: ReadOptions["onProgress"],
): Generator<CaptureRecord> {
  const topic = `daq/${stream}`;
  const decoder = new RecordDecoder(path, { borrowed: true, only: (t) => t === topic });
  for (const frame of readFramesAt(path, offsets, onProgress))
    for (const r of decoder.decode(frame)) if (r.kind === "rows") yield r;
}

function damage(what: Damage["what"], offset: number, bytes: number, text: string): CaptureRecord {
  return { kind: "damage", damage: { what, offset, bytes, text } };
}

/** What a channel was declared as, and what of it is to come. */
interface Topic {
  readonly topic: string;
  /** What follows the first slash: the stream's or channel's name. */
  readonly tail: string;
  readonly isWanted: boolean;
  readonly schemaId: number;
  readonly layout?: RowLayout;
  readonly isTelemetry: boolean;
  /** Its declaration is damage: its messages are left out. */
  readonly refused: boolean;
  next: number;
}

/** Turns MCAP records into capture records; keeps what it must remember between them. */
class RecordDecoder {
  readonly #path: string;
  readonly #options: ReadOptions;
  readonly #channels = new Map<number, Topic>();
  readonly #topics = new Set<string>();
  /** Declarations as they came first, by opcode and id: they hold, and every chunk repeats them. */
  readonly #declared = new Map<number, Buffer>();
  readonly #schemas = new Map<number, Uint8Array>();
  readonly #attachments = new Set<string>();
  /** Channels that this chunk declares otherwise. */
  readonly #disputed = new Set<number>();

  constructor(path: string, options: ReadOptions) {
    this.#path = path;
    this.#options = options;
  }

  /** The records of a frame, up to where it is damaged. */
  decode({ opcode, bytes, offset }: Frame): CaptureRecord[] {
    const out: CaptureRecord[] = [];
    try {
      if (opcode === Op.chunk) this.#chunk(chunkRecords(bytes), offset, out);
      else if (opcode === Op.attachment) this.#attachment(bytes, offset, out);
    } catch (error) {
      // Whole, but of another version: nothing behind it can be trusted to mean what it says here.
      if (error instanceof InputError) throw inputError(error.message, this.#path);
      const what = opcode === Op.chunk ? "chunk" : "attachment";
      out.push(damage(what, offset, bytes.length, (error as Error).message));
    }
    return out;
  }

  #chunk(records: Buffer, offset: number, out: CaptureRecord[]): void {
    this.#disputed.clear();
    let hasRows = false;
    // No view and no generator for each of the messages, of which a long log has millions.
    const view = wire.viewOf(records);
    for (let at = 0, end = 0; at < records.length; at = end) {
      end = partEnd(view, at);
      if (records[at] !== Op.message) {
        this.#declaration(records[at]!, records.subarray(at, end), offset, out);
        continue;
      }
      const entry = this.#entryOf(view.getUint16(at + PREFIX, true));
      if (!entry) continue;
      hasRows ||= entry.layout !== undefined;
      const sequence = view.getUint32(at + PREFIX + 2, true);
      if (sequence !== entry.next) out.push(outOfSequence(entry, sequence, offset));
      entry.next = (sequence + 1) >>> 0;
      if (!entry.isWanted) continue;
      const from = at + MESSAGE_HEAD;
      const record = this.#message(entry, records, view, from, end, offset);
      const text = `${entry.topic}: malformed message`;
      out.push(record ?? damage("message", offset, end - from, text));
    }
    if (hasRows) this.#options.onRows?.(offset);
  }

  /** A message's data [from, to) of a chunk's records. @param at of the chunk in the file. */
  #message(
    entry: Topic,
    records: Buffer,
    view: DataView,
    from: number,
    to: number,
    at: number,
  ): CaptureRecord | undefined {
    const dataAt = at + CHUNK_RECORDS + from;
    const { layout, tail } = entry;
    if (entry.isTelemetry) {
      const read = wire.decodeRead(tail, view, from, to);
      return read && { kind: "read", read };
    }
    if (!layout) return decodeMessage(entry, records.subarray(from, to), dataAt);
    const block = wire.decodeBlock(tail, layout.rowBytes, view, from, to);
    if (!block) return undefined;
    // A copy of rows: who keeps a record need not know that the next frame takes this one's place.
    const own = this.#options.borrowed ? block : { ...block, bytes: block.bytes.slice() };
    return { kind: "rows", block: own, at, dataAt };
  }

  /** The channel of a message, or undefined where it is left out. */
  #entryOf(id: number): Topic | undefined {
    const entry = this.#channels.get(id);
    if (!entry) throw new Error(`a message of channel ${id}, which is not declared`);
    return entry.refused || this.#disputed.has(id) ? undefined : entry;
  }

  #attachment(bytes: Buffer, at: number, out: CaptureRecord[]): void {
    const a = parseRecord(bytes);
    if (a?.type !== "Attachment") return;
    if (this.#attachments.has(a.name)) {
      out.push(damage("attachment", at, bytes.length, `a second ${a.name}; the first holds`));
      return;
    }
    this.#attachments.add(a.name);
    if (a.name === "session.json")
      out.push({ kind: "session", session: sessionFromJson(Buffer.from(a.data).toString()) });
    out.push({ kind: "attachment", name: a.name, mediaType: a.mediaType, data: a.data });
  }

  #declaration(opcode: number, bytes: Buffer, at: number, out: CaptureRecord[]): void {
    const key = (opcode << 16) | (bytes.length < PREFIX + 2 ? 0 : bytes.readUInt16LE(PREFIX));
    const first = this.#declared.get(key);
    if (first?.equals(bytes)) return;
    const r = parseRecord(bytes);
    if (r?.type !== "Schema" && r?.type !== "Channel") throw new Error("a damaged declaration");
    if (!first) {
      this.#declared.set(key, Buffer.from(bytes));
      if (r.type === "Schema") this.#schemas.set(r.id, r.data);
      else this.#channel(r, at, out);
      return;
    }
    for (const [id, { schemaId }] of this.#channels)
      if (r.type === "Channel" ? id === r.id : schemaId === r.id) this.#disputed.add(id);
    const subject = r.type === "Channel" ? `channel ${r.topic}` : `schema ${r.name}`;
    const text = `${subject} declared again, differently; the first is used, and messages by this one are left out`;
    out.push(damage("record", at, bytes.length, text));
  }

  #channel(c: TypedMcapRecords["Channel"], at: number, out: CaptureRecord[]): void {
    const { topic, schemaId } = c;
    const tail = topic.slice(topic.indexOf("/") + 1);
    const isWanted = this.#options.only?.(topic) ?? true;
    const isTelemetry = topic.startsWith("telemetry/");
    const entry = { topic, tail, isWanted, schemaId, isTelemetry, refused: false, next: 0 };
    try {
      if (this.#topics.has(c.topic)) throw new Error("a second channel of that topic");
      this.#topics.add(c.topic);
      const { record, layout } = readChannel(c, this.#schemas.get(c.schemaId));
      this.#channels.set(c.id, { ...entry, ...(layout && { layout }) });
      if (record) out.push(record);
    } catch (error) {
      this.#channels.set(c.id, { ...entry, refused: true });
      const text = `${c.topic}: ${(error as Error).message}; its messages are left out`;
      out.push(damage("record", at, 0, text));
    }
  }
}

function outOfSequence({ topic, next }: Topic, sequence: number, at: number): CaptureRecord {
  const lost = sequence - next;
  const text = lost > 0 ? `${lost} messages missing before this one` : "messages go back";
  return damage("sequence", at, 0, `${topic}: ${text}`);
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

/** Anything but rows and reads. @param dataAt byte of the file at which its data begin. */
function decodeMessage(
  { topic, tail }: Topic,
  data: Uint8Array,
  dataAt: number,
): CaptureRecord | undefined {
  if (topic === "marks") {
    const mark = wire.decodeMark(data);
    return mark && { kind: "mark", mark, at: dataAt };
  }
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
