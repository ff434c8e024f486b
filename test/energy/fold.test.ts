// Equivalent-time folding: against the virtual bench's true waveform, and on rows made by hand.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { tableFromIPC } from "apache-arrow";
import { parse } from "valibot";
import { KernelCollector } from "../../align/clocks/cuda-kernels.ts";
import { type KernelTimes, kernelTimes } from "../../align/clocks/cuda-times.ts";
import { fixedModel } from "../../align/clocks/clock.ts";
import type { AlignedRun } from "../../align/timeline.ts";
import { steadyClock } from "../../align/clocks/segments.ts";
import { runPaths } from "../../capture/run.ts";
import { command as foldCommand } from "../../cli/fold.ts";
import { FOLD, FOLD_METADATA } from "../../schema/documents/fold.ts";
import { prepare } from "../../energy/compare.ts";
import { type Folded, Folder } from "../../energy/fold.ts";
import { NO_NOISE } from "../../energy/noise.ts";
import { foldKernels } from "../../energy/fold-run.ts";
import { builtInRig } from "../../rigs/load.ts";
import type { VirtualBench } from "../../virtual/bench/bench.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { foldWork } from "../../virtual/bench/workloads.ts";
import type { RowLayout } from "../../schema/records.ts";
import type { Rig, Sensor } from "../../schema/rig.ts";
import { kernelMarks, session } from "../align/gpu-bench.ts";
import { call } from "../end-to-end/call.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-fold-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

