// A block that comes after its successor: what the log says is missing is missing once.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { scanCapture } from "../../align/scan.ts";
import type { CaptureRecord } from "../../capture/log-reader.ts";
import { writeVirtualCapture } from "../../rigs/virtual/capture.ts";
import { BlockFlag } from "../../schema/records.ts";
import { rewrite } from "../end-to-end/rewrite.ts";

test("the rows of a late block are one gap, its successors none", async () => {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-late-"));
  try {
    await writeVirtualCapture(join(dir, "run"), { seed: 5, durationS: 1, telemetry: [] });
    let [blocks, lateRows] = [0, 0];
    let held: CaptureRecord | null = null;
    rewrite(join(dir, "run/capture.mcap"), join(dir, "late.mcap"), (r) => {
      if (r.kind !== "rows") return [r];
      blocks++;
      if (blocks === 5) {
        lateRows = r.block.rows;
        held = { ...r, block: { ...r.block, flags: BlockFlag.reordered } };
        return [];
      }
      if (blocks !== 6) return [r];
      return [{ ...r, block: { ...r.block, flags: BlockFlag.gapBefore } }, held!];
    });
    const { stream } = scanCapture(join(dir, "late.mcap"));
    expect(stream).toMatchObject({ gaps: 1, missingRows: lateRows });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
