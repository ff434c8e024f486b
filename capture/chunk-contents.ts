// The records of one whole chunk → each of them; or what an index and a summary need to know of them,
// without decoding any message: schemas and channels as they stand, and per message its channel, sequence,
// time and place.

import type { Channel, MessageIndex, Schema, TypedMcapRecord } from "@mcap/core";
import { McapStreamReader } from "./mcap-core.ts";
import { Op, PREFIX } from "./mcap-records.ts";
import { uint64, viewOf } from "./wire.ts";

/** Channel u16, sequence u32, log and publish time u64: before a message's data. */
export const MESSAGE_HEAD = PREFIX + 22;

/** A record inside a chunk: `bytes` with opcode and length, valid as long as the chunk's. */
export interface ChunkPart {
  readonly opcode: number;
  readonly at: number;
  readonly bytes: Buffer;
}

/** @throws Error when the records do not fill the chunk, or one that does not belong there is among them. */
export function* chunkParts(records: Buffer): Generator<ChunkPart, void, void> {
  const view = viewOf(records);
  for (let at = 0; at < records.length;) {
    const end = partEnd(view, at);
    yield { opcode: records[at]!, at, bytes: records.subarray(at, end) };
    at = end;
  }
}

/**
 * Where the record ends that begins at a byte of a chunk's records.
 * @throws Error when it runs beyond the chunk, or does not belong there.
 */
export function partEnd(records: DataView, at: number): number {
  const end = at + PREFIX <= records.byteLength ? at + PREFIX + uint64(records, at + 1) : Infinity;
  if (end > records.byteLength) throw new Error(`a record runs beyond its chunk at its byte ${at}`);
  const opcode = records.getUint8(at);
  const known = opcode === Op.message || opcode === Op.schema || opcode === Op.channel;
  if (!known || (opcode === Op.message && end - at < MESSAGE_HEAD))
    throw new Error(`no message, channel or schema at byte ${at} of the chunk`);
  return end;
}

export interface ChunkContents {
  readonly schemas: readonly Schema[];
  readonly channels: readonly Channel[];
  readonly indices: readonly MessageIndex[];
  /** Channel and sequence of each message, in order. */
  readonly sequences: readonly (readonly [channelId: number, sequence: number])[];
  readonly first: bigint;
  readonly last: bigint;
}

/** @throws Error when the records do not fill the chunk (a writer's bug, or a forger's: the CRC was right). */
export function chunkContents(records: Buffer): ChunkContents {
  const schemas: Schema[] = [];
  const channels: Channel[] = [];
  const indices = new Map<number, MessageIndex>();
  const sequences: [number, number][] = [];
  let [first, last] = [-1n, 0n];
  for (const { opcode, at, bytes } of chunkParts(records))
    if (opcode === Op.message) {
      const channelId = bytes.readUInt16LE(PREFIX);
      const time = bytes.readBigUInt64LE(PREFIX + 6);
      const index = indices.get(channelId) ?? { channelId, records: [] };
      index.records.push([time, BigInt(at)]);
      indices.set(channelId, index);
      sequences.push([channelId, bytes.readUInt32LE(PREFIX + 2)]);
      if (first < 0n || time < first) first = time;
      if (time > last) last = time;
    } else {
      const record = parseRecord(bytes);
      if (record?.type === "Schema") schemas.push(record);
      if (record?.type === "Channel") channels.push(record);
    }
  return {
    schemas,
    channels,
    indices: [...indices.values()],
    sequences,
    first: first < 0n ? 0n : first,
    last,
  };
}

/** A record by itself. @throws Error when what is in it does not fit its length. */
export function parseRecord(record: Uint8Array): TypedMcapRecord | undefined {
  // Checksums are behind us, and zlib's CRC is five times as fast.
  const reader = new McapStreamReader({ noMagicPrefix: true, validateCrcs: false });
  reader.append(record);
  return reader.nextRecord();
}
