// A ring on disk whose first slot another lap has already, for a writer that drew number 0 and was overtaken.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HEADER_BYTES, Header } from "../../marks/layout.ts";
import { SHARED_RING } from "../../marks/names.ts";
import { createRing } from "../../marks/ring-file.ts";

/** @param seq of slot 0 before. @returns marks drawn, and the slot's seq after `write` made one mark. */
export async function overtaken(
  seq: bigint,
  write: (environment: Record<string, string>) => Promise<unknown>,
): Promise<[head: bigint, seq: bigint]> {
  const folder = mkdtempSync(join(tmpdir(), "truejoule-overtaken-"));
  try {
    const path = join(folder, SHARED_RING);
    closeSync(createRing(path, 8));
    const long = Buffer.alloc(8);
    long.writeBigUInt64LE(seq);
    const fd = openSync(path, "r+");
    writeSync(fd, long, 0, 8, HEADER_BYTES);
    closeSync(fd);
    await write({ TRUEJOULE_MARKS: folder });
    const after = readFileSync(path);
    return [after.readBigUInt64LE(Header.head), after.readBigUInt64LE(HEADER_BYTES)];
  } finally {
    rmSync(folder, { recursive: true });
  }
}
