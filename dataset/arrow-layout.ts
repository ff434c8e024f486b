// Enters: an Arrow IPC file of flat columns. Leaves: its schema and where each batch's buffers lie, all of it held
// against the file's size first. Holds: batches and buffers follow one another and do not overlap, every column has
// the rows it claims, so what readers allocate and loop over is bounded by the file. All else is one InputError.

import type * as Arrow from "apache-arrow";
import { closeSync, constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { openRegular } from "../capture/regular-file.ts";
import { inputError } from "../schema/errors.ts";
import type { ColumnType } from "../schema/tables.ts";
import {
  type ArrowField,
  type BatchHeader,
  type Block,
  decodeBatchHeader,
  decodeFooter,
  type Region,
} from "./arrow-metadata.ts";

/** What a reader cannot do without. */
export type Needed = Readonly<Record<string, ColumnType>>;

/** A column's part of a batch. */
export interface ColumnPlace {
  readonly nullCount: number;
  /** Validity, one bit a row; of no use where `nullCount` is 0. */
  readonly bitmap: Region;
  /** Of text: int32, one more than rows. */
  readonly offsets: Region | null;
  readonly data: Region;
}

export interface BatchPlace {
  readonly rows: number;
  /** Where the body lies in the file. */
  readonly body: Region;
  /** In the order of the schema; relative to the body. */
  readonly columns: readonly ColumnPlace[];
}

export interface ArrowLayout {
  readonly schema: Arrow.Schema;
  /** Batches in the file. */
  readonly count: number;
  /** @throws InputError */
  batch(index: number): Promise<BatchPlace>;
  /** Fills `into` from the file. @throws InputError where the file ends before. */
  read(into: Uint8Array, position: number): Promise<void>;
  /** The error for what is wrong with this file. */
  readonly broken: (found: string) => Error;
  close(): Promise<void>;
}

/** @throws InputError when it is no whole file with the columns needed, naming `remedy` as what makes a new one. */
export async function openLayout(
  path: string,
  remedy: string,
  needed: Needed = {},
): Promise<ArrowLayout> {
  const broken = (found: string): Error =>
    inputError(
      `not a readable Arrow file; ${remedy} writes it again`,
      path,
      "an Arrow IPC file with its footer",
      found,
    );
  const arrow = await import("apache-arrow"); // heavy: only once there is a table to read
  const handle = await openFile(path);
  try {
    const { size } = await handle.stat();
    const read = (into: Uint8Array, position: number): Promise<void> =>
      readInto(handle, into, position, broken);
    const { fields, metadata, blocks } = await footerOf(size, read, broken);
    const lacking = Object.entries(needed).filter(
      ([name, type]) => fields.find((f) => f.name === name)?.type !== type,
    );
    if (lacking.length > 0)
      throw broken(`no column ${lacking.map(([n, t]) => `${n} (${t})`).join(", ")}`);
    return {
      schema: new arrow.Schema(fields.map(toField(arrow)), new Map(metadata)),
      count: blocks.length,
      batch: (index) => placeOf(blocks[index]!, fields, read, () => broken(damaged(index, blocks))),
      read,
      broken,
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

const damaged = (i: number, all: readonly unknown[]): string =>
  `batch ${i} of ${all.length} damaged`;

/** A file to read; a pipe of that name is refused instead of waited for. @throws InputError */
async function openFile(path: string): Promise<FileHandle> {
  closeSync(openRegular(path, "an Arrow IPC file").fd);
  return open(path, constants.O_RDONLY | constants.O_NONBLOCK);
}

async function readInto(
  handle: FileHandle,
  into: Uint8Array,
  position: number,
  broken: (found: string) => Error,
): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw broken(`a file that ends at byte ${position + done}`);
    done += bytesRead;
  }
}

type Read = ArrowLayout["read"];

const MAGIC = "ARROW1"; // at both ends of the file: Arrow columnar format, "IPC File Format"
const MOST_FOOTER_BYTES = 64 << 20; // 24 bytes a batch: more rows than a disk holds

/** Tail of an IPC file: footer, its length as int32, the magic. */
async function footerOf(
  size: number,
  read: Read,
  broken: (found: string) => Error,
): Promise<ReturnType<typeof decodeFooter>> {
  const ends = Buffer.alloc(6 + 10);
  if (size === 0) throw broken("an empty file");
  await read(ends.subarray(0, Math.min(6, size)), 0);
  if (ends.toString("latin1", 0, 6) !== MAGIC) throw broken("another kind of file");
  if (size >= 8 + 10) await read(ends.subarray(6), size - 10);
  if (ends.toString("latin1", 10) !== MAGIC) throw broken(`a file cut at byte ${size}`);
  const length = ends.readInt32LE(6);
  const start = size - 10 - length;
  if (length <= 0 || start < 8 || length > MOST_FOOTER_BYTES)
    throw broken(`a damaged footer, of ${length} bytes`);
  const bytes = Buffer.alloc(length);
  await read(bytes, start);
  try {
    const footer = decodeFooter(bytes);
    if (footer.fields.length === 0) throw new Error("no columns");
    let end = 8;
    for (const { offset, metaDataLength, bodyLength } of footer.blocks) {
      if (offset < end || metaDataLength < 8 || bodyLength < 0)
        throw new Error("batches that overlap");
      end = offset + metaDataLength + bodyLength;
    }
    if (end > start) throw new Error("batches beyond the file");
    return footer;
  } catch (error) {
    throw broken(`a damaged footer: ${(error as Error).message}`);
  }
}

async function placeOf(
  block: Block,
  fields: readonly ArrowField[],
  read: Read,
  broken: () => Error,
): Promise<BatchPlace> {
  const { offset, metaDataLength, bodyLength } = block;
  const bytes = Buffer.alloc(metaDataLength);
  await read(bytes, offset);
  try {
    // Continuation marker and length, or before format 0.15 the length alone.
    const header = decodeBatchHeader(bytes.subarray(bytes.readInt32LE(0) === -1 ? 8 : 4));
    const body = { offset: offset + metaDataLength, length: bodyLength };
    return { rows: header.rows, body, columns: columnsOf(header, fields, bodyLength) };
  } catch {
    throw broken();
  }
}

/** Each column's buffers: validity, offsets if it is text, data. @throws Error where they do not hold its rows. */
function columnsOf(
  { rows, nodes, buffers }: BatchHeader,
  fields: readonly ArrowField[],
  bodyLength: number,
): ColumnPlace[] {
  let end = 0;
  for (const b of buffers) {
    if (b.offset < end || b.offset % 8 !== 0 || b.length < 0)
      throw new Error("buffers that overlap");
    end = b.offset + b.length;
  }
  if (end > bodyLength || rows < 0 || nodes.length !== fields.length)
    throw new Error("no such rows");
  let next = 0;
  const columns = fields.map((f, i): ColumnPlace => {
    const { length, nullCount } = nodes[i]!;
    const bitmap = buffers[next++];
    const offsets = f.type === "utf8" ? buffers[next++]! : null;
    const data = buffers[next++];
    if (!bitmap || !data) throw new Error("too few buffers");
    const nulls = nullCount === 0 || (f.nullable && nullCount > 0 && bitmap.length * 8 >= rows);
    const values = offsets
      ? rows === 0 || offsets.length >= 4 * (rows + 1)
      : data.length >= WIDTH[f.type] * rows;
    if (length !== rows || nullCount > rows || !nulls || !values) throw new Error("fewer values");
    return { nullCount, bitmap, offsets, data };
  });
  if (next !== buffers.length) throw new Error("too many buffers");
  return columns;
}

/** Bytes a value; of text, by its offsets. */
const WIDTH: Readonly<Record<ColumnType, number>> = {
  int64: 8,
  int32: 4,
  uint8: 1,
  float32: 4,
  float64: 8,
  utf8: 0,
};

const TYPES = {
  int64: "Int64",
  int32: "Int32",
  uint8: "Uint8",
  float32: "Float32",
  float64: "Float64",
  utf8: "Utf8",
} as const satisfies Readonly<Record<ColumnType, keyof typeof Arrow>>;

const toField =
  (arrow: typeof Arrow) =>
  (f: ArrowField): Arrow.Field =>
    new arrow.Field(f.name, new arrow[TYPES[f.type]](), f.nullable, new Map(f.metadata));
