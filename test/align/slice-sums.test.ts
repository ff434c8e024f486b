// The second pass with sums of the first in place of rows that nobody looks into: the same integrals at every
// instant as with every row read again, whatever lies between, and rows read where somebody looks.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Calibrator } from "../../align/rows/calibrate.ts";
import { fitDaq } from "../../align/clocks/daq-clock.ts";
import { tracedScan } from "../support/evidence.ts";
import type { TracedScan } from "../../align/scanned.ts";
import type { DaqClock } from "../../align/clocks/segments.ts";
import { keptColumns, SliceSums } from "../../align/rows/slice-sums.ts";
import { type AlignedRun, Timeline, type TimelineCounts } from "../../align/timeline.ts";
import type { CaptureRecord } from "../../capture/log-reader.ts";
import { instantsOf, Integrator, snapshotWidth } from "../../energy/integrate.ts";
import { ListedInstants } from "../../energy/instants.ts";
import { BlockFlag, type SampleBlock } from "../../schema/records.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { rewrite } from "../end-to-end/rewrite.ts";

let dir: string;
let log: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-slices-"));
  await writeVirtualCapture(join(dir, "run"), { seed: 5, durationS: 6 });
  log = join(dir, "run/capture.mcap");
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The log with its row blocks changed. */
function changed(
  name: string,
  edit: (b: SampleBlock, k: number) => readonly SampleBlock[],
): string {
  const to = join(dir, `${name}.mcap`);
  let k = 0;
  rewrite(log, to, (r): readonly CaptureRecord[] =>
    r.kind === "rows" ? edit(r.block, k++).map((block) => ({ ...r, block })) : [r],
  );
  return to;
}

interface Pass {
  readonly sums: readonly number[];
  readonly counts: TimelineCounts;
  readonly condensed: number;
  readonly runs: number;
}

function pass(scan: TracedScan, clock: DaqClock, at: readonly number[], isAround: boolean): Pass {
  const instants = new ListedInstants(instantsOf(at), snapshotWidth(scan.rig));
  const integrator = new Integrator(scan.rig, instants);
  const timeline = new Timeline(scan, scan.stream, clock);
  let [condensed, runs] = [0, 0];
  const all: Iterable<AlignedRun> = isAround
    ? timeline.around(() => instants.next)
    : timeline.runs();
  for (const run of all) {
    integrator.add(run);
    runs++;
    if (run.condensedRows !== undefined) condensed++;
  }
  integrator.end();
  const sums = at.flatMap((t) =>
    Array.from({ length: snapshotWidth(scan.rig) }, (_, k) => instants.snapshots.value(t, k)),
  );
  return { sums, counts: timeline.counts, condensed, runs };
}

/** Both passes over a log. */
function both(path: string, clockOf = (c: DaqClock): DaqClock => c): [whole: Pass, around: Pass] {
  const scan = tracedScan(path);
  const clock = clockOf(fitDaq(scan));
  const at = [-1e9, 1.2345e9, 1.2346e9, 3e9, 4.1e9, 1e12];
  return [pass(scan, clock, at, false), pass(scan, clock, at, true)];
}

function expectSame([whole, around]: readonly [Pass, Pass]): void {
  // Times in whole picoseconds: slices that begin elsewhere round otherwise.
  const rounded = ({ clippedSpans, ...counts }: TimelineCounts): object => ({
    ...counts,
    clippedSpans: clippedSpans.map((span) => span.map((t) => Math.round(t * 1e3))),
  });
  expect(rounded(around.counts)).toEqual(rounded(whole.counts));
  for (let i = 0; i < whole.sums.length; i++) {
    const [x, y] = [whole.sums[i]!, around.sums[i]!];
    if (Number.isNaN(x)) expect(y).toBeNaN();
    else expect(Math.abs(x - y)).toBeLessThanOrEqual(1e-9 * Math.abs(x) + 1e-12);
  }
}

