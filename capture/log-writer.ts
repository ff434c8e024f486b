// Records → capture.mcap: append only, chunked, checksummed, flushed by policy (docs/capture.md).
// Synchronous on purpose: a chunk is at most 1 MiB and the caller knows when it is on its way to disk.

import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { type Channel, McapChunkBuilder, McapRecordBuilder, type Schema } from "@mcap/core";
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
import { type Session, sessionToJson } from "../schema/session.ts";
import * as wire from "./wire.ts";

export const CHUNK_BYTES = 1 << 20;

export interface LogOptions {
  /** Close an open chunk after this many milliseconds; Infinity (the default) for imports. */
  readonly flushMs?: number;
  /** Injected for tests. Milliseconds. */
  readonly now?: () => number;
}

interface OpenChannel {
  readonly channel: Channel;
  readonly schema: Schema;
  sequence: number;
  /** Its Channel record already stands in the open chunk. */
  inChunk: boolean;
}

interface ChunkIndexEntry {
  start: bigint;
  length: bigint;
  size: bigint;
  first: bigint;
  last: bigint;
  messageIndexLength: bigint;
  messageIndexOffsets: Map<number, bigint>;
}

export class LogWriter {
  readonly #fd: number;
  readonly #flushMs: number;
  readonly #now: () => number;
  readonly #out = new McapRecordBuilder();
  readonly #chunk = new McapChunkBuilder({});
  readonly #channels = new Map<string, OpenChannel>();
  readonly #chunkIndex: ChunkIndexEntry[] = [];
  #position = 0n;
  #dataCrc = 0;
  #messages = 0n;
  #attachments = 0;
  #chunkOpenedMs = 0;
  #syncedMs: number;
  #closed = false;

  /** Creates the file; fails if it exists, since evidence is never overwritten. */
  constructor(path: string, session: Session, options: LogOptions = {}) {
    this.#fd = openSync(path, "wx");
    this.#flushMs = options.flushMs ?? Infinity;
    this.#now = options.now ?? Date.now;
    this.#syncedMs = this.#now();
    this.#out.writeMagic();
    this.#out.writeHeader({ profile: "truejoule", library: session.software });
    this.#emit();
    this.attach("session.json", "application/json", Buffer.from(sessionToJson(session)));
  }

