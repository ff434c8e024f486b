// Chunks and attachments → an MCAP file, append only: header, data section with its CRC and the chain of its
// seals, and at the end the summary that lets a viewer open the file at once. What the messages mean is the
// callers' concern (log-writer.ts records them, recover.ts copies them). Synchronous: what returned is with
// the system.

import { createHash } from "node:crypto";
import { closeSync, fdatasync, fdatasyncSync, writevSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { Channel, MessageIndex, Schema } from "@mcap/core";
import { createLocked } from "../host/file-lock.ts";
import { SourceError } from "../schema/errors.ts";
import { type LogPlace, lossOf, nameOf } from "./log-place.ts";
import { McapRecordBuilder } from "./mcap-core.ts";
import { CHUNK_HEAD, Op, PREFIX } from "./mcap-records.ts";
import { type ChainHead, readSeal, type Seal, sealRecord } from "./seal.ts";
import { fileSha256 } from "./sha256.ts";

/** What the summary says of one channel. */
export interface ChannelSummary {
  readonly schema: Schema;
  readonly channel: Channel;
  readonly messages: number;
}

interface ChunkEntry {
  readonly start: bigint;
  readonly length: bigint;
  readonly size: bigint;
  readonly first: bigint;
  readonly last: bigint;
  readonly messageIndexLength: bigint;
  readonly messageIndexOffsets: Map<number, bigint>;
}

/** What the summary will say of the chunks: kept as its bytes, since days of recording have a chunk a second. */
class ChunkIndex {
  count = 0;
  /** Least and greatest time of any message. */
  first = 0n;
  last = 0n;
  readonly #records = new McapRecordBuilder();

  get bytes(): Uint8Array {
    return this.#records.buffer;
  }

  add(c: ChunkEntry): void {
    const isFirst = this.count++ === 0;
    if (isFirst || c.first < this.first) this.first = c.first;
    if (isFirst || c.last > this.last) this.last = c.last;
    this.#records.writeChunkIndex({
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
  }
}

/** Opcode, length and the two offsets of a footer: what its summary CRC covers of it (MCAP, op=0x02). */
const FOOTER_CRC_BYTES = 1 + 8 + 8 + 8;

export class McapFile {
  readonly path: string;
  readonly #fd: number;
  readonly #hasName: () => boolean;
  readonly #out = new McapRecordBuilder();
  readonly #chunks = new ChunkIndex();
  #position = 0n;
  #crc = 0;
  #attachments = 0;
  #seals = 0;
  /** Of everything since the last seal began, and where that was. */
  #link = createHash("sha256");
  #linkStart = 0n;
  #chain: ChainHead = { head: "", links: 0 };
  #open = true;
  #lost = false;
  #syncing = false;
  #syncError: Error | undefined;

  /** Creates the file, locked while it is written; fails if it exists, since evidence is never overwritten. */
  constructor(path: string, library: string) {
    this.path = path;
    this.#fd = createLocked(path);
    this.#hasName = nameOf(this.#fd, path);
    this.#out.writeMagic();
    this.#out.writeHeader({ profile: "truejoule", library });
    this.#emit();
  }

  /** Bytes handed to the operating system so far that are in the file; 0 where it is lost. */
  get bytesWritten(): number {
    return this.#lost ? 0 : Number(this.#position);
  }

  /** Whether the last write or {@link check} found it deleted, cut or written over. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Where it is now; also once it is closed. */
  get place(): LogPlace {
    if (this.#lost) return "lost";
    return this.#hasName() ? "here" : "moved";
  }

  /** @throws SourceError where what was written is not in the file any more; then it is closed. */
  check(): void {
    const why = this.#open ? lossOf(this.#fd, Number(this.#position)) : null;
    if (why === null) return;
    this.#lost = true;
    this.#open = false;
    closeSync(this.#fd);
    throw new SourceError(`${this.path}: ${why}`);
  }

  /** Chunks that are wholly with the operating system. */
  get chunks(): number {
    return this.#chunks.count;
  }

  /** The chain as far as it is written. */
  get chain(): ChainHead {
    return this.#chain;
  }

  attach(name: string, mediaType: string, data: Uint8Array): void {
    this.#out.writeAttachment({ name, mediaType, data, logTime: 0n, createTime: 0n });
    this.#attachments++;
    this.#emitSealed();
  }

  /** Appends a chunk of whole records and the index of its messages. */
  chunk(records: Uint8Array, first: bigint, last: bigint, indices: Iterable<MessageIndex>): void {
    const start = this.#position;
    const head = chunkHead(records, first, last);
    const [size, length] = [BigInt(records.length), BigInt(head.length + records.length)];
    const index = this.#writeIndex(indices, start + length);
    try {
      this.#emitSealed([head, records, this.#out.buffer]);
    } finally {
      // A write that failed behind the chunk itself, in its index, leaves a chunk that is read like any other.
      const entry = { start, length, size, first, last, ...index };
      if (this.#position >= start + length) this.#chunks.add(entry);
    }
  }

  /** Appends an attachment of another log as it is; its seal follows. */
  copyAttachment(record: Uint8Array): void {
    this.#emit(record);
    this.#attachments++;
  }

  /** Appends a seal of another log as it is: what follows goes on with its chain. */
  copySeal(record: Buffer): void {
    this.#begin(record, readSeal(record)!);
  }

  /** Appends a chunk of another log as it is, and the index of its messages. */
  copyChunk(
    record: Uint8Array,
    { size, first, last }: { readonly size: number; readonly first: bigint; readonly last: bigint },
    indices: Iterable<MessageIndex>,
  ): void {
    const [start, length] = [this.#position, BigInt(record.length)];
    this.#emit(record);
    const index = this.#writeIndex(indices, this.#position);
    this.#emit();
    this.#chunks.add({ start, length, size: BigInt(size), first, last, ...index });
  }

  /** A seal of the whole log so far, whatever seals it holds: the end of a recovery. */
  sealWhole(): void {
    const [bytes, sha256] = [Number(this.#position), fileSha256(this.path)];
    const seal = { link: this.#chain.links, bytes, sha256 };
    this.#begin(sealRecord(seal), seal);
  }

  /** Builds the index of a chunk's messages. @param at where it will stand in the file. */
  #writeIndex(
    indices: Iterable<MessageIndex>,
    at: bigint,
  ): Pick<ChunkEntry, "messageIndexOffsets" | "messageIndexLength"> {
    const messageIndexOffsets = new Map<number, bigint>();
    for (const index of indices) {
      messageIndexOffsets.set(index.channelId, at + BigInt(this.#out.length));
      this.#out.writeMessageIndex(index);
    }
    return { messageIndexOffsets, messageIndexLength: BigInt(this.#out.length) };
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
    this.check();
    this.#open = false;
    closeSync(this.#fd);
  }

  #writeSummary(channels: readonly ChannelSummary[]): void {
    const summaryStart = this.#position;
    const out = this.#out;
    const { count, first, last, bytes } = this.#chunks;
    for (const c of channels) out.writeSchema(c.schema);
    for (const c of channels) out.writeChannel(c.channel);
    out.writeStatistics({
      messageCount: BigInt(channels.reduce((n, c) => n + c.messages, 0)),
      schemaCount: channels.length,
      channelCount: channels.length,
      attachmentCount: this.#attachments,
      metadataCount: this.#seals,
      chunkCount: count,
      messageStartTime: first,
      messageEndTime: last,
      channelMessageCounts: new Map(channels.map((c) => [c.channel.id, BigInt(c.messages)])),
    });
    const footer = { summaryStart, summaryOffsetStart: 0n };
    const before = crc32(bytes, crc32(out.buffer));
    this.#emit();
    this.#emit(bytes);
    out.writeFooter({ ...footer, summaryCrc: 0 });
    const summaryCrc = crc32(out.buffer.subarray(0, FOOTER_CRC_BYTES), before);
    out.reset();
    out.writeFooter({ ...footer, summaryCrc });
    out.writeMagic();
    this.#emit();
  }

  /** Hands over what was built, with a seal behind it. */
  #emitSealed(parts: readonly Uint8Array[] = [this.#out.buffer]): void {
    this.#out.reset();
    for (const bytes of parts) this.#link.update(bytes);
    const sealed = parts.reduce((n, p) => n + BigInt(p.length), this.#position - this.#linkStart);
    const sha256 = this.#link.digest("hex");
    const seal = { link: this.#chain.links, bytes: Number(sealed), sha256 };
    this.#begin(sealRecord(seal), seal, parts);
  }

  /** Writes a seal, in one call with what stands before it, and begins the next link with it. */
  #begin(record: Uint8Array, { link, sha256 }: Seal, before: readonly Uint8Array[] = []): void {
    this.#write([...before, record]);
    this.#link = createHash("sha256").update(record);
    this.#linkStart = this.#position - BigInt(record.length);
    this.#seals++;
    this.#chain = { head: sha256, links: link + 1 };
  }

  #emit(bytes: Uint8Array = this.#out.buffer): void {
    this.#write([bytes]);
    this.#link.update(bytes);
    this.#out.reset();
  }

  /** A short write is legal (signals); after a failed one (full disk) the file is closed where it broke off. */
  #write(parts: readonly Uint8Array[]): void {
    if (!this.#open) throw new SourceError(`${this.path}: the log is closed`);
    this.check();
    try {
      if (this.#syncError) throw this.#syncError;
      for (let rest = parts; rest.length > 0;) {
        const n = writevSync(this.#fd, rest);
        this.#position += BigInt(n);
        rest = behind(rest, n);
      }
    } catch (error) {
      this.#open = false;
      closeSync(this.#fd);
      const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
      throw new SourceError(
        `${this.path}: cannot write the log at byte ${this.#position} (${code}); what is there can be read and recovered`,
        error,
      );
    }
    for (const bytes of parts) this.#crc = crc32(bytes, this.#crc);
  }
}

/** A chunk's record up to its records, which stand behind it as they are. */
function chunkHead(records: Uint8Array, first: bigint, last: bigint): Buffer {
  const size = BigInt(records.length);
  const b = Buffer.alloc(PREFIX + CHUNK_HEAD);
  b[0] = Op.chunk;
  b.writeBigUInt64LE(BigInt(CHUNK_HEAD) + size, 1);
  b.writeBigUInt64LE(first, PREFIX);
  b.writeBigUInt64LE(last, PREFIX + 8);
  b.writeBigUInt64LE(size, PREFIX + 16);
  b.writeUInt32LE(crc32(records), PREFIX + 24);
  b.writeBigUInt64LE(size, PREFIX + 32); // behind the empty name of no compression
  return b;
}

/** What of the parts lies behind their first `n` bytes. */
function behind(parts: readonly Uint8Array[], n: number): Uint8Array[] {
  let skip = n;
  return parts.flatMap((p) => {
    const rest = p.subarray(Math.min(skip, p.length));
    skip -= p.length - rest.length;
    return rest.length > 0 ? [rest] : [];
  });
}
