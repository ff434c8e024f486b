// Enters: an Arrow IPC file of plain numeric columns, and the columns wanted. Leaves: those columns batch by
// batch, as views on two buffers used in turn. Holds those buffers only: apache-arrow's own reader allocates
// every body anew, and collecting that garbage takes longer than the reading (measured: 40 % of the CPU).

import type { Field, Schema } from "apache-arrow";
import {
  type ArrowLayout,
  type ColumnPlace,
  type Needed,
  openLayout,
} from "../dataset/arrow-layout.ts";
import type { Region } from "../dataset/arrow-metadata.ts";
import { valueAt } from "../stats/places.ts";

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

/** @throws InputError when it is no whole table with the columns needed, naming `remedy` as what makes a new one. */
export async function openColumns(
  path: string,
  remedy: string,
  needed?: Needed,
): Promise<ColumnFile> {
  const file = await openLayout(path, remedy, needed);
  const { schema, count } = file;
  const read = (i: number, wanted: readonly Wanted[], store: Store): Promise<ColumnBatch> =>
    readBatch(file, i, wanted, store);
  return {
    schema,
    count,
    batches: (wanted) => readAhead(count, (i, store) => read(i, wanted, store)),
    ends: (column) => endsOf(count, (i) => read(i, [{ name: column, type: "Int64" }], {})),
    close: () => file.close(),
  };
}

/** The buffer that one batch's bytes lie in; grows to the largest. */
interface Store {
  bytes?: Uint8Array<ArrayBuffer>;
}

async function readBatch(
  file: ArrowLayout,
  index: number,
  wanted: readonly Wanted[],
  store: Store,
): Promise<ColumnBatch> {
  const { rows, body, columns } = await file.batch(index);
  const places = wanted.map((w) => placeOf(file, columns, w));
  const bitmaps = places.map((p) => (p.nullCount > 0 ? p.bitmap : null));
  const regions = [...places.map((p) => p.data), ...bitmaps.filter((b) => b !== null)];
  const spans: (Region & { readonly at: number })[] = [];
  let total = 0;
  for (const s of joinNear(regions)) {
    spans.push({ ...s, at: total });
    total += Math.ceil(s.length / 8) * 8; // so that views on each are aligned
  }
  const bytes = reserve(store, total);
  await Promise.all(
    spans.map((s) => file.read(bytes.subarray(s.at, s.at + s.length), body.offset + s.offset)),
  );
  const at = (r: Region): number => {
    const span = spans.find((s) => r.offset >= s.offset && ends(r) <= ends(s));
    if (!span) throw new RangeError("a region that was not read");
    return span.at + r.offset - span.offset;
  };
  return {
    rows,
    values: places.map((p) => new ARRAYS[p.type](bytes.buffer, at(p.data), rows)),
    valid: bitmaps.map((r) => r && new Uint8Array(bytes.buffer, at(r), r.length)),
  };
}

function placeOf(
  { schema, broken }: ArrowLayout,
  columns: readonly ColumnPlace[],
  { name, type }: Wanted,
): ColumnPlace & Pick<Wanted, "type"> {
  const index = schema.fields.findIndex((f: Field) => f.name === name);
  const found = String(schema.fields[index]?.type ?? "nothing");
  if (found !== type) throw broken(`column ${name} of type ${found} instead of ${type}`);
  return { ...valueAt(columns, index), type };
}

const ends = (r: Region): number => r.offset + r.length;

const NEAR = 4096; // reading a few pages too many beats another system call

/** Regions to read, in order, neighbours as one. */
function joinNear(regions: readonly Region[]): Region[] {
  const joined: { offset: number; length: number }[] = [];
  for (const r of [...regions].sort((a, b) => a.offset - b.offset)) {
    const last = joined[joined.length - 1];
    const end = r.offset + r.length;
    if (last && r.offset - (last.offset + last.length) <= NEAR)
      last.length = Math.max(last.length, end - last.offset);
    else joined.push({ offset: r.offset, length: r.length });
  }
  return joined;
}

function reserve(store: Store, length: number): Uint8Array<ArrayBuffer> {
  if (!store.bytes || store.bytes.length < length) store.bytes = new Uint8Array(length);
  return store.bytes;
}

async function* readAhead(
  count: number,
  read: (index: number, store: Store) => Promise<ColumnBatch>,
): AsyncGenerator<ColumnBatch> {
  const [even, odd]: readonly [Store, Store] = [{}, {}];
  const start = (i: number): Promise<ColumnBatch> | null => {
    if (i >= count) return null;
    const batch = read(i, i % 2 === 0 ? even : odd);
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
  count: number,
  read: (index: number) => Promise<ColumnBatch>,
): Promise<readonly [number, number] | null> {
  const of = async (from: number, step: number): Promise<BigInt64Array | null> => {
    for (let i = from; i >= 0 && i < count; i += step) {
      const batch = await read(i);
      if (batch.rows > 0) return batch.values[0] as BigInt64Array;
    }
    return null;
  };
  const first = await of(0, 1);
  const last = await of(count - 1, -1);
  return first && last ? [Number(first[0]), Number(last[last.length - 1])] : null;
}
