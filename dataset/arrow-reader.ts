// Enters: an Arrow IPC file. Leaves: its batches one at a time, reading the next while one is worked on,
// and every way a file can be broken as one InputError. Holds two batches, never the table.

import type { Data, Field, RecordBatch, Schema } from "apache-arrow";
import { type ArrowLayout, type ColumnPlace, type Needed, openLayout } from "./arrow-layout.ts";
import type { Region } from "./arrow-metadata.ts";

export interface ArrowReader {
  readonly schema: Schema;
  readonly batches: AsyncIterable<RecordBatch>;
  /** Batches the footer announces. */
  readonly count: number;
  /** Session time of the first and the last row, ns; null when the file has no rows. */
  readonly spanNs: readonly [number, number] | null;
  /** The error for a table whose rows or metadata make no sense. */
  readonly broken: (found: string) => Error;
  close(): Promise<void>;
}

/** @throws InputError when it is no whole table with the columns needed, naming `remedy` as what makes a new one. */
export async function openArrow(
  path: string,
  remedy: string,
  needed?: Needed,
): Promise<ArrowReader> {
  const file = await openLayout(path, remedy, needed);
  try {
    const { schema, count, broken } = file;
    const spanNs = await span(file);
    return { schema, count, spanNs, batches: readAhead(file), broken, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The same of a table in memory, which this program wrote. */
export async function arrowIn(bytes: Uint8Array): Promise<ArrowReader> {
  const { tableFromIPC } = await import("apache-arrow");
  const { schema, batches } = tableFromIPC(bytes);
  const each = async function* (): AsyncGenerator<RecordBatch> {
    yield* batches;
  };
  return {
    schema,
    count: batches.length,
    spanNs: null,
    batches: each(),
    broken: (found) => new Error(found),
    close: async () => {},
  };
}

async function* readAhead(file: ArrowLayout): AsyncGenerator<RecordBatch> {
  const next = (i: number): Promise<RecordBatch> | null => {
    if (i >= file.count) return null;
    const batch = readBatch(file, i);
    batch.catch(() => {}); // awaited a turn later; the error is thrown there
    return batch;
  };
  for (let i = 1, ahead = next(0); ahead; i++) {
    const batch = await ahead;
    ahead = next(i);
    if (batch.numRows > 0) yield batch;
  }
}

async function readBatch(file: ArrowLayout, index: number): Promise<RecordBatch> {
  const { makeData, RecordBatch, Struct } = await import("apache-arrow");
  const { rows, body, columns } = await file.batch(index);
  const bytes = new Uint8Array(body.length);
  await file.read(bytes, body.offset);
  const { schema } = file;
  const children = schema.fields.map((field, i) => {
    const data = partsOf(field, columns[i]!, rows, bytes);
    if (data === null) throw file.broken(`batch ${index} of ${file.count} damaged`);
    return makeData(data) as Data;
  });
  const type = new Struct(schema.fields);
  return new RecordBatch(schema, makeData({ type, length: rows, nullCount: 0, children }));
}

/** @returns null for texts that do not follow one another in the column's bytes. */
function partsOf(field: Field, place: ColumnPlace, rows: number, bytes: Uint8Array) {
  const { nullCount, bitmap, offsets, data } = place;
  const of = (r: Region): Uint8Array => bytes.subarray(r.offset, r.offset + r.length);
  const valid = nullCount > 0 ? { nullBitmap: of(bitmap) } : {};
  const common = { type: field.type as never, length: rows, nullCount, ...valid };
  if (offsets === null) return { ...common, data: of(data) };
  const valueOffsets = new Int32Array(bytes.buffer, offsets.offset, rows > 0 ? rows + 1 : 0);
  if (!ascend(valueOffsets, data.length)) return null;
  return { ...common, valueOffsets, data: of(data) };
}

function ascend(offsets: Int32Array, most: number): boolean {
  let last = 0;
  for (const offset of offsets) {
    if (offset < last) return false;
    last = offset;
  }
  return last <= most;
}

async function span(file: ArrowLayout): Promise<[number, number] | null> {
  const t = file.schema.fields.find((f) => f.name === "t_ns");
  if (String(t?.type) !== "Int64") return null;
  let first = NaN;
  for (let i = 0; i < file.count && Number.isNaN(first); i++)
    first = endTimes(await readBatch(file, i))[0];
  let last = NaN;
  for (let i = file.count - 1; i >= 0 && Number.isNaN(last); i--)
    last = endTimes(await readBatch(file, i))[1];
  return Number.isNaN(first) ? null : [first, last];
}

function endTimes(batch: RecordBatch): [number, number] {
  const t = batch.getChild("t_ns")?.data[0]?.values as BigInt64Array | undefined;
  if (batch.numRows === 0 || !(t instanceof BigInt64Array)) return [NaN, NaN];
  return [Number(t[0]), Number(t[batch.numRows - 1])];
}
