// Enters: an Arrow IPC file. Leaves: its batches one at a time, reading the next while one is worked on,
// and every way a file can be broken as one InputError. Holds two batches, never the table.

import type { Data, RecordBatch, Schema } from "apache-arrow";
import { closeSync, constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { openRegular } from "../capture/regular-file.ts";
import { inputError } from "../schema/errors.ts";

export interface ArrowReader {
  readonly schema: Schema;
  readonly batches: AsyncIterable<RecordBatch>;
  /** Batches the footer announces. */
  readonly count: number;
  /** Session time of the first and the last row, ns; null when the file has no rows. */
  readonly spanNs: readonly [number, number] | null;
  close(): Promise<void>;
}

/** @throws InputError when it is no whole Arrow IPC file, naming `remedy` as what makes a new one. */
export async function openArrow(path: string, remedy: string): Promise<ArrowReader> {
  const { RecordBatchReader } = await import("apache-arrow");
  const broken = (found: string): Error =>
    inputError(
      `not a readable Arrow file; ${remedy} writes it anew`,
      path,
      "an Arrow IPC file with its footer",
      found,
    );
  const handle = await openTable(path);
  try {
    const wrong = await wrongMagic(handle);
    if (wrong) throw broken(wrong);
    const reader = await RecordBatchReader.from(handle);
    await reader.open();
    if (!reader.isFile()) throw broken("an Arrow stream");
    const count = reader.numRecordBatches;
    const read = (i: number): ReturnType<ReadBatch> => reader.readRecordBatch(i);
    return {
      schema: reader.schema,
      count,
      spanNs: await span(count, read),
      batches: readAhead(count, read, broken),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw isInputError(error) ? error : broken("damaged records");
  }
}

/** A file to read; a pipe of that name is refused instead of waited for. @throws InputError */
export async function openTable(path: string): Promise<FileHandle> {
  closeSync(openRegular(path, "an Arrow IPC file").fd);
  return open(path, constants.O_RDONLY | constants.O_NONBLOCK);
}

/** The same of a table in memory. */
export async function arrowIn(bytes: Uint8Array): Promise<ArrowReader> {
  const { tableFromIPC } = await import("apache-arrow");
  const { schema, batches } = tableFromIPC(bytes);
  const each = async function* (): AsyncGenerator<RecordBatch> {
    yield* batches;
  };
  return { schema, count: batches.length, spanNs: null, batches: each(), close: async () => {} };
}

const MAGIC = "ARROW1"; // at both ends of the file: Arrow columnar format, "IPC File Format"

export async function wrongMagic(handle: FileHandle): Promise<string | null> {
  const { size } = await handle.stat();
  const ends = Buffer.alloc(12);
  await handle.read(ends, 0, 6, 0);
  await handle.read(ends, 6, 6, Math.max(0, size - 6));
  if (size === 0) return "an empty file";
  if (ends.toString("latin1", 0, 6) !== MAGIC) return "another kind of file";
  return ends.toString("latin1", 6) === MAGIC ? null : `a file cut at byte ${size}`;
}

function isInputError(error: unknown): boolean {
  return error instanceof Error && error.name === "InputError";
}

type ReadBatch = (index: number) => Promise<RecordBatch | null> | RecordBatch | null;

async function* readAhead(
  count: number,
  read: ReadBatch,
  broken: (found: string) => Error,
): AsyncGenerator<RecordBatch> {
  const next = (i: number): Promise<RecordBatch | null> | null => {
    if (i >= count) return null;
    const batch = Promise.resolve(read(i));
    batch.catch(() => {}); // awaited a turn later; the error is thrown there
    return batch;
  };
  for (let i = 0, ahead = next(0); i < count; i++) {
    let batch: RecordBatch | null;
    try {
      batch = await ahead;
      ahead = next(i + 1);
    } catch {
      batch = null;
    }
    if (batch?.data.children.every(holds) === false) batch = null;
    if (batch === null) throw broken(`batch ${i} of ${count} damaged`);
    if (batch.numRows > 0) yield batch;
  }
}

/** A column has as many values as it says: loops run by that number. Dictionaries and nested types are not ours. */
function holds(d: Data): boolean {
  const { length, valueOffsets, values } = d as {
    length: number;
    valueOffsets?: ArrayLike<number>;
    values?: ArrayLike<unknown>;
  };
  if (valueOffsets !== undefined) return valueOffsets.length > length;
  return values === undefined || values.length * VALUES_A_SLOT >= length;
}

/** Booleans lie eight in a byte. */
const VALUES_A_SLOT = 8;

async function span(count: number, read: ReadBatch): Promise<[number, number] | null> {
  let first = NaN;
  for (let i = 0; i < count && Number.isNaN(first); i++) first = endTimes(await read(i))[0];
  let last = NaN;
  for (let i = count - 1; i >= 0 && Number.isNaN(last); i--) last = endTimes(await read(i))[1];
  return Number.isNaN(first) ? null : [first, last];
}

function endTimes(batch: RecordBatch | null): [number, number] {
  const t = batch?.getChild("t_ns")?.data[0]?.values as BigInt64Array | undefined;
  if (!batch || batch.numRows === 0 || !(t instanceof BigInt64Array)) return [NaN, NaN];
  return [Number(t[0]), Number(t[batch.numRows - 1])];
}
