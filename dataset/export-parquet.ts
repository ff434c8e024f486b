// An Arrow table of ours → Parquet, row group by row group: the same columns, the same types, the same
// metadata. Times stay plain 64-bit integers of nanoseconds: a column flagged as adjusted to UTC would be
// read as microseconds by some readers. (docs/adr/parquet.md)

import { gzipSync } from "node:zlib";
import {
  type Field,
  type Float,
  Precision,
  type RecordBatch,
  type Schema,
  Type,
} from "apache-arrow";
import type { SchemaElement } from "hyparquet";
import type { ArrowReader } from "./arrow-reader.ts";
import { writeBytes } from "./text-file.ts";

type Progress = (done: number, total: number) => void;
/** What the encoder takes: a typed array, or values with null where there is none. */
type Values = Int32Array | BigInt64Array | Float32Array | Float64Array | (string | number | null)[];

/** Batches have 65,536 rows. Larger groups make a smaller footer, smaller ones need less memory. */
const GROUP_BATCHES = 4;

/** @returns rows written. */
export async function exportParquet(
  table: ArrowReader,
  out: string,
  onProgress?: Progress,
): Promise<number> {
  const { ByteWriter, ParquetWriter } = await import("hyparquet-writer");
  const fields = table.schema.fields;
  let rows = 0;
  await writeBytes(out, async (file) => {
    const buffer = new ByteWriter();
    const empty = (): void => {
      file.write(buffer.getBytes());
      buffer.index = 0;
    };
    const parquet = new ParquetWriter({
      writer: Object.assign(buffer, { flush: empty, finish: empty }), // flushed after each row group
      schema: [{ name: "root", num_children: fields.length }, ...fields.map(element)],
      codec: "GZIP",
      compressors: { GZIP: (bytes) => gzipSync(bytes, { level: 1 }) },
      kvMetadata: keyValues(table.schema),
      createdBy: "truejoule",
    });
    let done = 0;
    let group: RecordBatch[] = [];
    const flush = async (): Promise<void> => {
      const size = group.reduce((n, b) => n + b.numRows, 0);
      if (size === 0) return;
      const columnData = fields.map((f, c) => ({ name: f.name, data: column(group, f, c, size) }));
      await parquet.write({ columnData, rowGroupSize: size });
      group = [];
    };
    for await (const batch of table.batches) {
      group.push(batch);
      rows += batch.numRows;
      if (group.length === GROUP_BATCHES) await flush();
      onProgress?.(++done, table.count);
    }
    await flush();
    await parquet.finish();
  });
  return rows;
}

/** Of the table, and the unit of each column under `unit:NAME`, since Parquet's columns carry no text. */
function keyValues(schema: Schema): { key: string; value: string }[] {
  const units = schema.fields.flatMap((f) => {
    const unit = f.metadata.get("unit");
    return unit ? [{ key: `unit:${f.name}`, value: unit }] : [];
  });
  return [...[...schema.metadata].map(([key, value]) => ({ key, value })), ...units];
}

/** How a column of schema/tables.ts stands in Parquet. */
function element(f: Field): SchemaElement {
  const repetition_type = f.nullable ? ("OPTIONAL" as const) : ("REQUIRED" as const);
  const common = { name: f.name, repetition_type };
  if (f.typeId === Type.Utf8) return { ...common, type: "BYTE_ARRAY", converted_type: "UTF8" };
  const { bitWidth } = f.type as { bitWidth?: number };
  if (f.typeId === Type.Float)
    return {
      ...common,
      type: (f.type as Float).precision === Precision.SINGLE ? "FLOAT" : "DOUBLE",
    };
  if (bitWidth === 64) return { ...common, type: "INT64" };
  if (bitWidth === 8) return { ...common, type: "INT32", converted_type: "UINT_8" };
  return { ...common, type: "INT32" };
}

/** One column over the batches of a row group. */
function column(group: readonly RecordBatch[], f: Field, c: number, rows: number): Values {
  if (f.nullable || f.typeId === Type.Utf8)
    return group.flatMap((b) => [...(b.getChildAt(c) as Iterable<string | number | null>)]);
  const parts = group.map((b) => b.getChildAt(c)!.data[0]!.values as Float64Array);
  const out =
    f.typeId === Type.Int && parts[0] instanceof Uint8Array
      ? new Int32Array(rows)
      : new (parts[0]!.constructor as new (n: number) => Float64Array)(rows);
  let at = 0;
  group.forEach((b, k) => {
    out.set(parts[k]!.subarray(0, b.numRows), at);
    at += b.numRows;
  });
  return out;
}
