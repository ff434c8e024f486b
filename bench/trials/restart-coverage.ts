// Does the stated interval hold the truth when the device restarted in the middle? Seeded virtual sessions
// with one to three restarts each, told by edges, exchanges, load marks or arrivals alone, go through the whole
// pipeline: where each segment's rows really lie, each window's Joules, and whether what crosses a restart says so.

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "../../host/temporary.ts";
import { mapUNs, toSessionNs } from "../../align/clocks/clock.ts";
import { runPaths } from "../../capture/run.ts";
import { compare, prepare } from "../../energy/compare.ts";
import type { Comparison } from "../../energy/result.ts";
import {
  EVIDENCE,
  type EvidenceKind,
  type Restarted,
  writeRestarted,
} from "./restarted-capture.ts";
import { mostOf, upperMedian } from "../../stats/summary.ts";

export interface RestartCoverage {
  readonly schema: "restart-coverage/1";
  readonly source: "virtual";
  readonly evidence: EvidenceKind;
  readonly sessions: number;
  readonly segments: number;
  /** Segments by the method that placed them. */
  readonly methods: Readonly<Record<string, number>>;
  /** Share of segments whose middle row lies within 1.96 standard uncertainties of where it is put. */
  readonly clock_covered: number;
  /** Standard uncertainty there. */
  readonly median_clock_u_ns: number;
  /** Windows without a doubt: share whose 95 % interval holds the true Joules, and the worst error over its u. */
  readonly windows: number;
  readonly covered: number;
  readonly worst_error_u: number;
  /** Windows that say that the device restarted in them, and the share of those whose interval holds the truth. */
  readonly across: number;
  readonly across_covered: number;
  /** Windows with rows missing that do not say so. */
  readonly silent: number;
}

/** 95 % of a normal distribution: the stated expanded uncertainty is k = 2, a little more. */
const K95 = 1.96;

interface Tally {
  methods: Record<string, number>;
  clock: boolean[];
  clockUNs: number[];
  errors: number[];
  across: boolean[];
  silent: number;
}

export async function restartCoverage(o: {
  readonly evidence: EvidenceKind;
  readonly sessions: number;
  readonly firstSeed?: number;
  readonly durationS?: number;
}): Promise<RestartCoverage> {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-restarts-"));
  const t: Tally = { methods: {}, clock: [], clockUNs: [], errors: [], across: [], silent: 0 };
  try {
    for (let k = 0; k < o.sessions; k++) {
      const made = await writeRestarted(dir, (o.firstSeed ?? 1) + k, o.durationS ?? 4, o.evidence);
      const result = compare(prepare(runPaths(join(dir, "run")).capture));
      judgeClock(t, made, result);
      judgeWindows(t, made, result);
      for (const run of ["whole", "run"]) rmSync(join(dir, run), { recursive: true });
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  const share = (x: readonly boolean[]): number => x.filter(Boolean).length / x.length;
  return {
    schema: "restart-coverage/1",
    source: "virtual",
    evidence: o.evidence,
    sessions: o.sessions,
    segments: t.clock.length,
    methods: t.methods,
    clock_covered: share(t.clock),
    median_clock_u_ns: upperMedian(t.clockUNs)!,
    windows: t.errors.length,
    covered: share(t.errors.map((z) => z <= K95)),
    worst_error_u: mostOf(t.errors),
    across: t.across.length,
    across_covered: share(t.across),
    silent: t.silent,
  };
}

function judgeClock(t: Tally, made: Restarted, { clocks }: Comparison): void {
  const { segments } = clocks.daq!;
  if (segments.length !== made.segments.length)
    throw new Error(`${segments.length} segments instead of ${made.segments.length}`);
  made.segments.forEach((truth, k) => {
    const { model } = segments[k]!;
    const row = Math.round((truth.from + truth.to) / 2);
    const put = toSessionNs(model, row);
    const uNs = mapUNs(model, put);
    t.methods[model.method] = (t.methods[model.method] ?? 0) + 1;
    t.clock.push(Math.abs(put - made.trueNs(truth, row)) <= K95 * uNs);
    t.clockUNs.push(uNs);
  });
}

function judgeWindows(t: Tally, made: Restarted, result: Comparison): void {
  const pauses = made.segments.slice(1).map((next, k) => {
    const before = made.segments[k]!;
    return [made.trueNs(before, before.to), made.trueNs(next, next.from)] as const;
  });
  for (const truth of made.truth.windows) {
    const found = result.windows.find((w) => w.window.name === truth.name);
    if (!found?.physical || !(truth.energyJ > 0)) continue;
    const { energyJ, expandedUncertaintyJ, coverageFactor } = found.physical;
    const z = Math.abs(energyJ - truth.energyJ) / (expandedUncertaintyJ / coverageFactor);
    const crossed = pauses.some(([from, to]) => from < truth.t1Ns && to > truth.t0Ns);
    const codes = found.window.doubts?.map((d) => d.code) ?? [];
    if (codes.includes("window-across-restart")) t.across.push(z <= K95);
    else if (crossed) t.silent++;
    // A clipped window is declared a lower bound, not an interval.
    if (codes.length === 0) t.errors.push(z);
  }
}

/** The same for everything that a log may have to tell the clock by. */
export async function* restartCoverages(sessions: number): AsyncGenerator<RestartCoverage> {
  for (const evidence of EVIDENCE) yield await restartCoverage({ evidence, sessions });
}
