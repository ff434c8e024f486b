// A damaged or cut log → a new log with every whole chunk, attachment and seal of it, byte for byte, and a
// note of what is gone; a seal of the whole ends it. The old log is only read. Holds: one chunk.

import { statSync } from "node:fs";
import { basename } from "node:path";
import { inputError, SourceError } from "../schema/errors.ts";
import type { Note } from "../schema/records.ts";
import { type ChainCheck, ChainReader } from "./chain-check.ts";
import { type ChunkContents, chunkContents, parseRecord } from "./chunk-contents.ts";
import { McapChunkBuilder } from "./mcap-core.ts";
import { type Damage, type Frame, readFrames } from "./mcap-frames.ts";
import { type ChannelSummary, McapFile } from "./mcap-file.ts";
import { chunkRecords, Op } from "./mcap-records.ts";
import type { ChainHead } from "./seal.ts";
import { encodeNote } from "./wire.ts";
import { append } from "../schema/lists.ts";
import { mostOf } from "../stats/summary.ts";

export interface Recovery {
  readonly chunks: number;
  readonly attachments: number;
  /** Stretches left out, and their bytes in all. */
  readonly dropped: readonly Damage[];
  readonly droppedBytes: number;
  /** Messages that the sequence numbers of what remains show to be missing; those after the last chunk do not show. */
  readonly missingMessages: number;
  /** Of the log it came from: the head of its seals, null where it had none, and what contradicts them. */
  readonly chain: ChainHead | null;
  readonly sha256: string;
  readonly broken: readonly string[];
  /** The note that the new log carries. */
  readonly note: Note;
}

interface Seen extends ChannelSummary {
  messages: number;
  next: number;
}

type Progress = (done: number, total: number) => void;

/** @throws InputError when `from` is no log or has lost its session header; SourceError when `to` cannot be written. */
export function recoverLog(from: string, to: string, onProgress?: Progress): Recovery {
  const dropped: Damage[] = [];
  const chain = new ChainReader(from);
  let copy: Copy | undefined;
  for (const frame of readFrames(from, onProgress)) {
    chain.add(frame.kind === "damage" ? frame.damage : frame);
    if (frame.kind === "damage") dropped.push(frame.damage);
    else if (frame.opcode === Op.header) copy = new Copy(to, libraryOf(frame));
    else append(dropped, (copy ??= new Copy(to)).add(frame));
  }
  const check = chain.finish();
  if (!copy?.hasSession)
    throw inputError(
      "the session header itself is lost, so nothing in the log can be placed in time",
      from,
      "a whole attachment session.json",
    );
  return copy.finish(from, dropped, check);
}

class Copy {
  readonly #file: McapFile;
  readonly #channels = new Map<number, Seen>();
  #chunks = 0;
  #attachments = 0;
  #missing = 0;
  hasSession = false;

  constructor(path: string, library = "truejoule") {
    this.#file = new McapFile(path, library);
  }

  /** Message indexes are made again with their chunks. @returns what cannot be copied. */
  add({ opcode, bytes, offset }: Frame): Damage[] {
    try {
      if (opcode === Op.attachment) this.#attachment(bytes);
      else if (opcode === Op.chunk) this.#chunk(bytes, chunkContents(chunkRecords(bytes)));
      else if (opcode === Op.metadata) this.#file.copySeal(bytes);
      return [];
    } catch (error) {
      if (error instanceof SourceError) throw error; // of the new log
      const what = opcode === Op.chunk ? "chunk" : "attachment";
      return [{ what, offset, bytes: bytes.length, text: (error as Error).message }];
    }
  }

