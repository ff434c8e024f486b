// Kernels of a simulated card whose Joules are known, dated by a CUPTI that errs, through the whole
// pipeline: capture log → fuse → events.arrow and compare.json.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { readCapture } from "../../capture/log-reader.ts";
import { LogWriter } from "../../capture/log-writer.ts";
import { createRun } from "../../capture/new-run.ts";
import { runPaths } from "../../capture/run.ts";
import { openArrow } from "../../dataset/arrow-reader.ts";
import { fuseRun } from "../../dataset/fuse.ts";
import type { Comparison } from "../../energy/result.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { ScheduleBuilder } from "../../virtual/bench/schedule.ts";
import { random } from "../../stats/random.ts";
import type { ClockExchange, Mark } from "../../schema/records.ts";
import {
  burst,
  GPU,
  HOST_EPOCH,
  kernelMarks,
  pingRecord,
  submitMark,
  truth,
} from "../align/gpu-bench.ts";
import { textsOf } from "../../schema/findings.ts";

interface Kernel {
  readonly name: string;
  readonly t0: number;
  readonly t1: number;
}

const CUPTI_ERROR_NS = 700;
const SECONDS = 3;
const LENGTHS_NS: Readonly<Record<string, number>> = {
  tiny: 8e3,
  short: 60e3,
  middle: 900e3,
  long: 20e6,
};

/** Kernels of four kinds one after another, 370 W against 90 W. */
function work(seed: number): { builder: ScheduleBuilder; kernels: Kernel[] } {
  const r = random(seed, "kernels");
  const builder = new ScheduleBuilder().hold(90, 0.3e9);
  const kernels: Kernel[] = [];
  const names = Object.keys(LENGTHS_NS);
  const one = (): void => {
    const name = names[r.integer(names.length)]!;
    const t0 = builder.nowNs;
    builder.hold(370, LENGTHS_NS[name]! * (0.9 + 0.2 * r.uniform()));
    kernels.push({ name, t0, t1: builder.nowNs });
    builder.hold(90, 30e3 + r.exponential(4e6));
  };
  // Spans bring trigger edges, which tie the DAQ's clock to the host's.
  while (builder.nowNs < (SECONDS - 0.3) * 1e9) {
    builder.span("step", {}, () => [1, 2, 3, 4, 5].forEach(one)).hold(90, 2e6);
  }
  return { builder: builder.hold(90, 0.3e9), kernels };
}

function marksOf(kernels: readonly Kernel[]): Mark[] {
  return kernels.flatMap(({ name, t0, t1 }, i) => [
    submitMark(i + 1, name, t0 - 7000),
    ...kernelMarks(i + 1, name, t0 + CUPTI_ERROR_NS, t1 + CUPTI_ERROR_NS),
  ]);
}

function exchangesOf(seed: number): ClockExchange[] {
  const t = truth(seed);
  return Array.from({ length: 2 * SECONDS }, (_, i) => {
    const pings = burst(t, GPU, 0.2e9 + 0.5e9 * i, 40);
    return [...pings, ...pingRecord(t, pings, CUPTI_ERROR_NS)];
  }).flat();
}

/** A log with everything of another, and more. */
function copyWith(
  from: string,
  to: string,
  marks: readonly Mark[],
  exchanges: readonly ClockExchange[],
): void {
  let log: LogWriter | undefined;
  for (const r of readCapture(from)) {
    if (r.kind === "session") log = new LogWriter(to, r.session);
    else if (r.kind === "attachment" && r.name !== "session.json")
      log!.attach(r.name, r.mediaType, r.data);
    else if (r.kind === "layout") log!.declareRows(r.layout);
    else if (r.kind === "channel") log!.declareTelemetry(r.channel);
    else if (r.kind === "rows") log!.rows(r.block);
    else if (r.kind === "read") log!.read(r.read);
    else if (r.kind === "mark") log!.mark(r.mark);
    else if (r.kind === "pair") log!.clockPair(r.pair);
    else if (r.kind === "edge") log!.edge(r.edge);
  }
  marks.forEach((m) => log!.mark(m));
  exchanges.forEach((e) => log!.exchange(e));
  log!.close();
}

