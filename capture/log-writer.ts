// Records → capture.mcap: chunked, checksummed, flushed by policy (docs/capture.md).
// Synchronous on purpose: a chunk is at most 1 MiB and the caller knows when it is on its way to disk.

import type { Channel, Schema } from "@mcap/core";
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
import type { LogPlace } from "./log-place.ts";
import { McapChunkBuilder } from "./mcap-core.ts";
import { McapFile } from "./mcap-file.ts";
import type { ChainHead } from "./seal.ts";
import * as wire from "./wire.ts";
import { type Written, WrittenCount } from "./written.ts";

export const CHUNK_BYTES = 1 << 20;

export interface LogOptions {
  /** Hand a chunk over this many milliseconds after the last one; Infinity (the default) for imports. */
  readonly flushMs?: number;
  /** Injected for tests. Milliseconds of a clock that is never set. */
  readonly now?: () => number;
}

const NOTHING: Written = new WrittenCount();

interface OpenChannel {
  readonly channel: Channel;
  readonly schema: Schema;
  sequence: number;
  messages: number;
  /** Its Channel record already stands in the open chunk. */
  inChunk: boolean;
}

export class LogWriter {
  readonly #file: McapFile;
  readonly #flushMs: number;
  readonly #now: () => number;
  readonly #chunk = new McapChunkBuilder({});
  readonly #channels = new Map<string, OpenChannel>();
  readonly #written = new WrittenCount();
  #handedOverMs: number;
  #syncedMs: number;
  #closed = false;

  /** Creates the file; fails if it exists, since evidence is never overwritten. */
  constructor(path: string, session: Session, options: LogOptions = {}) {
    this.#file = new McapFile(path, session.software);
    this.#flushMs = options.flushMs ?? Infinity;
    this.#now = options.now ?? (() => performance.now());
    this.#handedOverMs = this.#syncedMs = this.#now();
    this.attach("session.json", "application/json", Buffer.from(sessionToJson(session)));
  }

  /** Bytes handed to the operating system so far; 0 where the file is lost. */
  get bytesWritten(): number {
    return this.#file.bytesWritten;
  }

  /**
   * What stands in chunks that were wholly handed to the operating system: what a reader finds, also after a
   * write that failed half-way; nothing where the file is lost. What the open chunk holds is not in it; {@link close} makes it whole.
   */
  get written(): Written {
    return this.#file.lost ? NOTHING : this.#written;
  }

  /** The chain of seals as far as it is written; after {@link close} its head vouches for the whole log. */
  get chain(): ChainHead {
    return this.#file.chain;
  }

  /** Where the file is now: also after {@link close}. */
  get place(): LogPlace {
    return this.#file.place;
  }

  /** @throws SourceError where it was deleted, cut or written over by others; every write looks, too. */
  check(): void {
    this.#file.check();
  }

  attach(name: string, mediaType: string, data: Uint8Array): void {
    this.#closeChunk();
    this.#file.attach(name, mediaType, data);
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
    this.#written.addBlock(b);
    this.#add(`daq/${b.stream}`, wire.encodeBlock(b), b.hostAfter ?? 0n);
  }

  read(r: TelemetryRead): void {
    this.#written.addRead(r);
    this.#add(`telemetry/${r.channel}`, wire.encodeRead(r), r.after);
  }

  mark(m: Mark): void {
    this.#written.addMark();
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

  /**
   * Closes the open chunk once the flush period is over; a recorder calls this on its tick. The period runs
   * from the last chunk, not from this one's first message: after a stall everything that piled up
   * meanwhile goes at once, instead of being old and yet half a second from safety.
   */
  flushIfDue(): void {
    if (this.#now() - this.#handedOverMs >= this.#flushMs) this.#closeChunk();
  }

  /** Closes the open chunk and forces the file to disk before it returns. */
  flush(): void {
    this.#closeChunk();
    this.#file.sync();
    this.#syncedMs = this.#now();
  }

  /** Writes the index and footer. A file without them was cut; it is still read to its last whole chunk. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeChunk();
    this.#file.close([...this.#channels.values()]);
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
    const open = { channel, schema, sequence: 0, messages: 0, inChunk: false };
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
    open.messages++;
    if (this.#chunk.byteLength >= CHUNK_BYTES) this.#closeChunk();
  }

  #closeChunk(): void {
    const chunk = this.#chunk;
    if (chunk.numMessages === 0) return;
    const before = this.#file.chunks;
    try {
      this.#file.chunk(chunk.buffer, chunk.messageStartTime, chunk.messageEndTime, chunk.indices);
    } finally {
      this.#written.close(this.#file.chunks > before);
      chunk.reset();
      for (const c of this.#channels.values()) c.inChunk = false;
    }
    this.#handedOverMs = this.#now();
    if (this.#handedOverMs - this.#syncedMs < this.#flushMs) return;
    this.#syncedMs = this.#handedOverMs;
    this.#file.syncSoon();
  }
}