  #attachment(bytes: Buffer): void {
    const a = parseRecord(bytes);
    if (a?.type === "Attachment" && a.name === "session.json") this.hasSession = true;
    this.#file.copyAttachment(bytes);
    this.#attachments++;
  }

  #chunk(bytes: Buffer, c: ChunkContents): void {
    const schemas = new Map(c.schemas.map((s) => [s.id, s]));
    for (const channel of c.channels)
      if (!this.#channels.has(channel.id)) {
        const schema = schemas.get(channel.schemaId);
        if (schema) this.#channels.set(channel.id, { channel, schema, messages: 0, next: 0 });
      }
    for (const [id, sequence] of c.sequences) {
      const seen = this.#channels.get(id);
      if (!seen) continue;
      this.#missing += Math.max(0, sequence - seen.next);
      seen.messages++;
      seen.next = sequence + 1;
    }
    const { first, last, indices } = c;
    this.#file.copyChunk(bytes, { size: chunkRecords(bytes).length, first, last }, indices);
    this.#chunks++;
  }

  finish(from: string, dropped: readonly Damage[], check: ChainCheck): Recovery {
    const droppedBytes = dropped.reduce((n, d) => n + d.bytes, 0);
    const missingMessages = this.#missing;
    const note = noteOf(from, dropped, missingMessages, check);
    this.#note(note);
    this.#file.sealWhole();
    this.#file.close([...this.#channels.values()]);
    const [chunks, attachments] = [this.#chunks, this.#attachments];
    const { sha256, chain, broken } = check;
    const copied = { chunks, attachments, dropped, droppedBytes, missingMessages, note };
    return { ...copied, sha256, chain, broken };
  }

  #note(note: Note): void {
    const notes = this.#notesChannel();
    const chunk = new McapChunkBuilder({});
    chunk.addSchema(notes.schema);
    chunk.addChannel(notes.channel);
    chunk.addMessage({
      channelId: notes.channel.id,
      sequence: notes.next,
      logTime: 0n,
      publishTime: 0n,
      data: encodeNote(note),
    });
    notes.messages++;
    this.#file.chunk(chunk.buffer, 0n, 0n, chunk.indices);
  }

  /** The log's own channel for notes, or a new one where it had none. */
  #notesChannel(): Seen {
    const all = [...this.#channels.values()];
    const known = all.find((c) => c.channel.topic === "notes");
    if (known) return known;
    const id =
      mostOf(
        all.map((c) => c.channel.id),
        -1,
      ) + 1;
    const schemaId =
      mostOf(
        all.map((c) => c.schema.id),
        0,
      ) + 1;
    const fresh: Seen = {
      channel: { id, schemaId, topic: "notes", messageEncoding: "json", metadata: new Map() },
      schema: { id: schemaId, name: "notes", encoding: "", data: new Uint8Array() },
      messages: 0,
      next: 0,
    };
    this.#channels.set(id, fresh);
    return fresh;
  }
}

function noteOf(
  from: string,
  dropped: readonly Damage[],
  missing: number,
  { sha256, chain, broken }: ChainCheck,
): Note {
  const head = chain ? `chain head ${chain.head} of ${chain.links} links` : "unsealed";
  const origin = `recovered from ${basename(from)} (${statSync(from).size} bytes, sha256 ${sha256}, ${head})`;
  if (dropped.length === 0 && broken.length === 0)
    return { level: "info", text: `${origin}: it was whole` };
  const bytes = dropped.reduce((n, d) => n + d.bytes, 0);
  const stretches = `${dropped.length} damaged ${dropped.length === 1 ? "stretch" : "stretches"}`;
  const parts = [
    ...(dropped.length > 0 ? [`${stretches} of ${bytes} bytes left out`] : []),
    ...(missing > 0 ? [`${missing} messages missing by their sequence`] : []),
    ...(dropped.some((d) => d.what === "cut")
      ? ["cut at the end, where at most the last open chunk is lost"]
      : []),
    ...broken.slice(0, MOST_LINKS),
    ...(broken.length > MOST_LINKS ? [`${broken.length - MOST_LINKS} more such links`] : []),
  ];
  return { level: "loss", text: `${origin}: ${parts.join("; ")}`, count: bytes };
}

/** Named in the note; verify names them all. */
const MOST_LINKS = 8;

function libraryOf({ bytes }: Frame): string {
  const header = parseRecord(bytes);
  return header?.type === "Header" ? header.library : "truejoule";
}
