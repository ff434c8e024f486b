// Columns of a table whose reader was told that it needs them (dataset/arrow-reader.ts).

import type { RecordBatch, Vector } from "apache-arrow";

/** @throws RangeError for a column that the reader was not told to need. */
export function columnOf(batch: RecordBatch, name: string): Vector {
  const column = batch.getChild(name);
  if (column === null) throw new RangeError(`column ${name} is read but not asked for`);
  return column;
}
