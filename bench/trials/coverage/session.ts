// One seeded virtual session under a condition, through the whole pipeline: of each kind of window one, drawn by the
// seed, and how far its stated energy is from the true one. In one session all windows share the errors of its
// sensors, so that only one of each kind is a trial of its own.

import { rmSync } from "node:fs";
import { runPaths } from "../../../capture/run.ts";
import { COVERAGE_FACTOR } from "../../../energy/budget/budget.ts";
import { combinedU } from "../../../energy/budget/combine.ts";
import { compare, prepare } from "../../../energy/compare.ts";
import type { Comparison, PhysicalEnergy } from "../../../energy/result.ts";
import { random } from "../../../stats/random.ts";
import type { VirtualBench } from "../../../virtual/bench/bench.ts";
import { writeVirtualCapture } from "../../../virtual/bench/capture.ts";
import type { Truth } from "../../../virtual/bench/truth.ts";
import type { Condition } from "./conditions.ts";
import type { Trial } from "./trial.ts";

/** @param dir a folder that there is not yet; it is gone afterwards. */
export async function trySession(
  dir: string,
  { make, judge = windowTrials }: Condition,
  seed: number,
  durationS: number,
): Promise<Trial[]> {
  const truth = await writeVirtualCapture(dir, {
    seed,
    durationS,
    ...(await make(durationS, seed)),
  });
  const result = compare(prepare(runPaths(dir).capture));
  rmSync(dir, { recursive: true });
  return judge(truth, result);
}

function windowTrials(truth: Truth, result: Comparison): Trial[] {
  const windows = oneOfEachKind(truth, result).map((w) => windowTrial(w, truth, result));
  return [...windows, ...sumTrials(truth, result), ...clockTrial(truth, result)];
}

interface TrueSpan {
  readonly window: string;
  readonly name: string;
  readonly energyJ: number;
}

function oneOfEachKind(truth: Truth, result: Comparison): TrueSpan[] {
  const kinds = new Map<string, TrueSpan[]>();
  for (const { name, energyJ } of truth.windows) {
    const window = name.replace(/-\d+$/, "-n");
    kinds.set(window, [...(kinds.get(window) ?? []), { window, name, energyJ }]);
  }
  const whole = result.windows.find((r) => r.window.name === "session")?.window;
  const session = whole
    ? [{ window: "session", name: "session", energyJ: truth.energyJ(whole.t0Ns, whole.t1Ns) }]
    : [];
  const pick = random(truth.seed, "window of each kind");
  return [...session, ...[...kinds.values()].flatMap((k) => k[pick.integer(k.length)] ?? [])];
}

function windowTrial({ window, name, energyJ }: TrueSpan, truth: Truth, r: Comparison): Trial {
  const found = r.windows.find((w) => w.window.name === name);
  const physical = found?.physical;
  const U = physical?.expandedUncertaintyJ;
  // A clipped window, say, is stated to be a lower bound.
  if (!physical || found.window.doubts || !U || !Number.isFinite(physical.energyJ))
    return { window, z: null, error: null, drawn: null, relativeU: null };
  const errorJ = physical.energyJ - energyJ;
  return {
    window,
    z: errorJ / U,
    error: errorJ / energyJ,
    drawn: drawnEffectJ(physical, truth.bench) / energyJ,
    relativeU: U / energyJ,
  };
}

/** The sum of all windows of each kind that repeats, and the difference of two windows that the seed draws. */
function sumTrials(truth: Truth, result: Comparison): Trial[] {
  const known = truth.windows.flatMap(({ name, energyJ }): Known[] => {
    const found = result.windows.find((w) => w.window.name === name);
    const { physical } = found ?? {};
    return physical && !found?.window.doubts && Number.isFinite(physical.energyJ)
      ? [{ kind: name.replace(/-\d+$/, ""), energyJ, physical }]
      : [];
  });
  const pick = random(truth.seed, "two windows");
  const first = pick.integer(Math.max(1, known.length));
  const second = (first + 1 + pick.integer(Math.max(1, known.length - 1))) % known.length;
  const two = [first, second].flatMap((i, k) =>
    known[i] ? [{ ...known[i], weight: k === 0 ? 1 : -1 }] : [],
  );
  const kinds = [...new Set(known.map((k) => k.kind))];
  const sums = kinds.flatMap((kind) => {
    const parts = known.filter((k) => k.kind === kind).map((k) => ({ ...k, weight: 1 }));
    return parts.length > 1 ? [sumTrial(`sum of ${kind}`, parts)] : [];
  });
  const [a, b] = two;
  return a && b && a.physical !== b.physical ? [...sums, sumTrial("difference", two)] : sums;
}

interface Known {
  readonly kind: string;
  readonly energyJ: number;
  readonly physical: PhysicalEnergy;
}

function sumTrial(window: string, parts: readonly (Known & { readonly weight: number })[]): Trial {
  const { common, independent } = combinedU(
    parts.map(({ weight, physical }) => ({ weight, terms: physical.budget })),
  );
  const errorJ = parts.reduce((sum, p) => sum + p.weight * (p.physical.energyJ - p.energyJ), 0);
  const U = COVERAGE_FACTOR * Math.hypot(common, independent);
  const size = parts.reduce((sum, p) => sum + p.energyJ, 0);
  return {
    ...{ window, z: errorJ / U, error: errorJ / size, drawn: null },
    relativeU: U / size,
  };
}

function clockTrial({ bench }: Truth, { clocks }: Comparison): Trial[] {
  const [segment] = clocks.daq?.segments ?? [];
  if (!segment) return [];
  const { refNs, refDevice, nsPerUnit, uOffsetNs } = segment.model;
  const row = Math.round(refDevice);
  const offNs = refNs + (row - refDevice) * nsPerUnit - bench.clock.rowNs(row);
  const z = offNs / (2 * uOffsetNs);
  return [{ window: "clock", z, error: null, drawn: null, relativeU: null }];
}

/** A budget row is u times sensitivity: with what was drawn in place of u it is the error itself. */
function drawnEffectJ(physical: PhysicalEnergy, bench: VirtualBench): number {
  let sum = 0;
  for (const { truth } of bench.sensors) {
    const stated = bench.rig.rails.find((r) => r.name === truth.rail)?.[truth.quantity];
    if (!stated) continue;
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
