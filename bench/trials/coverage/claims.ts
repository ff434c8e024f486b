// Filter-matched claims against what the virtual card's sensor was drawn to be wrong by: windows of 0.5 to 100 updates
// in a load that changes at random. In: a session's truth and comparison. Out: a trial a channel and length.
// Holds: a claim that says it does not resolve its window is no trial of an interval; it is counted apart.

import type { Comparison, TelemetryEnergy } from "../../../energy/result.ts";
import { NS_PER_S } from "../../../schema/time.ts";
import { random, type Random } from "../../../stats/random.ts";
import { type Schedule, ScheduleBuilder } from "../../../virtual/bench/schedule.ts";
import { AMPERE, HOPPER } from "../../../virtual/bench/telemetry.ts";
import type { Truth, TrueWindow } from "../../../virtual/bench/truth.ts";
import { POWER } from "../../../virtual/bench/workloads.ts";
import type { Condition } from "./conditions.ts";
import type { Trial } from "./trial.ts";

const MS = 1e6;
/** Of both cards' power fields. */
const UPDATE_NS = 100 * MS;
const LENGTHS = [0.5, 1, 2, 3, 5, 10, 30, 100];
/** All lengths, and what lies between them. */
export const CLAIMS_DURATION_S = 30;

export const CLAIM_CONDITIONS: readonly Condition[] = [
  { name: "Hopper's fields", telemetry: HOPPER },
  { name: "Ampere's fields", telemetry: AMPERE },
].map(({ name, telemetry }) => ({
  name,
  make: (durationS, seed) => ({ telemetry, schedule: randomLevels(durationS, seed) }),
  judge: claimTrials,
}));

/** Levels of 37 to 400 ms between 80 and 400 W; a window of each length, in an order that the seed draws. */
function randomLevels(durationS: number, seed: number): Schedule {
  const r = random(seed, "levels");
  const b = new ScheduleBuilder().hold(POWER.ready, 400 * MS);
  for (let k = 0; k < 12; k++) level(b, r);
  const left = [...LENGTHS];
  while (left.length > 0) {
    const [updates = 1] = left.splice(r.integer(left.length), 1);
    b.span(`u${String(updates).replace(".", "_")}`, {}, () => {
      for (const end = b.nowNs + updates * UPDATE_NS; b.nowNs < end;) level(b, r, end - b.nowNs);
    });
    for (let k = 0; k < 3; k++) level(b, r);
  }
  return b.hold(POWER.ready, durationS * NS_PER_S - b.nowNs).build();
}

const level = (b: ScheduleBuilder, r: Random, mostNs = Infinity): unknown =>
  b.hold(80 + 320 * r.uniform(), Math.min(mostNs, 37 * MS + 363 * MS * r.uniform()));

function claimTrials(truth: Truth, result: Comparison): Trial[] {
  return truth.windows.flatMap((w) => {
    const found = result.windows.find((r) => r.window.name === w.name);
    return (found?.telemetry ?? [])
      .filter((t) => t.method === "filter_matched")
      .map((t) => claimTrial(t, w, truth));
  });
}

function claimTrial(t: TelemetryEnergy, w: TrueWindow, { bench }: Truth): Trial {
  const updates = w.name.replace(/^u(.*)-1$/, "$1").replace("_", ".");
  const window = `${t.channel}, ${updates} updates`;
  if (t.errorPct === null || !t.errorIntervalPct || !isResolved(t))
    return { window, z: null, error: null, drawn: null, relativeU: null };
  const { gain, offsetW } = bench.boardSensor;
  const claimedJ =
    gain * bench.trace.energyJ(w.t0Ns, w.t1Ns) + (offsetW * (w.t1Ns - w.t0Ns)) / NS_PER_S;
  const truePct = 100 * (claimedJ / w.energyJ - 1);
  const [lo, hi] = t.errorIntervalPct;
  const off = t.errorPct - truePct;
  return {
    window,
    z: off > 0 ? off / (t.errorPct - lo) : off / (hi - t.errorPct),
    error: off / 100,
    drawn: null,
    relativeU: (hi - lo) / 200,
  };
}

const isResolved = ({ quality }: TelemetryEnergy): boolean =>
  quality !== "unresolved" && quality !== "no_data" && quality !== "gappy";