describe("rows that nobody looks into", () => {
  test("come as their sums: the same integrals at every instant", () => {
    const passes = both(log);
    expectSame(passes);
    expect(passes[0].condensed).toBe(0);
    expect(passes[1].condensed).toBeGreaterThan(5);
    expect(passes[1].condensed).toBeLessThan(passes[1].runs);
  });

  test("a lost block, a pause and a restart: rows beside them are read", () => {
    const path = changed("gaps", (b, k) =>
      k === 40 || k === 80
        ? []
        : [
            {
              ...b,
              flags:
                k === 41 ? BlockFlag.gapBefore : k === 81 ? BlockFlag.pause : k === 120 ? 8 : 0,
            },
          ],
    );
    const passes = both(path);
    expectSame(passes);
    expect(passes[0].counts.gaps).toBe(2);
    expect(passes[1].condensed).toBeGreaterThan(3);
  });

  test("saturated rows are counted and placed", () => {
    const path = changed("clipped", (b, k) => [
      k % 50 === 7 ? { ...b, bytes: b.bytes.map(() => 255) } : b,
    ]);
    const passes = both(path);
    expectSame(passes);
    expect(passes[0].counts.clipped).toBeGreaterThan(0);
    expect(passes[1].condensed).toBeGreaterThan(3);
  });

  test("duplicates and late blocks: every row is read", () => {
    const twice = changed("twice", (b, k) => [
      b,
      ...(k === 30 ? [{ ...b, flags: BlockFlag.duplicate }] : []),
    ]);
    let kept: SampleBlock | undefined;
    const late = changed("late", (b, k) => {
      if (k === 30) kept = { ...b, bytes: b.bytes.slice() };
      return k === 30 ? [] : k === 60 ? [b, kept!] : [b];
    });
    for (const path of [twice, late]) {
      const passes = both(path);
      expectSame(passes);
      expect(passes[1].condensed).toBe(0);
    }
  });

  test("a bend of the clock lies within none", () => {
    const scan = tracedScan(log);
    const { lastDevice } = scan.stream;
    const device = [0.2, 0.4, 0.43, 0.8].map((share) => share * lastDevice);
    const wander = { device: Float64Array.from(device), ns: Float64Array.of(0, 3e5, -2e5, 1e5) };
    const passes = both(log, (c) => ({
      ...c,
      segments: c.segments.map((s) => ({ ...s, model: { ...s.model, wander } })),
    }));
    expectSame(passes);
    expect(passes[1].condensed).toBeGreaterThan(3);
  });
});

describe("sums of slices", () => {
  test("more than there is room for: neighbours are joined, and their sums are those of all their rows", () => {
    const scan = tracedScan(log);
    const { layout } = scan.stream;
    const rig = scan.rig;
    const [SLICE, SLICES, MOST] = [64, 37, 4];
    const blocks: SampleBlock[] = [];
    changed("none", (b) => {
      blocks.push({ ...b, bytes: b.bytes.slice() });
      return [];
    });
    const bytes = Buffer.concat(blocks.map((b) => b.bytes));
    const slice = (first: number, rows: number): SampleBlock => ({
      ...blocks[0]!,
      firstIndex: first,
      rows,
      flags: 0,
      bytes: bytes.subarray(first * layout.rowBytes, (first + rows) * layout.rowBytes),
    });
    const values = new Calibrator(layout, rig, SLICE * SLICES);
    const sums = new SliceSums(rig, MOST);
    const flags = new Uint8Array(SLICE * SLICES);
    for (let k = 0; k < SLICES; k++) {
      const one = slice(k * SLICE, SLICE);
      values.read(one, flags);
      sums.add({ ...one, from: k * 1000, to: k * 1000 + 999 }, values, true);
    }
    expect(sums.count).toBeLessThan(MOST);
    let rows = 0;
    const kept = keptColumns(rig);
    for (let i = 0; i < sums.count; i++) {
      const s = sums.at(i);
      expect(s.firstIndex).toBe(rows);
      expect([s.from, s.to]).toEqual([
        (rows / SLICE) * 1000,
        ((rows + s.rows) / SLICE - 1) * 1000 + 999,
      ]);
      rows += s.rows;
      expect(s.isPlain).toBe(i > 0); // before the first there is nothing to go on from
      if (i === 0) continue;
      values.read(slice(s.firstIndex, s.rows), flags);
      sums.read(i, kept.sums, kept.rails, kept.totalW);
      const near = (x: number, y: number): void =>
        expect(Math.abs(x - y)).toBeLessThanOrEqual(1e-9 * Math.abs(y) + 1e-12);
      values.sums.forEach((x, k) => near(kept.sums[k]!, x));
      expect([...kept.totalW]).toEqual([values.totalW[0], values.totalW[s.rows - 1]]);
      kept.rails.forEach((r, k) => {
        const all = values.rails[k]!;
        expect([r.powerW[0], r.powerW[1]]).toEqual([all.powerW[0], all.powerW[s.rows - 1]]);
        if (r.currentA) expect(r.currentA[1]).toBe(all.currentA![s.rows - 1]);
        if (r.voltageV) expect(r.voltageV[1]).toBe(all.voltageV![s.rows - 1]);
      });
    }
    expect(rows).toBe(SLICE * SLICES);
  });
});
