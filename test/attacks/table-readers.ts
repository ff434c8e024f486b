// Every function of the product that reads a table of a run, by the table's name; and a file with some bytes changed.
// Enters: a path. Leaves: nothing, or the error that the reader met.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openArrow } from "../../dataset/arrow-reader.ts";
import { exportCsv } from "../../dataset/export-csv.ts";
import { exportParquet } from "../../dataset/export-parquet.ts";
import { FusedCheck } from "../../dataset/fused-check.ts";
import { readFolds } from "../../view/folds.ts";
import { readTelemetry } from "../../view/telemetry.ts";
import { readTrace } from "../../view/trace.ts";
import { readEvents } from "../../view/windows.ts";

/** A file's bytes with some replaced (hex, at an offset), and all from `cut` on gone. */
export interface Damage {
  readonly edits: readonly (readonly [at: number, hex: string])[];
  readonly cut?: number;
}

export function damaged(bytes: Buffer, { edits, cut }: Damage): Buffer {
  const out = Buffer.from(bytes);
  for (const [at, hex] of edits) out.set(Buffer.from(hex, "hex").subarray(0, out.length - at), at);
  return cut === undefined ? out : out.subarray(0, cut);
}

type Read = (path: string) => Promise<unknown>;

async function check(path: string): Promise<void> {
  const table = await openArrow(path, "truejoule fuse");
  try {
    const held = new FusedCheck(table.schema);
    for await (const batch of table.batches) held.add(batch);
  } finally {
    await table.close();
  }
}

const exported =
  (write: typeof exportCsv): Read =>
  async (path) => {
    const table = await openArrow(path, "truejoule fuse");
    await write(table, `${path}.out`).finally(() => table.close());
  };

const any: readonly Read[] = [exported(exportCsv), exported(exportParquet)];

export const readersOf: Readonly<Record<string, readonly Read[]>> = {
  "fused.arrow": [
    ...any,
    check,
    (path) =>
      readTrace(
        path,
        [1e8],
        () => false,
        () => undefined,
      ),
  ],
  "events.arrow": [...any, readEvents],
  "telemetry.arrow": [...any, readTelemetry],
  "folded.arrow": [...any, (path) => readFolds(path, undefined)],
};

/** One reader of `table` on a damaged copy of the run's. */
export async function readDamaged(
  run: string,
  table: string,
  reader: number,
  damage: Damage,
): Promise<void> {
  const path = join(run, `damaged-${table}`);
  writeFileSync(path, damaged(readFileSync(join(run, table)), damage));
  try {
    await readersOf[table]![reader]!(path);
  } finally {
    for (const made of [path, `${path}.out`]) rmSync(made, { force: true });
  }
}