describe("Joules per kernel", () => {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-kernels-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const { builder, kernels } = work(1);
  const run = runPaths(join(dir, "run"));
  let trueJ: (t0: number, t1: number) => number;
  let comparison: Comparison;

  beforeAll(async () => {
    const bench = { seed: 1, durationS: SECONDS, schedule: builder.build() };
    const plain = await writeVirtualCapture(join(dir, "plain"), bench);
    trueJ = (t0, t1) => plain.energyJ(t0, t1);
    createRun(run.dir);
    copyWith(runPaths(join(dir, "plain")).capture, run.capture, marksOf(kernels), exchangesOf(1));
    comparison = fuseRun(run).comparison;
  }, 60_000);

  test("every kernel has its time back, within its bounds", () => {
    const k = comparison.clocks.kernels!;
    expect([k.table.count, k.unbounded, k.early, textsOf(k.findings)]).toEqual([
      kernels.length,
      0,
      0,
      [],
    ]);
    const wrong = kernels.filter(({ t0 }, i) => k.loNs[i]! - 1 > t0 || k.hiNs[i]! + 1 < t0);
    expect(wrong).toEqual([]);
  });

  test("windows are kernels that the trace resolves; their intervals hold the truth", () => {
    const windows = comparison.windows.filter((w) => w.window.kind === "kernel");
    expect(new Set(windows.map((w) => w.window.name))).toEqual(
      new Set(["short", "middle", "long"]),
    );
    expect(windows.length).toBeLessThanOrEqual(256);
    const inside = windows.filter(({ window: w, physical: p }) => {
      const nearest = kernels.find(
        ({ t0, t1 }) => Math.abs(t0 - w.t0Ns) < 3e3 && Math.abs(t1 - w.t1Ns) < 3e3,
      )!;
      return Math.abs(p!.energyJ - trueJ(nearest.t0, nearest.t1)) <= p!.expandedUncertaintyJ;
    });
    expect(inside.length / windows.length).toBeGreaterThan(0.9);
    expect(windows.every((w) => w.telemetry.length === 0)).toBe(true);
    expect(windows[0]!.window.fields).toMatchObject({ source: "cupti", gpu: GPU, stream: 7 });
  });

  test("the table by name: counts, Joules within their uncertainty, nothing shared", () => {
    const { byName } = comparison.kernels!;
    for (const name of Object.keys(LENGTHS_NS)) {
      const own = kernels.filter((k) => k.name === name);
      const row = byName.find((r) => r.name === name)!;
      const truthJ = own.reduce((sum, k) => sum + trueJ(k.t0, k.t1), 0);
      expect(row.count).toBe(own.length);
      expect(row.meanJ).toBeCloseTo(row.energyJ / own.length, 9);
      expect(Math.abs(row.energyJ / truthJ - 1)).toBeLessThan(name === "tiny" ? 0.5 : 0.05);
      expect(row.tooShort).toBe(name === "tiny" ? own.length : 0);
      expect(row.sharedFraction).toBe(0);
      if (name === "tiny") expect(row.expandedUncertaintyJ).toBeNull();
      else expect(Math.abs(row.energyJ - truthJ)).toBeLessThan(row.expandedUncertaintyJ!);
    }
    expect(byName[0]!.name).toBe("long");
  });

  test("events.arrow has every kernel once, compare.json the table, align.json the clock", async () => {
    const file = await openArrow(run.events, "fuse");
    const seen: string[] = [];
    const ids: number[] = [];
    for await (const batch of file.batches)
      for (let i = 0; i < batch.numRows; i++) {
        ids.push(Number(batch.getChild("event")!.get(i)));
        if (batch.getChild("kind")!.get(i) !== "kernel") continue;
        const fields = JSON.parse(String(batch.getChild("fields")!.get(i))) as Record<
          string,
          number
        >;
        seen.push(String(fields["correlation"]));
        expect(Number(batch.getChild("energy_j")!.get(i))).toBeGreaterThan(0);
      }
    await file.close();
    expect(new Set(seen).size).toBe(kernels.length);
    expect(seen).toHaveLength(kernels.length);
    expect(ids).toEqual(ids.map((_, i) => i));

    const json = JSON.parse(readFileSync(run.compare, "utf8")) as {
      kernels: { count: number; launches: number; by_name: { name: string }[] };
    };
    expect(json.kernels).toMatchObject({ count: kernels.length, launches: kernels.length });
    expect(json.kernels.by_name).toHaveLength(4);
    const align = JSON.parse(readFileSync(run.align, "utf8")) as {
      gpu: { clock: string; segments: { offset_ns: [number, number] }[] }[];
    };
    expect(align.gpu.map((g) => g.clock)).toEqual([GPU]);
    const half = align.gpu[0]!.segments.map(({ offset_ns: [lo, hi] }) => (hi - lo) / 2);
    expect(Math.max(...half)).toBeLessThan(3000);
  });

  test("kernels side by side: their shared time is told", async () => {
    const { summarise } = await import("../../energy/cuda-kernels.ts");
    const { kernelTimes } = await import("../../align/clocks/cuda-times.ts");
    const { KernelCollector } = await import("../../align/clocks/cuda-kernels.ts");
    const { session } = await import("../align/gpu-bench.ts");
    const collector = new KernelCollector();
    const rows: [string, number, number][] = [
      ["a", 0, 100],
      ["b", 50, 150],
      ["c", 60, 80],
      ["a", 200, 300],
    ];
    rows.forEach(([name, t0, t1], i) =>
      kernelMarks(i, name, t0, t1).forEach((m) => collector.add(m, session)),
    );
    const k = kernelTimes(collector.finish(), [], session)!;
    const table = summarise(k, Float64Array.of(1, 2, 3, 4), 1, new Map());
    const shared = Object.fromEntries(table.map((r) => [r.name, r.sharedFraction]));
    expect(shared).toEqual({ a: 50 / 200, b: 50 / 100, c: 1 });
    expect(table.map((r) => [r.name, r.energyJ])).toEqual([
      ["a", 5],
      ["c", 3],
      ["b", 2],
    ]);
    expect(HOST_EPOCH).toBe(session.hostEpoch);
  });
});