  /** Bytes handed to the operating system so far. */
  get bytesWritten(): number {
    return Number(this.#position);
  }

  attach(name: string, mediaType: string, data: Uint8Array): void {
    this.#closeChunk();
    this.#out.writeAttachment({ name, mediaType, data, logTime: 0n, createTime: 0n });
    this.#attachments++;
    this.#emit();
  }

  /** Declares a DAQ stream; its blocks may follow. */
  declareRows(layout: RowLayout): void {
    this.#declare(`daq/${layout.stream}`, "truejoule-rows", "rows/1", JSON.stringify(layout));
  }

  declareTelemetry(c: TelemetryChannel): void {
    const metadata = new Map([
      ["quantity", c.quantity],
      ["unit", c.unit],
    ]);
    if (c.wrapsAt !== undefined) metadata.set("wraps_at", String(c.wrapsAt));
    this.#declare(`telemetry/${c.name}`, "truejoule-read", "read/1", "", metadata);
  }

  rows(b: SampleBlock): void {
    this.#add(`daq/${b.stream}`, wire.encodeBlock(b), b.hostAfter ?? 0n);
  }

  read(r: TelemetryRead): void {
    this.#add(`telemetry/${r.channel}`, wire.encodeRead(r), r.after);
  }

  mark(m: Mark): void {
    this.#addJson("marks", wire.encodeMark(m), m.clock === "host" ? m.t : 0n);
  }

  edge(e: Edge): void {
    this.#addJson("edges", wire.encodeEdge(e), 0n);
  }

  note(n: Note): void {
    this.#addJson("notes", wire.encodeNote(n), n.t ?? 0n);
  }

  clockPair(p: ClockPair): void {
    this.#addJson("clock/host", wire.encodePair(p), p.mono);
  }

  exchange(e: ClockExchange): void {
    this.#addJson(`clock/${e.stream}`, wire.encodeExchange(e), e.received);
  }

  /** Closes a chunk that has been open for the flush period; a recorder calls this on its tick. */
  flushIfDue(): void {
    if (this.#chunk.numMessages > 0 && this.#now() - this.#chunkOpenedMs >= this.#flushMs)
      this.flush();
  }

  /** Closes the open chunk and forces the file to disk. */
  flush(): void {
    this.#closeChunk();
    fdatasyncSync(this.#fd);
    this.#syncedMs = this.#now();
  }

  /** Writes the index and footer. A file without them was cut; it is still read to its last whole chunk. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeChunk();
    this.#out.writeDataEnd({ dataSectionCrc: this.#dataCrc });
    this.#emit();
    this.#writeSummary();
    fdatasyncSync(this.#fd);
    closeSync(this.#fd);
  }

  #declare(
    topic: string,
    encoding: string,
    schemaName: string,
    schemaText: string,
    metadata = new Map<string, string>(),
  ): OpenChannel {
    const known = this.#channels.get(topic);
    if (known) return known;
    const id = this.#channels.size;
    const schema = {
      id: id + 1,
      name: schemaName,
      encoding: schemaText === "" ? "" : "json",
      data: new TextEncoder().encode(schemaText),
    };
    const channel = { id, schemaId: id + 1, topic, messageEncoding: encoding, metadata };
    const open = { channel, schema, sequence: 0, inChunk: false };
    this.#channels.set(topic, open);
    return open;
  }

  #addJson(topic: string, data: Uint8Array, t: bigint): void {
    this.#declare(topic, "json", topic, "");
    this.#add(topic, data, t);
  }

  #add(topic: string, data: Uint8Array, t: bigint): void {
    const open = this.#channels.get(topic);
    if (!open) throw new Error(`${topic} was not declared before its first message`);
    if (this.#chunk.byteLength === 0) this.#chunkOpenedMs = this.#now();
    if (!open.inChunk) {
      this.#chunk.addSchema(open.schema);
      this.#chunk.addChannel(open.channel);
      open.inChunk = true;
    }
    // MCAP times are unsigned; session-relative stamps before zero are clamped here, not in the payload.
    const logTime = t < 0n ? 0n : t;
    this.#chunk.addMessage({
      channelId: open.channel.id,
      sequence: open.sequence,
      logTime,
      publishTime: logTime,
      data,
    });
    open.sequence = (open.sequence + 1) >>> 0;
    this.#messages += 1n;
    if (this.#chunk.byteLength >= CHUNK_BYTES) this.#closeChunk();
  }

  #closeChunk(): void {
    if (this.#chunk.numMessages === 0) return;
    const records = this.#chunk.buffer;
    const start = this.#position;
    const [first, last] = [this.#chunk.messageStartTime, this.#chunk.messageEndTime];
    this.#out.writeChunk({
      messageStartTime: first,
      messageEndTime: last,
      uncompressedSize: BigInt(records.length),
      uncompressedCrc: crc32(records),
      compression: "",
      records,
    });
    const length = BigInt(this.#out.length);
    this.#emit();
    const indexStart = this.#position;
    const messageIndexOffsets = new Map<number, bigint>();
    for (const index of this.#chunk.indices) {
      messageIndexOffsets.set(index.channelId, indexStart + BigInt(this.#out.length));
      this.#out.writeMessageIndex(index);
    }
    const messageIndexLength = BigInt(this.#out.length);
    this.#emit();
    const size = BigInt(records.length);
    this.#chunkIndex.push({
      start,
      length,
      size,
      first,
      last,
      messageIndexLength,
      messageIndexOffsets,
    });
    this.#chunk.reset();
    for (const c of this.#channels.values()) c.inChunk = false;
    if (this.#now() - this.#syncedMs >= this.#flushMs) this.flush();
  }

  /** Statistics, schemas, channels and chunk index: what lets an MCAP viewer open the file at once. */
  #writeSummary(): void {
    const summaryStart = this.#position;
    for (const c of this.#channels.values()) this.#out.writeSchema(c.schema);
    for (const c of this.#channels.values()) this.#out.writeChannel(c.channel);
    this.#out.writeStatistics({
      messageCount: this.#messages,
      schemaCount: this.#channels.size,
      channelCount: this.#channels.size,
      attachmentCount: this.#attachments,
      metadataCount: 0,
      chunkCount: this.#chunkIndex.length,
      messageStartTime: this.#chunkIndex.reduce((m, c) => (c.first < m ? c.first : m), 0n),
      messageEndTime: this.#chunkIndex.reduce((m, c) => (c.last > m ? c.last : m), 0n),
      channelMessageCounts: new Map(
        [...this.#channels.values()].map((c) => [c.channel.id, BigInt(c.sequence)]),
      ),
    });
    for (const c of this.#chunkIndex)
      this.#out.writeChunkIndex({
        messageStartTime: c.first,
        messageEndTime: c.last,
        chunkStartOffset: c.start,
        chunkLength: c.length,
        messageIndexOffsets: c.messageIndexOffsets,
        messageIndexLength: c.messageIndexLength,
        compression: "",
        compressedSize: c.size,
        uncompressedSize: c.size,
      });
    this.#emit();
    this.#out.writeFooter({ summaryStart, summaryOffsetStart: 0n, summaryCrc: 0 });
    this.#out.writeMagic();
    this.#emit();
  }

  #emit(): void {
    const bytes = this.#out.buffer;
    this.#dataCrc = crc32(bytes, this.#dataCrc);
    // A short write is legal (full disk, signals); an error is the caller's to report.
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.#fd, bytes, done, bytes.length - done);
    this.#position += BigInt(bytes.length);
    this.#out.reset();
  }
}
