// The records of one whole chunk → what an index and a summary need to know of them, without decoding
// any message: schemas and channels as they stand, and per message its channel, sequence, time and place.

import { type Channel, McapStreamReader, type MessageIndex, type Schema } from "@mcap/core";
import { Op } from "./mcap-records.ts";

export interface ChunkContents {
  readonly schemas: readonly Schema[];
  readonly channels: readonly Channel[];
  readonly indices: readonly MessageIndex[];
  /** Channel and sequence of each message, in order. */
  readonly sequences: readonly (readonly [channelId: number, sequence: number])[];
  readonly first: bigint;
  readonly last: bigint;
}

/** @throws Error when a record does not end where its length says (a writer's bug: the CRC was right). */
export function chunkContents(records: Buffer): ChunkContents {
  const schemas: Schema[] = [];
  const channels: Channel[] = [];
  const indices = new Map<number, MessageIndex>();
  const sequences: [number, number][] = [];
  let [first, last] = [-1n, 0n];
  for (let at = 0; at < records.length;) {
    const end = at + 9 + Number(records.readBigUInt64LE(at + 1));
    if (end > records.length) throw new Error(`a record runs beyond its chunk at byte ${at}`);
    if (records[at] === Op.message) {
      const channelId = records.readUInt16LE(at + 9);
      const time = records.readBigUInt64LE(at + 15);
      const index = indices.get(channelId) ?? { channelId, records: [] };
      index.records.push([time, BigInt(at)]);
      indices.set(channelId, index);
      sequences.push([channelId, records.readUInt32LE(at + 11)]);
      if (first < 0n || time < first) first = time;
      if (time > last) last = time;
    } else {
      const record = parse(records.subarray(at, end));
      if (record?.type === "Schema") schemas.push(record);
      if (record?.type === "Channel") channels.push(record);
    }
    at = end;
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

function parse(record: Buffer): ReturnType<McapStreamReader["nextRecord"]> {
  const reader = new McapStreamReader({ noMagicPrefix: true });
  reader.append(record);
  return reader.nextRecord();
}
