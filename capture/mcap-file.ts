// Chunks and attachments → an MCAP file, append only: header, data section with its CRC, and at the end
// the summary that lets a viewer open the file at once. What the messages mean is the callers' concern
// (log-writer.ts records them, recover.ts copies them). Synchronous: what returned is with the system.

import { closeSync, fdatasync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { type Channel, McapRecordBuilder, type MessageIndex, type Schema } from "@mcap/core";
import { SourceError } from "../schema/errors.ts";

/** What the summary says of one channel. */
export interface ChannelSummary {
  readonly schema: Schema;
  readonly channel: Channel;
  readonly messages: number;
}

interface ChunkIndexEntry {
  readonly start: bigint;
  readonly length: bigint;
  readonly size: bigint;
  readonly first: bigint;
  readonly last: bigint;
  readonly messageIndexLength: bigint;
  readonly messageIndexOffsets: Map<number, bigint>;
}

/** Opcode, length and the two offsets of a footer: what its summary CRC covers of it (MCAP, op=0x02). */
const FOOTER_CRC_BYTES = 1 + 8 + 8 + 8;

export class McapFile {
  readonly path: string;
  readonly #fd: number;
  readonly #out = new McapRecordBuilder();
  readonly #chunks: ChunkIndexEntry[] = [];
  #position = 0n;
  #crc = 0;
  #attachments = 0;
  #open = true;
  #syncing = false;
  #syncError: Error | undefined;

  /** Creates the file; fails if it exists, since evidence is never overwritten. */
  constructor(path: string, library: string) {
    this.path = path;
    this.#fd = openSync(path, "wx");
    this.#out.writeMagic();
    this.#out.writeHeader({ profile: "truejoule", library });
    this.#emit();
  }

  /** Bytes handed to the operating system so far. */
  get bytesWritten(): number {
    return Number(this.#position);
  }

  /** Chunks that are wholly with the operating system. */
  get chunks(): number {
    return this.#chunks.length;
  }

  attach(name: string, mediaType: string, data: Uint8Array): void {
    this.#out.writeAttachment({ name, mediaType, data, logTime: 0n, createTime: 0n });
    this.#attachments++;
    this.#emit();
  }

  /** Appends a chunk of whole records and the index of its messages. */
  chunk(records: Uint8Array, first: bigint, last: bigint, indices: Iterable<MessageIndex>): void {
    const start = this.#position;
    const size = BigInt(records.length);
    this.#out.writeChunk({
      messageStartTime: first,
      messageEndTime: last,
      uncompressedSize: size,
      uncompressedCrc: crc32(records),
      compression: "",
      records,
    });
    const length = BigInt(this.#out.length);
    const messageIndexOffsets = new Map<number, bigint>();
    for (const index of indices) {
      messageIndexOffsets.set(index.channelId, start + BigInt(this.#out.length));
      this.#out.writeMessageIndex(index);
    }
    const messageIndexLength = BigInt(this.#out.length) - length;
    const entry = { start, length, size, first, last, messageIndexLength, messageIndexOffsets };
    try {
      this.#emit();
    } finally {
      // A write that failed behind the chunk itself, in its index, leaves a chunk that is read like any other.
      if (this.#position >= start + length) this.#chunks.push(entry);
    }
  }

  /** Forces what was written to disk. */
  sync(): void {
    fdatasyncSync(this.#fd);
  }

  /** The same without waiting: a busy disk can take seconds. A failure is thrown by the next write. */
  syncSoon(): void {
    if (this.#syncing) return;
    this.#syncing = true;
    fdatasync(this.#fd, (error) => {
      this.#syncing = false;
      this.#syncError ??= error ?? undefined;
    });
  }

  /** Writes summary and footer. A file without them was cut; it is still read to its last whole chunk. */
  close(channels: readonly ChannelSummary[]): void {
    if (!this.#open) return;
    this.#out.writeDataEnd({ dataSectionCrc: this.#crc });
    this.#emit();
    this.#writeSummary(channels);
    this.sync();
    this.#open = false;
    closeSync(this.#fd);
  }

  #writeSummary(channels: readonly ChannelSummary[]): void {
    const summaryStart = this.#position;
    const out = this.#out;
    const first = this.#chunks[0]?.first ?? 0n;
    for (const c of channels) out.writeSchema(c.schema);
    for (const c of channels) out.writeChannel(c.channel);
    out.writeStatistics({
      messageCount: BigInt(channels.reduce((n, c) => n + c.messages, 0)),
      schemaCount: channels.length,
      channelCount: channels.length,
      attachmentCount: this.#attachments,
      metadataCount: 0,
      chunkCount: this.#chunks.length,
      messageStartTime: this.#chunks.map((c) => c.first).reduce((a, b) => (b < a ? b : a), first),
      messageEndTime: this.#chunks.map((c) => c.last).reduce((a, b) => (b > a ? b : a), first),
      channelMessageCounts: new Map(channels.map((c) => [c.channel.id, BigInt(c.messages)])),
    });
    for (const c of this.#chunks)
      out.writeChunkIndex({
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
    const footer = { summaryStart, summaryOffsetStart: 0n };
    const before = crc32(out.buffer);
    this.#emit();
    out.writeFooter({ ...footer, summaryCrc: 0 });
    const summaryCrc = crc32(out.buffer.subarray(0, FOOTER_CRC_BYTES), before);
    out.reset();
    out.writeFooter({ ...footer, summaryCrc });
    out.writeMagic();
    this.#emit();
  }

  /** A short write is legal (signals); after a failed one (full disk) the file is closed where it broke off. */
  #emit(): void {
    const bytes = this.#out.buffer;
    if (!this.#open) throw new SourceError("ended", `${this.path}: the log is closed`);
    try {
      if (this.#syncError) throw this.#syncError;
      for (let done = 0; done < bytes.length;) {
        const n = writeSync(this.#fd, bytes, done, bytes.length - done);
        done += n;
        this.#position += BigInt(n);
      }
    } catch (error) {
      this.#open = false;
      closeSync(this.#fd);
      const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
      throw new SourceError(
        "fatal",
        `${this.path}: cannot write the log at byte ${this.#position} (${code}); what is there can be read and recovered`,
        error,
      );
    }
    this.#crc = crc32(bytes, this.#crc);
    this.#out.reset();
  }
}
