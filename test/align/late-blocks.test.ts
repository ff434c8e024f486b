// Blocks that came after their successors, near or far, marked or not: their rows stand where their index says,
// and every Joule, edge and row is as if they had come in order.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { tracedScan } from "../support/evidence.ts";
import { fitDaq } from "../../align/clocks/daq-clock.ts";
import { Timeline } from "../../align/timeline.ts";
import { type CaptureRecord, readCapture } from "../../capture/log-reader.ts";
import { lateBlocks } from "../../capture/row-order.ts";
import { problemsOf, verifyLog, warningsOf } from "../../capture/verify.ts";
import { exportRawCsv } from "../../dataset/export-raw-csv.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { BlockFlag, type SampleBlock } from "../../schema/records.ts";
import { rewrite } from "../end-to-end/rewrite.ts";

let dir: string;
let whole: string;
let blocks: SampleBlock[];
const at = (name: string): string => join(dir, name);

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-late-"));
  await writeVirtualCapture(at("run"), { seed: 5, durationS: 2, telemetry: [] });
  whole = at("whole.mcap");
  rewrite(at("run/capture.mcap"), whole, (r) => [r], 8);
  blocks = [...rowsOf(whole)].map((b) => ({ ...b, bytes: b.bytes.slice() }));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function* rowsOf(path: string): Generator<SampleBlock> {
  for (const r of readCapture(path)) if (r.kind === "rows") yield r.block;
}

/** Block numbers in the order that they are to stand in; `late` are marked as reordered. */
function inThisOrder(order: readonly number[], late: readonly number[] = []): string {
  const to = at(`${order.length}-${Math.random()}.mcap`);
  let done = false;
  rewrite(
    whole,
    to,
    (r): readonly CaptureRecord[] => {
      if (r.kind !== "rows") return [r];
      if (done) return [];
      done = true;
      return order.map((k) => {
        const block = blocks[k]!;
        return { ...r, block: late.includes(k) ? { ...block, flags: BlockFlag.reordered } : block };
      });
    },
    8,
  );
  return to;
}

/** Everything that is read of a log: Σ of power, of time, rows, runs, edges. */
function read(path: string): object {
  const scan = tracedScan(path);
  const { stream } = scan;
  const timeline = new Timeline(scan, stream, fitDaq(scan));
  let [rows, w, t] = [0, 0, 0];
  for (const run of timeline.runs())
    for (let i = run.from; i < run.to; i++) {
      rows++;
      w += run.totalW[i]!;
      t += run.tNs[i]!;
    }
  const { missingRows, gaps, triggerEdges, outline } = stream;
  return {
    rows,
    w,
    t,
    missingRows,
    gaps,
    triggerEdges,
    outline: outline.t.length,
    counts: timeline.counts,
  };
}

const all = (): number[] => blocks.map((_, k) => k);
const moved = (from: number, n: number, to: number): number[] => {
  const order = all();
  const out = order.splice(from, n);
  order.splice(to, 0, ...out);
  return order;
};

describe("C2: a late block", () => {
  const cases: [string, () => string][] = [
    ["one, marked, behind its successor", () => inThisOrder(moved(5, 1, 6), [5])],
    ["one, unmarked, behind its successor", () => inThisOrder(moved(5, 1, 6))],
    ["two chunks that changed places", () => inThisOrder(moved(8, 8, 16))],
    ["the first block at the end", () => inThisOrder(moved(0, 1, blocks.length - 1))],
    [
      "the first eight at the end, backwards",
      () => inThisOrder([...all().slice(8), ...all().slice(0, 8).reverse()]),
    ],
    [
      "every other block later",
      () => inThisOrder([...all().filter((k) => k % 2 === 0), ...all().filter((k) => k % 2 === 1)]),
    ],
  ];

  test.each(cases)("%s: as if it had come in order", (_name, make) => {
    const path = make();
    expect(lateBlocks(readCapture(path), blocks[0]!.stream).length).toBeGreaterThan(0);
    expect(read(path)).toEqual(read(whole));
  });

  test.each(cases)("%s: told by verify, and no row is missing", (_name, make) => {
    const check = verifyLog(make());
    expect(problemsOf(check)).toEqual([]);
    expect(warningsOf(check).join()).toMatch(/\d+ blocks \(\d+ rows\) are out of order/);
  });

  test("in the raw CSV they stand in order", async () => {
    const csv = async (path: string): Promise<string[]> => {
      await exportRawCsv(path, at("raw.csv"));
      return readFileSync(at("raw.csv"), "utf8")
        .split("\n")
        .map((l) => l.split(",").slice(0, 4).join());
    };
    expect(await csv(inThisOrder(moved(5, 3, 9), [5]))).toEqual(await csv(whole));
  });

  test("what is missing for good stays one gap, a block sent twice is not counted twice", () => {
    const gone = inThisOrder(moved(5, 1, 7).filter((k) => k !== 10));
    const twice = inThisOrder([...all().slice(0, 9), 6, ...all().slice(9)], [6]);
    expect(read(gone)).toMatchObject({ gaps: 1, missingRows: blocks[10]!.rows });
    expect(read(twice)).toEqual(read(whole));
  });
});
