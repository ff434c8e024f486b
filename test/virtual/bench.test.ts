import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type CaptureRecord, readCapture } from "../../capture/log-reader.ts";
import { builtInRig, type LoadedRig } from "../../rigs/load.ts";
import { VirtualBench } from "../../virtual/bench/bench.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { VirtualClock } from "../../virtual/bench/device-clock.ts";
import { NoiseTable } from "../../virtual/bench/noise.ts";

let dir: string;
let loaded: LoadedRig;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-virtual-"));
  loaded = await builtInRig("virtual");
});
afterAll(() => rmSync(dir, { recursive: true }));

const bench = (seed: number, durationS = 1): VirtualBench =>
  new VirtualBench(loaded.rig, { seed, durationS });
const rowsOf = (b: VirtualBench, first: number, n: number): Uint16Array => {
  const out = new Uint16Array((n * b.layout.rowBytes) / 2);
  b.fillRows(first, n, out);
  return out;
};
const sd = (x: number[]): number => Math.sqrt(x.reduce((s, v) => s + v * v, 0) / x.length);

describe("virtual bench", () => {
  test("a row is the same however it is asked for", () => {
    const b = bench(11);
    const whole = rowsOf(b, 50_000, 4000);
    const again = bench(11);
    for (const [first, n] of [
      [53_000, 1000],
      [50_001, 1],
      [51_100, 700],
    ] as const) {
      const part = rowsOf(again, first, n);
      expect(part).toEqual(whole.subarray((first - 50_000) * 4, (first - 50_000 + n) * 4));
    }
    expect(rowsOf(bench(12), 50_000, 100)).not.toEqual(whole.subarray(0, 400));
  });

  test("counts without their drawn errors give back the true volts, amperes and Joules", () => {
    const b = bench(13);
    const [from, n] = [5000, 90_000];
    const words = rowsOf(b, from, n);
    const value = b.sensors.map(({ truth }, word) => {
      const rail = loaded.rig.rails.find((r) => r.name === truth.rail)!;
      const s = rail[truth.quantity]!;
      return (row: number): number =>
        (((words[row * 4 + word]! & 0xfff) - s.zeroCount) * s.perCount - truth.offsetError) /
        (1 + truth.gainError);
    });
    const watts = (row: number): number =>
      value[0]!(row) * value[1]!(row) + value[2]!(row) * value[3]!(row);
    let joule = 0;
    const period = b.clock.periodNs * 1e-9;
    for (let i = 0; i + 1 < n; i++) joule += ((watts(i) + watts(i + 1)) / 2) * period;
    const want = b.energyJ(b.clock.rowNs(from), b.clock.rowNs(from + n - 1));
    expect(want).toBeGreaterThan(50);
    expect(Math.abs(joule / want - 1)).toBeLessThan(2e-4);
  });

  test("the trigger bit follows the line", () => {
    const b = bench(14);
    const words = rowsOf(b, 0, 98_000);
    const edges = [...b.trigger.edgesNs].map((t) => b.clock.rowAt(t));
    let level = 0;
    const seen: number[] = [];
    for (let i = 0; i < 98_000; i++) {
      const bit = words[i * 4]! >> 15;
      if (bit !== level) seen.push(i);
      level = bit;
    }
    expect(seen.length).toBeGreaterThan(8);
    expect(seen).toEqual(edges);
    for (const t of b.trigger.edgesNs) {
      const row = b.clock.rowAt(t);
      expect(b.clock.rowNs(row)).toBeGreaterThanOrEqual(t);
      expect(b.clock.rowNs(row - 1)).toBeLessThan(t);
    }
  });

  test("errors and clock rates scatter as the rig states", () => {
    const current = loaded.rig.rails[1]!.current!;
    const { clock } = loaded.rig.device;
    const noise = new NoiseTable(1);
    const seeds = Array.from({ length: 400 }, (_, i) => i);
    const rates = seeds.map(
      (s) => 1e9 / clock.hz / new VirtualClock(clock, s, 0, noise).periodNs - 1,
    );
    const short = {
      tNs: new Float64Array(1),
      fromW: new Float64Array([50]),
      toW: new Float64Array([50]),
    };
    const schedule = { ...short, endNs: 1e6, spans: [], kernels: [] };
    const truths = seeds.slice(0, 100).map((seed) => {
      const b = new VirtualBench(loaded.rig, { seed, durationS: 0.001, schedule });
      return b.sensors.find((s) => s.truth.field === "hpwr_i")!.truth;
    });
    // Five standard errors of a standard deviation: 5/√(2n).
    expect(Math.abs(sd(rates) / clock.uRel - 1)).toBeLessThan(5 / Math.sqrt(800));
    const tolerance = 5 / Math.sqrt(200);
    expect(Math.abs(sd(truths.map((t) => t.gainError)) / current.gainU - 1)).toBeLessThan(
      tolerance,
    );
    expect(Math.abs(sd(truths.map((t) => t.offsetError)) / current.offsetU - 1)).toBeLessThan(
      tolerance,
    );
  });

  test("a rail that the card lacks is a plain error", () => {
    const rails = [{ ...loaded.rig.rails[0]!, name: "eps1" }];
    const make = (): VirtualBench =>
      new VirtualBench({ ...loaded.rig, rails }, { seed: 1, durationS: 1 });
    expect(make).toThrow(/no rail "eps1"; it has slot_12v, hpwr_12v/);
  });
});

