// The column reader against apache-arrow's own, and against files that lie.

import { afterAll, expect, test } from "@jest/globals";
import {
  Float32,
  Float64,
  Int32,
  Int64,
  Table,
  tableFromArrays,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openColumns } from "../../view/arrow-columns.ts";
import { readTrace } from "../../view/trace.ts";
import { writeSyntheticRun } from "./synthetic.ts";

const dir = mkdtempSync(join(tmpdir(), "truejoule-columns-"));
afterAll(() => rmSync(dir, { recursive: true }));

function file(name: string, bytes: Uint8Array): string {
  const path = join(dir, name);
  writeFileSync(path, bytes);
  return path;
}

test("columns beside strings and nulls come out as Arrow's reader gives them", async () => {
  const table = new Table({
    name: vectorFromArray(["a", "longer", "", "d", "e"], new Utf8()),
    t_ns: vectorFromArray([1n, 2n, 3n, -4n, 2n ** 60n], new Int64()),
    skipped: vectorFromArray([9, 9, 9, 9, 9], new Int32()),
    power_w: vectorFromArray([1.5, null, 2.5, null, -3.5], new Float64()),
    f: vectorFromArray([1, 2, 3, 4, 5], new Float32()),
  });
  const found = await openColumns(file("mixed.arrow", tableToIPC(table, "file")), "this test");
  const wanted = [
    { name: "f", type: "Float32" },
    { name: "t_ns", type: "Int64" },
    { name: "power_w", type: "Float64" },
  ] as const;
  for await (const batch of found.batches(wanted)) {
    expect(batch.rows).toBe(5);
    expect(batch.values[0]).toEqual(Float32Array.of(1, 2, 3, 4, 5));
    expect(batch.values[1]).toEqual(BigInt64Array.of(1n, 2n, 3n, -4n, 2n ** 60n));
    const valid = batch.valid[2]!;
    expect([0, 1, 2, 3, 4].map((i) => (valid[0]! >> i) & 1)).toEqual([1, 0, 1, 0, 1]);
    expect((batch.values[2] as Float64Array)[4]).toBe(-3.5);
    expect([batch.valid[0], batch.valid[1]]).toEqual([null, null]);
  }
  expect(await found.ends("t_ns")).toEqual([1, 2 ** 60]);
  await found.close();
});

test("a column of another type is said to be one, not read as numbers", async () => {
  const table = tableFromArrays({ t_ns: Float64Array.of(1, 2) });
  const found = await openColumns(file("type.arrow", tableToIPC(table, "file")), "truejoule fuse");
  await expect(found.ends("t_ns")).rejects.toThrow(/column t_ns of type Float64 instead of Int64/);
  await found.close();
});

test("bytes of a batch's metadata turned to noise: one line, no wrong number", async () => {
  const run = writeSyntheticRun({ rowHz: 2000 });
  const bytes = readFileSync(run.fused);
  bytes.fill(0xa5, 8, 400);
  writeFileSync(run.fused, bytes);
  const error = await readTrace(
    run.fused,
    [],
    () => false,
    () => {},
  ).then(
    () => null,
    (e: Error) => e,
  );
  expect(error).toMatchObject({ name: "InputError" });
  expect(error!.message).toMatch(/damaged/);
  rmSync(run.dir, { recursive: true });
});