describe("a 50 µs kernel with a dip of 10 µs, 100,000 rows a second", () => {
  let bench: VirtualBench;
  let folded: Folded;
  let run: string;
  beforeAll(async () => {
    run = join(dir, "run");
    const schedule = foldWork(1, 2);
    ({ bench } = await writeVirtualCapture(run, { seed: 1, durationS: 2, schedule }));
    [folded] = foldKernels(prepare(runPaths(run).capture), {}) as [Folded];
  }, 60_000);

  /** Mean true power of all launches over a step. */
  const truth = (phaseNs: number): number => {
    const { kernels } = bench.schedule;
    const half = folded.stepNs / 2;
    const joules = kernels.map((k) =>
      bench.energyJ(k.t0Ns + phaseNs - half, k.t0Ns + phaseNs + half),
    );
    return joules.reduce((a, b) => a + b, 0) / kernels.length / (folded.stepNs * 1e-9);
  };

  test("steps of 2 µs, five times finer than the rows, all filled; what limits it is stated", () => {
    expect(folded.launches).toBe(bench.schedule.kernels.length);
    expect(folded.stepNs).toBe(2000);
    expect(Math.min(...folded.samples)).toBeGreaterThan(100);
    expect(folded.stepResponseNs).toBeCloseTo(132e3, 6);
    expect(folded.shorterThanResponse).toBe(true);
    // 0.35 / 90 kHz, the slower current sensor.
    expect(folded.sensorRiseNs).toBeCloseTo(0.35e9 / 90e3, -2);
    expect(folded.crowded).toBe(0);
  });

  test("the waveform is the truth's within its band; the dip is where it was", () => {
    const errors = Array.from(folded.phaseNs, (phase, s) => folded.powerW[s]! - truth(phase));
    const outside = errors.filter((e, s) => Math.abs(e) > folded.expandedUncertaintyW[s]!);
    expect(outside.length / errors.length).toBeLessThanOrEqual(0.05);
    const shape = Array.from(folded.phaseNs, truth);
    const range = Math.max(...shape) - Math.min(...shape);
    const rms = Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
    expect(rms).toBeLessThan(0.04 * range);
    // Steepest rise, flat dip from 15 to 25 µs, second rise, fall from 50 µs on.
    const slope = (at: number): number => {
      const s = folded.phaseNs.findIndex((p) => p >= at);
      return (folded.powerW[s + 1]! - folded.powerW[s - 1]!) / (2 * folded.stepNs);
    };
    expect(slope(20e3)).toBeLessThan(0.4 * slope(8e3));
    expect(slope(32e3)).toBeGreaterThan(1.3 * slope(20e3));
    expect(slope(60e3)).toBeLessThan(0);
  });

  test("the command: a table with units, one line a kernel, the flag", async () => {
    const arrow = join(dir, "folded.arrow");
    const done = await call(foldCommand, [run], { out: arrow });
    expect([done.error, done.code]).toEqual([null, 0]);
    expect(done.document).toMatchObject({
      schema: "fold/1",
      source: "virtual",
      kernels: [{ kernel: "kernel_50us", step_ns: 2000, shorter_than_response: true }],
    });
    expect(parse(FOLD, done.document)).toEqual(done.document);
    expect(done.warnings.join()).toMatch(/shorter than the physical path's step response/);
    const table = tableFromIPC(readFileSync(arrow));
    const said: unknown = JSON.parse(table.schema.metadata.get("truejoule.fold")!);
    expect(parse(FOLD_METADATA, said)).toEqual(said);
    expect(table.schema.metadata.get("source")).toBe("virtual");
    expect(table.schema.fields.map((f) => f.name)).toEqual([
      "kernel",
      "phase_ns",
      "samples",
      "power_w",
      "expanded_uncertainty_w",
      "power_slot_12v_w",
      "power_hpwr_12v_w",
    ]);
    expect([...(table.getChild("power_w") as Iterable<number>)]).toEqual([...folded.powerW]);
    const csv = join(dir, "folded.csv");
    await call(foldCommand, [run], { out: csv, kernel: "kernel_50us", step: "5us" });
    const [header, first, ...rest] = readFileSync(csv, "utf8").trimEnd().split("\n");
    expect(header).toMatch(/^kernel,phase_ns \[ns\],samples,power_w \[W\],/);
    expect(first).toMatch(/^kernel_50us,-127500,/);
    expect(rest.length + 1).toBe(Math.ceil((folded.durationNs + 264e3) / 5000));
  });

  test("a skew that the rig states moves the waveform by it and smears nothing", async () => {
    const loaded = await builtInRig("virtual");
    const late = (s: Sensor | undefined) => ({ ...s!, skewS: 3e-6 });
    const rails = loaded.rig.rails.map((r) => ({
      ...r,
      voltage: late(r.voltage),
      current: late(r.current),
    }));
    const skewed = join(dir, "skewed");
    const options = { seed: 1, durationS: 2, schedule: bench.schedule };
    await writeVirtualCapture(skewed, {
      ...options,
      rig: { ...loaded, rig: { ...loaded.rig, rails } },
    });
    const fold = (folder: string): Folded =>
      foldKernels(prepare(runPaths(folder).capture), { stepNs: 3000 })[0]!;
    const [straight, moved] = [fold(run), fold(skewed)];
    // The same rows, one step later.
    for (let s = 1; s < moved.powerW.length; s++) {
      expect(moved.samples[s]).toBe(straight.samples[s - 1]);
      expect(moved.powerW[s]).toBeCloseTo(straight.powerW[s - 1]!, 6);
    }
  });

  test("what cannot be folded is one line", async () => {
    const out = join(dir, "no.arrow");
    const missing = await call(foldCommand, [run], { out, kernel: "nothing" });
    expect(missing.error!.message).toMatch(/kernel nothing with at least 30 launches/);
    const plain = join(dir, "plain");
    await writeVirtualCapture(plain, { seed: 2, durationS: 1 });
    const none = await call(foldCommand, [plain], { out });
    expect(none.error!.message).toMatch(/the run has no kernels/);
    const step = await call(foldCommand, [run], { out, step: "2 W" });
    expect(step.error).toMatchObject({ tag: "UsageError" });
  });
});

describe("rows by hand", () => {
  const PERIOD_NS = 10_000;
  const sensor = (field: string): Sensor => ({
    field,
    perCount: 1,
    zeroCount: 0,
    gainU: 0,
    offsetU: 0,
    calibration: { date: "2026-01-01", basis: "assumed" },
  });
  const rig: Rig = {
    name: "two",
    description: "",
    device: {
      kind: "test",
      stream: "main",
      sampling: "instant",
      rowHz: 1e9 / PERIOD_NS,
      clock: { hz: 1e9 / PERIOD_NS, uRel: 0, startU: 0 },
    },
    rails: ["a", "b"].map((name) => ({ name, power: sensor(name) })),
    missingRails: [],
  };
  const clock = steadyClock(fixedModel("daq", { hz: 1e5, uRel: 0, startNs: 0, startUNs: 0 }));
  const SKEW = new Map([["b", 4000]]);

  /** Launches of 20 µs; power climbs by 1 W a µs from the start on. Rail b is sampled 4 µs after its row. */
  function made(starts: readonly number[]): { kernels: KernelTimes; run: AlignedRun } {
    const collector = new KernelCollector();
    starts.forEach((t, i) =>
      kernelMarks(i, "k", t, t + 20e3).forEach((m) => collector.add(m, session)),
    );
    const kernels = kernelTimes(collector.finish(), [], session)!;
    const rows = Math.ceil((starts[starts.length - 1]! + 2e6) / PERIOD_NS);
    const wave = (t: number): number => {
      const since = t - (starts.findLast((s) => s <= t) ?? Infinity);
      return since >= 0 && since < 20e3 ? 100 + since / 1e3 : 100;
    };
    const tNs = Float64Array.from({ length: rows }, (_, i) => i * PERIOD_NS);
    const [a, b] = [tNs.map(wave), tNs.map((t) => wave(t + 4000))];
    const rail = (name: string, powerW: Float64Array) => ({
      name,
      powerW,
      currentA: null,
      voltageV: null,
    });
    const run: AlignedRun = {
      from: 0,
      to: rows,
      gapBefore: false,
      tNs,
      rails: [rail("a", a), rail("b", b)],
      totalW: a.map((x, i) => x + b[i]!),
      flags: new Uint8Array(rows),
    };
    return { kernels, run };
  }

  const fold = (starts: readonly number[], skewNs?: ReadonlyMap<string, number>): Folded => {
    const { kernels, run } = made(starts);
    const layout: RowLayout = { stream: "main", rowBytes: 0, fields: [] };
    const trace = { rig, layout, clock, run: { noise: NO_NOISE, runS: 1 } };
    const folder = new Folder(trace, kernels, { stepNs: 1000, ...(skewNs ? { skewNs } : {}) });
    folder.add(run);
    return folder.finish()[0]!;
  };
  // Golden-ratio steps of phase: evenly spread, never in step with the rows.
  const scattered = Array.from({ length: 400 }, (_, i) => 1e6 + 500e3 * i + ((i * 6180) % 10_000));

  test("channels sampled one after another are set right by the device's skew", () => {
    const straight = fold(scattered, SKEW);
    const crooked = fold(scattered);
    const at = straight.phaseNs.findIndex((p) => p === 10_500);
    expect(straight.rails.map((r) => r.powerW[at]!)).toEqual([
      expect.closeTo(110.5, 0),
      expect.closeTo(110.5, 0),
    ]);
    expect(crooked.rails[1]!.powerW[at]! - straight.rails[1]!.powerW[at]!).toBeCloseTo(4, 0);
  });

  test("launches in step with the sample clock leave steps empty: no power, no band", () => {
    const locked = fold(
      Array.from({ length: 100 }, (_, i) => 1e6 + 500e3 * i),
      SKEW,
    );
    const filled = locked.samples.filter((n) => n > 0).length;
    expect(filled / locked.samples.length).toBeLessThan(0.3);
    locked.samples.forEach((n, s) => expect(Number.isNaN(locked.powerW[s]!)).toBe(n === 0));
  });
});
