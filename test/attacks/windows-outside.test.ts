// Windows and edges that lie outside what was recorded: flagged, and never stated as if they had been measured.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { CaptureRecord } from "../../capture/log-reader.ts";
import { compare, prepare } from "../../energy/compare.ts";
import { doubtText } from "../../energy/window.ts";
import type { Comparison } from "../../energy/result.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import type { Edge, Mark } from "../../schema/records.ts";
import { rewrite } from "../end-to-end/rewrite.ts";

let dir: string;
let plain: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-outside-"));
  await writeVirtualCapture(join(dir, "plain"), { seed: 5, durationS: 4 });
  plain = join(dir, "plain/capture.mcap");
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The same log with more at its end, or without some of it. */
function changed(more: (last: CaptureRecord) => CaptureRecord[]): Comparison {
  const to = join(mkdtempSync(join(dir, "changed-")), "capture.mcap");
  rewrite(plain, to, more);
  return compare(prepare(to));
}

const said = (c: Comparison, what: RegExp): string[] => c.warnings.filter((w) => what.test(w));

describe("a window that reaches beyond what was observed", () => {
  /** @param hasRows the trace, or its reads alone. */
  function windowOf(fromS: number, toS: number, hasRows = true): Comparison {
    const { scan } = prepare(plain);
    const epoch = scan.session.hostEpoch;
    const mark = (phase: Mark["phase"], s: number): CaptureRecord => ({
      kind: "mark",
      mark: { name: "w", phase, clock: "host", t: epoch + BigInt(Math.round(s * 1e9)) },
    });
    return changed((r) =>
      r.kind === "session"
        ? [r, mark("begin", fromS), mark("end", toS)]
        : !hasRows && (r.kind === "rows" || r.kind === "layout")
          ? []
          : [r],
    );
  }

  test.each([
    ["far before", -25_705, 2, /25705 s before the recording: what/],
    ["far beyond", 2, 90_000, /89996 s beyond its end: what/],
    ["on both sides", -7, 9, /7\.0\d s before the recording and 5\.0\d s beyond its end/],
    ["by most of a short window", -0.5, 0.1, /0\.5\d* s before the recording/],
    ["altogether", -9, -5, /9\.0\d s before the recording/],
  ])("%s is in doubt, with a trace and with reads alone", (_how, from, to, doubt) => {
    for (const hasRows of [true, false]) {
      const found = windowOf(from, to, hasRows);
      const w = found.windows.find((x) => x.window.name === "w-1")!;
      expect(doubtText(w.window.doubts)).toMatch(
        hasRows ? doubt : /before the recording|beyond its end/,
      );
      expect(said(found, /^window w-1: .*was not observed/)).toHaveLength(1);
      expect(found.degraded).toBe(true);
      expect(["no_data", "gappy", "estimate"]).toContain(w.physical?.quality ?? "no_data");
    }
  });

  test("within a second, or a tenth of itself, is not", () => {
    const found = windowOf(-0.1, 3.5);
    expect(found.windows.find((x) => x.window.name === "w-1")!.window.doubts).toBeUndefined();
    expect(said(found, /not observed/)).toEqual([]);
  });
});

test("edges outside the rows are counted and told; those beside them are not", () => {
  const line = {
    line: "line0",
    level: 1,
    stream: prepare(plain).scan.stream!.layout.stream,
  } as const;
  const withEdges = (...edges: Edge[]): string[] =>
    said(
      changed((r) =>
        r.kind === "session"
          ? [r, ...edges.map((edge): CaptureRecord => ({ kind: "edge", edge }))]
          : [r],
      ),
      /trigger edges lie outside/,
    );
  expect(withEdges({ ...line, index: -5 }, { ...line, index: 1000 })).toEqual([]);
  expect(
    withEdges({ ...line, index: 1e9 }, { ...line, index: -1e9 }, { ...line, index: 9 }),
  ).toEqual([expect.stringMatching(/^2 trigger edges lie outside the rows/)]);
});
