// Does each kernel's interval hold its true Joules, and each folded waveform's band the true power? Seeded
// virtual sessions of kernels from 20 µs to 20 ms, dated by a CUPTI that errs, go through the whole pipeline
// and are set against the bench's own truth. What leaves: how often the truth lay inside, by kernel length.

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "../../host/temporary.ts";
import { runPaths } from "../../capture/run.ts";
import { compare, prepare } from "../../energy/compare.ts";
import type { Prepared } from "../../energy/result.ts";
import { foldKernels } from "../../energy/fold-run.ts";
import type { Folded } from "../../energy/fold.ts";
import type { VirtualBench } from "../../virtual/bench/bench.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import type { Schedule } from "../../virtual/bench/schedule.ts";
import { foldWork, KERNEL_LENGTHS_NS, kernelWork } from "../../virtual/bench/workloads.ts";
import { meanOf, upperMedian } from "../../stats/summary.ts";
import { valueAt } from "../../stats/places.ts";

export interface KernelCoverageOptions {
  readonly sessions: number;
  readonly firstSeed?: number;
  readonly durationS?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface KernelCoverage {
  readonly schema: "kernel_coverage/1";
  readonly source: "virtual";
  readonly sessions: number;
  /** Of all windows of kernels, the share whose 95 % interval holds the truth; standard error over sessions. */
  readonly covered: number;
  readonly covered_u: number;
  readonly kernels: readonly KernelLine[];
  /** The 50 µs kernel's folded waveform, at its steps. */
  readonly fold: {
    readonly kernel: string;
    readonly steps: number;
    readonly step_us: number;
    readonly covered: number;
    readonly covered_u: number;
    /** Root mean square of folded minus true power, and the median expanded uncertainty. */
    readonly rms_error_w: number;
    readonly median_u_w: number;
    /** Least and most of the true waveform. */
    readonly true_range_w: readonly [number, number];
  };
}

export interface KernelLine {
  readonly kernel: string;
  readonly duration_us: number;
  readonly windows: number;
  readonly covered: number;
  /** Median true Joules, expanded uncertainty and, in percent of the truth, both. */
  readonly energy_mj: number;
  readonly median_u_pct: number;
  readonly rms_error_pct: number;
  readonly bias_pct: number;
  /** All launches of the name together: share of sessions whose interval holds the true sum. */
  readonly sum_covered: number;
  readonly sum_median_u_pct: number;
}

/** 95 % of a normal distribution, where what is stated is k = 2. */
const K95 = 1.96;
const FOLDED = "kernel_50us";

interface Window {
  readonly kernel: string;
  readonly trueJ: number;
  readonly errorJ: number;
  readonly uJ: number;
}

interface Session {
  readonly windows: readonly Window[];
  readonly sums: readonly Window[];
  readonly stepNs: number;
  readonly steps: readonly {
    readonly trueW: number;
    readonly errorW: number;
    readonly uW: number;
  }[];
}

export async function kernelCoverage(o: KernelCoverageOptions): Promise<KernelCoverage> {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-kernels-"));
  const sessions: Session[] = [];
  try {
    for (let k = 0; k < o.sessions; k++) {
      sessions.push(await one(join(dir, "run"), (o.firstSeed ?? 1) + k, o.durationS ?? 3));
      rmSync(join(dir, "run"), { recursive: true });
      o.onProgress?.(k + 1, o.sessions);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return summarise(sessions);
}

async function one(dir: string, seed: number, durationS: number): Promise<Session> {
  const recorded = async (schedule: Schedule): Promise<[Prepared, VirtualBench]> => {
    const { bench } = await writeVirtualCapture(dir, { seed, durationS, schedule });
    return [prepare(runPaths(dir).capture), bench];
  };
  const { windows, sums } = energies(...(await recorded(kernelWork(seed, durationS))));
  rmSync(dir, { recursive: true });
  const [prepared, bench] = await recorded(foldWork(seed, durationS));
  const fold = valueAt(foldKernels(prepared, { kernel: FOLDED }), 0);
  return { windows, sums, stepNs: fold.stepNs, steps: waveform(fold, prepared, bench) };
}

/** The log keeps kernels in the order in which the bench ran them. */
function energies(p: Prepared, bench: VirtualBench): Pick<Session, "windows" | "sums"> {
  const result = compare(p);
  const truth = bench.schedule.kernels.map(({ name, t0Ns, t1Ns }) => {
    return { name, trueJ: bench.energyJ(t0Ns, t1Ns) };
  });
  const first = result.windows.length - p.kernelRows.length;
  const windows = p.kernelRows.map((row, i): Window => {
    const { window, physical } = valueAt(result.windows, first + i);
    if (!physical) throw new Error(`kernel ${window.name} was not measured`);
    const uJ = physical.expandedUncertaintyJ / physical.coverageFactor;
    const { trueJ } = valueAt(truth, row);
    return { kernel: window.name, trueJ, errorJ: physical.energyJ - trueJ, uJ };
  });
  if (!result.kernels) throw new Error("no kernels were summed");
  const sums = result.kernels.byName.flatMap(
    ({ name, energyJ, expandedUncertaintyJ }): Window[] => {
      const trueJ = truth.reduce((sum, k) => (k.name === name ? sum + k.trueJ : sum), 0);
      if (expandedUncertaintyJ === null) return [];
      return [{ kernel: name, trueJ, errorJ: energyJ - trueJ, uJ: expandedUncertaintyJ / 2 }];
    },
  );
  return { windows, sums };
}

/** Folded against the mean true power of the same launches over each step. */
function waveform(f: Folded, p: Prepared, bench: VirtualBench): Session["steps"] {
  const [{ startNs: t0 }, { lastNs: t1 }] = span(p);
  const half = f.stepNs / 2;
  const launches = bench.schedule.kernels.filter((k) => k.name === f.kernel);
  return Array.from(f.phaseNs, (phase, s) => {
    const seen = launches.filter((k) => k.t0Ns + phase > t0 && k.t0Ns + phase < t1);
    const joules = seen.reduce(
      (sum, k) => sum + bench.energyJ(k.t0Ns + phase - half, k.t0Ns + phase + half),
      0,
    );
    const trueW = joules / seen.length / (f.stepNs * 1e-9);
    const [powerW, expandedW] = [valueAt(f.powerW, s), valueAt(f.expandedUncertaintyW, s)];
    return { trueW, errorW: powerW - trueW, uW: expandedW / 2 };
  }).filter((s) => Number.isFinite(s.errorW));
}

/** Of the physical trace. */
function span(p: Prepared): [{ startNs: number }, { lastNs: number }] {
  const session = p.windows.at(0);
  return [{ startNs: session.t0Ns }, { lastNs: session.t1Ns }];
}

function summarise(all: readonly Session[]): KernelCoverage {
  const perSession = all.map((s) => share(s.windows.map(inside)));
  const steps = all.flatMap((s) => s.steps);
  const stepsInside = all.map((s) => share(s.steps.map((x) => Math.abs(x.errorW) <= K95 * x.uW)));
  const trueW = steps.map((s) => s.trueW);
  return {
    schema: "kernel_coverage/1",
    source: "virtual",
    sessions: all.length,
    covered: share(all.flatMap((s) => s.windows.map(inside))),
    covered_u: standardError(perSession),
    kernels: Object.entries(KERNEL_LENGTHS_NS).map(([name, ns]) => line(all, name, ns)),
    fold: {
      kernel: FOLDED,
      steps: steps.length,
      step_us: valueAt(all, 0).stepNs / 1e3,
      covered: meanOf(stepsInside),
      covered_u: standardError(stepsInside),
      rms_error_w: Math.sqrt(meanOf(steps.map((s) => s.errorW ** 2))),
      median_u_w: median(steps.map((s) => 2 * s.uW)),
      true_range_w: [
        trueW.reduce((a, b) => Math.min(a, b)),
        trueW.reduce((a, b) => Math.max(a, b)),
      ],
    },
  };
}

function line(all: readonly Session[], kernel: string, ns: number): KernelLine {
  const own = all.flatMap((s) => s.windows.filter((w) => w.kernel === kernel));
  const sums = all.flatMap((s) => s.sums.filter((w) => w.kernel === kernel));
  return {
    kernel,
    duration_us: ns / 1e3,
    windows: own.length,
    covered: share(own.map(inside)),
    energy_mj: 1e3 * median(own.map((w) => w.trueJ)),
    median_u_pct: 100 * median(own.map((w) => (2 * w.uJ) / w.trueJ)),
    rms_error_pct: 100 * Math.sqrt(meanOf(own.map((w) => (w.errorJ / w.trueJ) ** 2))),
    bias_pct: 100 * meanOf(own.map((w) => w.errorJ / w.trueJ)),
    sum_covered: share(sums.map(inside)),
    sum_median_u_pct: 100 * median(sums.map((w) => (2 * w.uJ) / w.trueJ)),
  };
}

const inside = (w: Window): boolean => Math.abs(w.errorJ) <= K95 * w.uJ;
const share = (flags: readonly boolean[]): number => flags.filter(Boolean).length / flags.length;
const median = (x: readonly number[]): number => upperMedian(x) ?? NaN;

function standardError(x: readonly number[]): number {
  const m = meanOf(x);
  return Math.sqrt(meanOf(x.map((v) => (v - m) ** 2)) / Math.max(1, x.length - 1));
}