describe("virtual capture", () => {
  const sha = (run: string): string =>
    createHash("sha256")
      .update(readFileSync(join(dir, run, "capture.mcap")))
      .digest("hex");
  const records = (run: string): CaptureRecord[] => [
    ...readCapture(join(dir, run, "capture.mcap")),
  ];

  test("same seed, same bytes; another seed, others", async () => {
    await writeVirtualCapture(join(dir, "a"), { seed: 21, durationS: 1 });
    await writeVirtualCapture(join(dir, "b"), { seed: 21, durationS: 1 });
    await writeVirtualCapture(join(dir, "c"), { seed: 22, durationS: 1 });
    expect(sha("a")).toBe(sha("b"));
    expect(sha("a")).not.toBe(sha("c"));
  });

  test("holds what a recorder would have written, the truth, and says it is virtual", async () => {
    const truth = await writeVirtualCapture(join(dir, "d"), { seed: 23, durationS: 1.5 });
    const rs = records("d");
    const of = <K extends CaptureRecord["kind"]>(kind: K) =>
      rs.filter((r): r is Extract<CaptureRecord, { kind: K }> => r.kind === kind);
    expect(of("damage")).toEqual([]);
    const { session } = of("session")[0]!;
    expect(session.source).toBe("virtual");
    const attached = Object.fromEntries(of("attachment").map((a) => [a.name, Buffer.from(a.data)]));
    expect(attached["rig.yaml"]).toEqual(Buffer.from(loaded.text));
    expect(JSON.parse(attached["rig.json"]!.toString())).toEqual(loaded.rig);
    const json = JSON.parse(attached["truth.json"]!.toString()) as {
      windows: { energy_j: number }[];
    };
    expect(json.windows.map((w) => w.energy_j)).toEqual(truth.windows.map((w) => w.energyJ));
    const load = truth.windows.find((w) => w.name === "load")!;
    expect(truth.energyJ(load.t0Ns, load.t1Ns)).toBe(load.energyJ);
    expect(load.railsJ["slot_12v"]! + load.railsJ["hpwr_12v"]!).toBeCloseTo(load.energyJ, 9);

    const blocks = of("rows").map((r) => r.block);
    expect(blocks.map((b) => b.firstIndex)).toEqual(blocks.map((_, i) => i * 512));
    for (const b of blocks) {
      const lastRowNs = truth.bench.clock.rowNs(b.firstIndex + b.rows - 1);
      const [before, after] = [b.hostBefore!, b.hostAfter!].map((t) =>
        Number(t - session.hostEpoch),
      );
      expect(after).toBeGreaterThan(lastRowNs);
      expect(before).toBeLessThan(after!);
    }
    expect(of("channel").map((c) => c.channel.name)).toContain("nvml.energy_counter");
    const reads = of("read").map((r) => r.read);
    expect(reads.every((r) => r.after > r.before && r.code === 0)).toBe(true);
    expect(reads.filter((r) => r.channel === "nvml.power_instant").length).toBeGreaterThan(145);
  });

  test("sync marks bracket the edges that the rows show", async () => {
    const truth = await writeVirtualCapture(join(dir, "e"), { seed: 24, durationS: 1 });
    const marks = records("e").flatMap((r) =>
      r.kind === "mark" && r.mark.name === "sync" ? [r.mark] : [],
    );
    expect(marks).toHaveLength(truth.bench.trigger.edgesNs.length);
    const epoch = 86_400_000_000_000n;
    marks.forEach((m, i) => {
      const off = Number(m.t - epoch) - truth.bench.trigger.edgesNs[i]!;
      expect(Math.abs(off)).toBeLessThanOrEqual(Number(m.fields!["half_ns"]) + 1);
      expect(m.phase).toBe(i % 2 === 0 ? "begin" : "end");
    });
  });

  test("faults are in the log as a real bench would show them", async () => {
    const faults = { lostBlocks: 0.05, lostEdges: 0.3, extraEdges: 0.5, failedReads: 0.1 };
    const truth = await writeVirtualCapture(join(dir, "f"), { seed: 25, durationS: 2, faults });
    const rs = records("f");
    const blocks = rs.flatMap((r) => (r.kind === "rows" ? [r.block] : []));
    let lost = 0;
    blocks.forEach((b, i) => {
      const gap = b.firstIndex - (i === 0 ? 0 : blocks[i - 1]!.firstIndex + 512);
      expect(b.flags).toBe(gap > 0 ? 1 : 0);
      lost += gap;
    });
    expect(lost).toBeGreaterThan(0);
    expect(truth.lostRows - lost).toBeLessThanOrEqual(512 * 3); // the last blocks may be among the lost
    const failed = rs.filter((r) => r.kind === "read" && r.read.code !== 0);
    expect(failed.length).toBeGreaterThan(10);
    expect(failed.every((r) => r.kind === "read" && Number.isNaN(r.read.value))).toBe(true);
    const { trigger } = truth.bench;
    expect(trigger.lost).toBeGreaterThan(0);
    expect(trigger.extra).toBeGreaterThan(0);
    expect(trigger.edgesNs).toHaveLength(trigger.stamps.length - trigger.lost + trigger.extra);
  });
});
