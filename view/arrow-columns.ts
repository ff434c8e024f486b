// Enters: an Arrow IPC file of plain numeric columns, and the columns wanted. Leaves: those columns batch by
// batch, as views on two buffers used in turn. Holds those buffers only: apache-arrow's own reader allocates
// every body anew, and collecting that garbage takes longer than the reading (measured: 40 % of the CPU).

import type { FileHandle } from "node:fs/promises";
import type { Field, Schema } from "apache-arrow";
import { inputError } from "../schema/errors.ts";
import { openTable, wrongMagic } from "../dataset/arrow-reader.ts";

export interface ColumnBatch {
  readonly rows: number;
  /** Values of each wanted column, in the order asked for; valid until the batch after next is read. */
  readonly values: readonly ArrayBufferView[];
  /** Validity bitmaps, null where no value is missing. */
  readonly valid: readonly (Uint8Array | null)[];
}

export interface ColumnFile {
  readonly schema: Schema;
  /** Batches in the file. */
  readonly count: number;
  batches(wanted: readonly Wanted[]): AsyncGenerator<ColumnBatch>;
  /** First and last value of an int64 column; null when the file has no rows. */
  ends(column: string): Promise<readonly [number, number] | null>;
  close(): Promise<void>;
}

export interface Wanted {
  readonly name: string;
  readonly type: keyof typeof ARRAYS;
}

const ARRAYS = {
  Int64: BigInt64Array,
  Float32: Float32Array,
  Float64: Float64Array,
  Uint8: Uint8Array,
} as const;

