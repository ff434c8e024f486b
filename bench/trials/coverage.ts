// Does the stated interval hold the true Joules as often as it says? Seeded virtual sessions with drift,
// lag, jitter, loss and noise go through the whole pipeline; every window's energy is set against the
// truth. What leaves: how often the truth lay inside, and how far off the mean was.

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "../../host/temporary.ts";
import { runPaths } from "../../capture/run.ts";
import { compare, prepare } from "../../energy/compare.ts";
import type { PhysicalEnergy } from "../../energy/result.ts";
import type { VirtualBench } from "../../virtual/bench/bench.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { deviationOf, meanOf, upperMedian } from "../../stats/summary.ts";

export interface CoverageOptions {
  readonly sessions: number;
  readonly firstSeed?: number;
  readonly durationS?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Coverage {
  readonly schema: "coverage/1";
  readonly source: "virtual";
  readonly sessions: number;
  readonly windows: number;
  /** Share of windows whose 95 % interval holds the truth, and its standard error with the session as the unit. */
  readonly covered: number;
  readonly covered_u: number;
  /** Mean of (measured / true − 1), percent, and its standard error over sessions. */
  readonly bias_pct: number;
  readonly bias_u_pct: number;
  /**
   * The same after the effect of the calibration errors that the bench drew is taken out: those are zero
   * in the mean by construction and would need tens of thousands of sessions to average away.
   */
  readonly pipeline_bias_pct: number;
  readonly pipeline_bias_u_pct: number;
  readonly median_u_pct: number;
  readonly lost_rows: number;
  /** Windows left out because the run itself declares them a lower bound (a clipped channel). */
  readonly doubtful_windows: number;
  /** Coverage of the sessions that lost blocks and of those that did not. */
  readonly covered_with_loss: number;
  readonly covered_without_loss: number;
  /** Share of clock fits whose stated 95 % interval holds the true offset. */
  readonly clock_covered: number;
}

/** Faults as a USB bench has them: some blocks, some edges and some reads are lost. */
const FAULTS = { lostBlocks: 0.002, lostEdges: 0.02, extraEdges: 0.02, failedReads: 0.01 };

/** 95 % of a normal distribution: the stated expanded uncertainty is k = 2, a little more. */
const K95 = 1.96;

export async function coverage(o: CoverageOptions): Promise<Coverage> {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-coverage-"));
  const sessions: Session[] = [];
  try {
    for (let k = 0; k < o.sessions; k++) {
      sessions.push(await one(join(dir, "run"), (o.firstSeed ?? 1) + k, o.durationS ?? 5));
      rmSync(join(dir, "run"), { recursive: true });
      o.onProgress?.(k + 1, o.sessions);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return summarise(sessions);
}

interface Session {
  readonly inside: readonly boolean[];
  readonly errors: readonly number[];
  /** Part of each error that the drawn calibration errors explain, to first order. */
  readonly explained: readonly number[];
  readonly relativeU: readonly number[];
  readonly lostRows: number;
  readonly doubtful: number;
  readonly clockInside: boolean;
}

async function one(dir: string, seed: number, durationS: number): Promise<Session> {
  // Every other session loses blocks, so that both cases are seen.
  const faults = seed % 2 === 0 ? FAULTS : {};
  const truth = await writeVirtualCapture(dir, { seed, durationS, faults });
  const result = compare(prepare(runPaths(dir).capture));
  const inside: boolean[] = [];
  let doubtful = 0;
  const errors: number[] = [];
  const explained: number[] = [];
  const relativeU: number[] = [];
  for (const t of truth.windows) {
    const found = result.windows.find((r) => r.window.name === t.name);
    if (!found?.physical || t.energyJ <= 0) continue;
    // A clipped window is declared a lower bound, not an interval.
    if (found.window.doubts) {
      doubtful++;
      continue;
    }
    const u = found.physical.expandedUncertaintyJ / found.physical.coverageFactor;
    inside.push(Math.abs(found.physical.energyJ - t.energyJ) <= K95 * u);
    errors.push(found.physical.energyJ / t.energyJ - 1);
    explained.push(drawnEffectJ(found.physical, truth.bench) / t.energyJ);
    relativeU.push(u / t.energyJ);
  }
  const clock = result.clocks.daq!.segments[0]!.model;
  const trueRef = truth.bench.clock.rowNs(Math.round(clock.refDevice));
  const found = clock.refNs + (Math.round(clock.refDevice) - clock.refDevice) * clock.nsPerUnit;
  const clockInside = Math.abs(found - trueRef) <= K95 * clock.uOffsetNs;
  return { inside, errors, explained, relativeU, lostRows: truth.lostRows, doubtful, clockInside };
}

/** A budget row is u times sensitivity: with what was drawn in place of u it is the error itself. */
function drawnEffectJ(physical: PhysicalEnergy, bench: VirtualBench): number {
  let sum = 0;
  for (const { truth } of bench.sensors) {
    const rail = bench.rig.rails.find((r) => r.name === truth.rail)!;
    const stated = rail[truth.quantity]!;
    for (const [kind, drawn, u] of [
      ["gain", truth.gainError, stated.gainU],
      ["offset", truth.offsetError, stated.offsetU],
    ] as const) {
      const row = physical.budget.find((b) => b.term === `${truth.rail} ${truth.quantity} ${kind}`);
      if (row && u > 0) sum += (row.contributionJ * drawn) / u;
    }
  }
  return sum;
}

function summarise(all: readonly Session[]): Coverage {
  const rate = (s: readonly Session[]): number => {
    const flags = s.flatMap((x) => x.inside);
    return flags.filter(Boolean).length / flags.length;
  };
  const perSession = all.map((s) => s.inside.filter(Boolean).length / s.inside.length);
  const bias = all.map((s) => 100 * meanOf(s.errors));
  const rest = all.map((s) => 100 * meanOf(s.errors.map((e, i) => e - s.explained[i]!)));
  return {
    schema: "coverage/1",
    source: "virtual",
    sessions: all.length,
    windows: all.reduce((n, s) => n + s.inside.length, 0),
    covered: rate(all),
    covered_u: deviationOf(perSession) / Math.sqrt(all.length),
    bias_pct: meanOf(bias),
    bias_u_pct: deviationOf(bias) / Math.sqrt(all.length),
    pipeline_bias_pct: meanOf(rest),
    pipeline_bias_u_pct: deviationOf(rest) / Math.sqrt(all.length),
    median_u_pct: 100 * (upperMedian(all.flatMap((s) => s.relativeU)) ?? NaN),
    lost_rows: all.reduce((n, s) => n + s.lostRows, 0),
    doubtful_windows: all.reduce((n, s) => n + s.doubtful, 0),
    covered_with_loss: rate(all.filter((s) => s.lostRows > 0)),
    covered_without_loss: rate(all.filter((s) => s.lostRows === 0)),
    clock_covered: all.filter((s) => s.clockInside).length / all.length,
  };
}
