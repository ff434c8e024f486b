// A stream's evidence → its clock: what is done with trigger edges that allow none.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { mapUNs, toSessionNs } from "../../align/clocks/clock.ts";
import { fitDaq } from "../../align/clocks/daq-clock.ts";
import { tracedScan } from "../support/evidence.ts";
import { runPaths } from "../../capture/run.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import type { Mark } from "../../schema/records.ts";
import { later } from "../../schema/time.ts";
import { textsOf } from "../../schema/findings.ts";

const dir = mkdtempSync(join(tmpdir(), "truejoule-edges-contradict-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("edges that no steady clock passes through are left out and told; other evidence holds the truth", async () => {
  const { bench } = await writeVirtualCapture(dir, { seed: 5, durationS: 6 });
  const scan = tracedScan(runPaths(dir).capture);
  expect(fitDaq(scan).segments[0]!.model.method).toBe("sync-edges");
  // As after a jump of the DAQ's clock by 30 µs: far within what pairs an edge with its mark, beyond all brackets.
  const half = later(scan.session.hostEpoch, 3_000_000_000);
  const jumped = scan.syncMarks.map((m): Mark => (m.t > half ? { ...m, t: m.t + 30_000n } : m));
  const { model } = fitDaq({ ...scan, syncMarks: jumped }).segments[0]!;
  expect(model.method).not.toBe("sync-edges");
  expect(textsOf(model.findings).join("\n")).toMatch(
    /no steady clock passes through the brackets of .*its trigger edges are left out/,
  );
  for (const tNs of [1e9, 3e9, 5e9]) {
    const error = toSessionNs(model, bench.clock.rowAt(tNs)) - tNs;
    expect(Math.abs(error)).toBeLessThan(2 * mapUNs(model, tNs));
  }
});