/** @throws InputError when it is no whole Arrow IPC file, naming `remedy` as what makes a new one. */
export async function openColumns(path: string, remedy: string): Promise<ColumnFile> {
  const broken = (found: string): Error =>
    inputError(
      `not a readable Arrow file; ${remedy} writes it anew`,
      path,
      "an Arrow IPC file",
      found,
    );
  const handle = await openTable(path);
  try {
    const wrong = await wrongMagic(handle);
    if (wrong) throw broken(wrong);
    const footer = await readFooter(handle).catch(() => {
      throw broken("a damaged footer");
    });
    const blocks = [...footer.recordBatches()];
    const places = buffersBefore(footer.schema, broken);
    const read = (block: Block, wanted: readonly Wanted[], store: Store): Promise<ColumnBatch> =>
      readBatch(handle, block, footer.schema, places, wanted, store, broken);
    return {
      schema: footer.schema,
      count: blocks.length,
      batches: (wanted) => readAhead(blocks, (block, store) => read(block, wanted, store)),
      ends: (column) =>
        endsOf(blocks, (block) => read(block, [{ name: column, type: "Int64" }], {})),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

interface Block {
  readonly offset: number;
  readonly metaDataLength: number;
  readonly bodyLength: number;
}

/** The buffer that one batch's bytes lie in; grows to the largest. */
interface Store {
  bytes?: Uint8Array<ArrayBuffer>;
}

interface FooterLike {
  readonly schema: Schema;
  recordBatches(): Iterable<Block>;
}

/** Tail of an IPC file: footer, its length as int32, "ARROW1" (Arrow columnar format, "IPC File Format"). */
async function readFooter(handle: FileHandle): Promise<FooterLike> {
  const { Footer } = await import("apache-arrow/ipc/metadata/file");
  const { size } = await handle.stat();
  const length = (await readExactly(handle, size - 10, 4)).readInt32LE(0);
  if (length <= 0 || length > size - 10) throw new Error("footer length");
  return Footer.decode(await readExactly(handle, size - 10 - length, length));
}

async function readExactly(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await readInto(handle, bytes, position);
  return bytes;
}

async function readInto(handle: FileHandle, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw new Error("end of file");
    done += bytesRead;
  }
}

/** For each field, how many buffers of a batch come before its own. Only types of 0, 2 or 3 buffers are known. */
function buffersBefore(schema: Schema, broken: (found: string) => Error): number[] {
  let before = 0;
  return schema.fields.map((f) => {
    const place = before;
    const kind = String(f.type);
    if (/^(Struct|List|FixedSizeList|Map|Union|Utf8View|BinaryView)/.test(kind))
      throw broken(`column ${f.name} of type ${kind}`);
    before += /^Null/.test(kind) ? 0 : /^(Large)?(Utf8|Binary)/.test(kind) ? 3 : 2;
    return place;
  });
}

interface Region {
  readonly offset: number;
  readonly length: number;
}

async function readBatch(
  handle: FileHandle,
  block: Block,
  schema: Schema,
  places: readonly number[],
  wanted: readonly Wanted[],
  store: Store,
  broken: (found: string) => Error,
): Promise<ColumnBatch> {
  try {
    const { nodes, buffers, length } = await headerOf(handle, block);
    if (
      buffers.some(
        (b) => !(b.offset >= 0 && b.length >= 0 && b.offset + b.length <= block.bodyLength),
      )
    )
      throw new Error("a buffer outside its batch");
    const fields = wanted.map((w) => fieldIndex(schema, w, broken));
    const data = fields.map((f) => buffers[places[f]! + 1]!);
    const bitmaps = fields.map((f) => (nodes[f]!.nullCount > 0 ? buffers[places[f]!]! : null));
    const spans = joinNear([...data, ...bitmaps.filter((b) => b !== null)]);
    const bytes = reserve(
      store,
      spans.reduce((sum, s) => sum + s.length, 0),
    );
    const body = block.offset + block.metaDataLength;
    let at = 0;
    const starts = spans.map((s) => (at += s.length) - s.length);
    await Promise.all(
      spans.map((s, i) =>
        readInto(handle, bytes.subarray(starts[i], starts[i]! + s.length), body + s.offset),
      ),
    );
    const placeOf = (r: Region): number => {
      const i = spans.findIndex(
        (s) => r.offset >= s.offset && r.offset + r.length <= s.offset + s.length,
      );
      return starts[i]! + r.offset - spans[i]!.offset;
    };
    return {
      rows: length,
      values: data.map((r, i) => new ARRAYS[wanted[i]!.type](bytes.buffer, placeOf(r), length)),
      valid: bitmaps.map((r) => r && new Uint8Array(bytes.buffer, placeOf(r), r.length)),
    };
  } catch (error) {
    throw error instanceof Error && error.name === "InputError" ? error : broken("a damaged batch");
  }
}

interface Header {
  readonly length: number;
  readonly nodes: readonly { readonly nullCount: number }[];
  readonly buffers: readonly Region[];
}

/** A batch's metadata: where in the body its buffers lie. */
async function headerOf(handle: FileHandle, block: Block): Promise<Header> {
  const { Message } = await import("apache-arrow");
  const { size } = await handle.stat();
  const { offset, metaDataLength, bodyLength } = block;
  if (!(offset >= 0 && metaDataLength >= 8 && bodyLength >= 0)) throw new Error("no place");
  if (offset + metaDataLength + bodyLength > size) throw new Error("a batch beyond the file");
  const bytes = await readExactly(handle, offset, metaDataLength);
  // Continuation marker and length, or before format 0.15 the length alone.
  const header = Message.decode(bytes.subarray(bytes.readInt32LE(0) === -1 ? 8 : 4)).header();
  if (!header || !("nodes" in header)) throw new Error("no record batch");
  if ("compression" in header && header.compression) throw new Error("compressed");
  return {
    length: Number(header.length),
    nodes: header.nodes.map((n) => ({ nullCount: Number(n.nullCount) })),
    buffers: header.buffers.map((b) => ({ offset: Number(b.offset), length: Number(b.length) })),
  };
}

function fieldIndex(schema: Schema, w: Wanted, broken: (found: string) => Error): number {
  const index = schema.fields.findIndex((f: Field) => f.name === w.name);
  const type = String(schema.fields[index]?.type ?? "nothing");
  if (type !== w.type) throw broken(`column ${w.name} of type ${type} instead of ${w.type}`);
  return index;
}

const NEAR = 4096; // reading a few pages too many beats another system call

/** Regions to read, in order, neighbours as one; each starts on 8 bytes, so that views on it are aligned. */
function joinNear(regions: readonly Region[]): Region[] {
  const joined: { offset: number; length: number }[] = [];
  for (const r of [...regions].sort((a, b) => a.offset - b.offset)) {
    const last = joined[joined.length - 1];
    const end = r.offset + r.length;
    if (last && r.offset - (last.offset + last.length) <= NEAR)
      last.length = Math.max(last.length, end - last.offset);
    else joined.push({ offset: r.offset, length: r.length });
  }
  return joined.map((r) => ({ offset: r.offset, length: Math.ceil(r.length / 8) * 8 }));
}

function reserve(store: Store, length: number): Uint8Array<ArrayBuffer> {
  if (!store.bytes || store.bytes.length < length) store.bytes = new Uint8Array(length);
  return store.bytes;
}

async function* readAhead(
  blocks: readonly Block[],
  read: (block: Block, store: Store) => Promise<ColumnBatch>,
): AsyncGenerator<ColumnBatch> {
  const stores: readonly [Store, Store] = [{}, {}];
  const start = (i: number): Promise<ColumnBatch> | null => {
    const block = blocks[i];
    if (!block) return null;
    const batch = read(block, stores[i % 2]!);
    batch.catch(() => {}); // awaited a turn later; the error is thrown there
    return batch;
  };
  for (let ahead = start(0), i = 1; ahead; i++) {
    const batch = await ahead;
    ahead = start(i);
    if (batch.rows > 0) yield batch;
  }
}

async function endsOf(
  blocks: readonly Block[],
  read: (block: Block) => Promise<ColumnBatch>,
): Promise<readonly [number, number] | null> {
  const of = async (order: readonly Block[]): Promise<BigInt64Array | null> => {
    for (const block of order) {
      const batch = await read(block);
      if (batch.rows > 0) return batch.values[0] as BigInt64Array;
    }
    return null;
  };
  const first = await of(blocks);
  const last = await of([...blocks].reverse());
  return first && last ? [Number(first[0]), Number(last[last.length - 1])] : null;
}
