// An Arrow table of ours → CSV, batch by batch: names with their units in the header, UTC beside session
// time where the session knows it, nothing in a cell that is null. Values are spelled so that they read
// back as the same number.

import { type Field, type Float, Precision, type RecordBatch, Type } from "apache-arrow";
import { csvCell } from "../schema/csv.ts";
import type { ArrowReader } from "./arrow-reader.ts";
import { writeText } from "./text-file.ts";
import { unixText } from "./unix-time.ts";

type Cell = (row: number) => string;
type Progress = (done: number, total: number) => void;

/** @returns rows written. */
export async function exportCsv(
  table: ArrowReader,
  out: string,
  onProgress?: Progress,
): Promise<number> {
  const { schema } = table;
  const start = schema.metadata.get("session_start_unix_ns");
  if (start && !/^-?\d{1,19}$/.test(start)) throw table.broken(`session_start_unix_ns ${start}`);
  const unix = start ? unixText(BigInt(start)) : undefined;
  let rows = 0;
  let batches = 0;
  await writeText(out, async (file) => {
    file.write(`${headerOf(table, unix !== undefined).join(",")}\n`);
    for await (const batch of table.batches) {
      const cells = cellsOf(batch, unix);
      for (let i = 0; i < batch.numRows; i++) {
        let line = cells[0]!(i);
        for (let c = 1; c < cells.length; c++) line += `,${cells[c]!(i)}`;
        file.write(`${line}\n`);
      }
      rows += batch.numRows;
      onProgress?.(++batches, table.count);
    }
  });
  return rows;
}

function headerOf({ schema }: ArrowReader, withUnix: boolean): string[] {
  return schema.fields.flatMap((f) => {
    const unit = f.metadata.get("unit");
    const name = csvCell(unit ? `${f.name} [${unit}]` : f.name);
    return f.name === "t_ns" && withUnix ? [name, "t_unix_ns [ns]"] : [name];
  });
}

function cellsOf(batch: RecordBatch, unix: ((tNs: number) => string) | undefined): Cell[] {
  return batch.schema.fields.flatMap((field, c) => {
    const vector = batch.getChildAt(c)!;
    const values = vector.data[0]!.values as Float64Array;
    // A float32 has 24 bits: nine digits always tell it apart.
    const spell: Cell =
      field.typeId === Type.Utf8
        ? (i) => csvCell(String(vector.get(i)))
        : isFloat32(field)
          ? (i) => String(Number(values[i]!.toPrecision(9)))
          : (i) => String(values[i]);
    const cell: Cell = vector.nullCount > 0 ? (i) => (vector.isValid(i) ? spell(i) : "") : spell;
    if (field.name !== "t_ns" || !unix) return [cell];
    return [cell, (i) => unix(Number(values[i]))];
  });
}

const isFloat32 = (f: Field): boolean =>
  f.typeId === Type.Float && (f.type as Float).precision === Precision.SINGLE;
