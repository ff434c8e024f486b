// Columns → an Arrow IPC file, batch by batch, written as it comes: nothing waits in memory. The file
// appears under its name only when it is whole, since a cut IPC file gives nothing back. A batch that
// does not match the schema would be dropped by the library in silence; here it is an error.

import {
  AsyncByteQueue,
  type Data,
  Field,
  Float32,
  Float64,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Struct,
  Uint8,
  Utf8,
} from "apache-arrow";
import { OwnFile } from "../capture/own-file.ts";
import type { Column, ColumnType } from "../schema/tables.ts";

/** Where bytes go: a file, or nowhere (benchmarks). */
export type ByteSink = (bytes: Uint8Array) => void;

class Queue extends AsyncByteQueue {
  readonly #sink: ByteSink;

  constructor(sink: ByteSink) {
    super();
    this.#sink = sink;
  }

  override write(value: unknown): void {
    const bytes = value as Uint8Array | undefined;
    if (bytes && bytes.byteLength > 0) this.#sink(bytes);
  }

  override close(): void {
    // the file is closed by its owner
  }
}

const types: Readonly<Record<ColumnType, () => Int64 | Int32 | Uint8 | Float32 | Float64 | Utf8>> =
  {
    int64: () => new Int64(),
    int32: () => new Int32(),
    uint8: () => new Uint8(),
    float32: () => new Float32(),
    float64: () => new Float64(),
    utf8: () => new Utf8(),
  };

/** One column of a batch: values, and a validity bitmap where some are null. */
export interface Values {
  readonly data:
    | BigInt64Array
    | Int32Array
    | Uint8Array
    | Float32Array
    | Float64Array
    | readonly (string | null)[];
  readonly valid?: Uint8Array;
  readonly nulls?: number;
}

export class ArrowFile {
  readonly #schema: Schema;
  readonly #columns: readonly Column[];
  readonly #writer = new RecordBatchFileWriter();
  readonly #finish: () => string | null;
  readonly #abort: () => void;

  /** @param to a path, or a sink for benchmarks. */
  constructor(
    to: string | ByteSink,
    columns: readonly Column[],
    metadata: Readonly<Record<string, string>>,
  ) {
    this.#columns = columns;
    this.#schema = new Schema(
      columns.map((c) => new Field(c.name, types[c.type](), c.nullable, unitOf(c))),
      new Map(Object.entries(metadata)),
    );
    const file = typeof to === "string" ? new OwnFile(to) : undefined;
    const sink = typeof to === "string" ? (bytes: Uint8Array) => file!.write(bytes) : to;
    this.#finish = () => file?.close() ?? null;
    this.#abort = () => file?.abort();
    try {
      this.#writer.reset(new Queue(sink), this.#schema); // writes the schema at once
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  /** Appends rows [0, rows) of the columns, in schema order. The arrays may be reused afterwards. */
  write(rows: number, values: readonly Values[]): void {
    if (values.length !== this.#columns.length)
      throw new Error(`batch has ${values.length} columns, the schema ${this.#columns.length}`);
    const children = values.map((v, i) => toData(this.#columns[i]!, v, rows));
    const struct = makeData({
      type: new Struct(this.#schema.fields),
      length: rows,
      nullCount: 0,
      children,
    });
    this.#writer.write(new RecordBatch(this.#schema, struct));
  }

  /** @returns SHA-256 of the file, hex; null where the bytes went elsewhere. */
  close(): string | null {
    this.#writer.finish();
    return this.#finish();
  }

  /** Leaves nothing behind; for a failure on the way. */
  abort(): void {
    this.#abort();
  }
}

/** Runs `body` with a table that is closed when it returns and gone when it throws. @returns its SHA-256, hex. */
export function writeArrow(
  path: string,
  columns: readonly Column[],
  metadata: Readonly<Record<string, string>>,
  body: (file: ArrowFile) => void,
): string {
  const file = new ArrowFile(path, columns, metadata);
  try {
    body(file);
    return file.close()!;
  } catch (error) {
    file.abort();
    throw error;
  }
}

const unitOf = (c: Column): Map<string, string> => new Map(c.unit ? [["unit", c.unit]] : []);

function toData(c: Column, v: Values, rows: number): Data {
  if (c.type === "utf8") return textData(v.data as readonly (string | null)[], rows);
  const type = types[c.type]() as Float64;
  const data = (v.data as Float64Array).subarray(0, rows);
  return v.nulls
    ? makeData({ type, data, length: rows, nullCount: v.nulls, nullBitmap: v.valid! })
    : makeData({ type, data, length: rows, nullCount: 0 });
}

/** Offsets and bytes by hand: the library's builder takes ten times as long, and leaves as much for the collector. */
function textData(list: readonly (string | null)[], rows: number): Data {
  const valueOffsets = new Int32Array(rows + 1);
  const nullBitmap = new Uint8Array((rows + 7) >> 3);
  let nullCount = 0;
  for (let i = 0; i < rows; i++) {
    const text = list[i];
    if (text === null || text === undefined) nullCount++;
    else nullBitmap[i >> 3]! |= 1 << (i & 7);
    valueOffsets[i + 1] = valueOffsets[i]! + (text ? Buffer.byteLength(text) : 0);
  }
  const data = Buffer.allocUnsafe(valueOffsets[rows]!);
  for (let i = 0; i < rows; i++) if (list[i]) data.write(list[i]!, valueOffsets[i]!);
  const type = new Utf8();
  return nullCount > 0
    ? makeData({ type, data, length: rows, nullCount, nullBitmap, valueOffsets })
    : makeData({ type, data, length: rows, nullCount: 0, valueOffsets });
}
