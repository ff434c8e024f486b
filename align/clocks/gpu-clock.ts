// Exchanges with a GPU → its clock on the session clock, with bounds and not a guess. Each exchange says:
// when the GPU's clock read g, the host's lay between t0 and t3. Every bound holds, so the map must pass
// between all of them (docs/cuda.md, "The GPU's clock").
//
// offset(g) = host − g is not straight: crystals wander with temperature. Taken is that its rate changes by
// no more than RATE_CHANGE. Then around any instant c it stays within RATE_CHANGE·(g − c)²/2 of a line, so
// each bound, widened by that much, holds for the line; and what the lines allow, widened likewise, holds
// for the offset. One such set of lines is kept per burst of exchanges, from the bursts around it.

import { InputError } from "../../schema/errors.ts";
import type { ClockExchange } from "../../schema/records.ts";
import { type Session, toSession } from "../../schema/session.ts";
import { NS_PER_S, type SessionNs } from "../../schema/time.ts";
import { FeasibleLines } from "../../stats/feasible-lines.ts";
import { nearest } from "../../stats/search.ts";
import { endsOf, neighbours, valueAt } from "../../stats/places.ts";

/** Change of the clocks' relative rate, 1/s: ten times what an H100 showed over 30 s (docs/evidence/cuda-h100.md). */
export const RATE_CHANGE = 0.1e-6;
/** Crystals are within 100 ppm, and the host's clock is steered by at most 500 ppm (adjtimex(2)). */
const MAX_RATE = 1e-3;
/** Bursts within this of a burst serve its lines. */
const REACH_NS = 1e9;
/** Exchanges farther apart than this belong to different bursts. */
const BURST_GAP_NS = 5e6;
/** A GPU clock that steps by more than this is not one that steps, it is one that was seldom read. */
const MAX_STEP_NS = 65_536;

/** The map around one burst. */
export interface GpuClockSegment {
  /** Middle of the burst, GPU ns from the clock's epoch. */
  readonly centreNs: number;
  readonly lines: FeasibleLines;
  /** Exchanges that the lines rest on. */
  readonly exchanges: number;
  /** Neighbouring bursts did not fit and were left out: the clock did not run evenly here. */
  readonly alone: boolean;
}

/** A GPU's clock on the session clock. Frozen once published; a new fit is a new one. */
export interface GpuClock {
  readonly clock: string;
  /** GPU instant that all its times are counted from, ns. */
  readonly epoch: bigint;
  readonly segments: readonly GpuClockSegment[];
  /** Ascending. */
  readonly centresNs: Float64Array;
  readonly exchanges: number;
  /** What the clock advances by, ns: a reading g means [g, g + step). */
  readonly stepNs: number;
  /** Bursts that contradict themselves: no map at all fits them. They are left out. */
  readonly contradictions: number;
}

/** One exchange, float64 ns: the GPU read `gpu` between the host's two. */
interface Reading {
  readonly gpu: number;
  readonly before: number;
  readonly after: number;
}

/** Exchanges that were made at one go. */
interface Burst {
  readonly readings: readonly Reading[];
  readonly centreNs: number;
}

/** @throws InputError when no burst at all can be fitted. */
export function fitGpuClock(
  clock: string,
  exchanges: readonly ClockExchange[],
  session: Session,
): GpuClock {
  const epoch = exchanges[0]?.deviceReceived ?? 0n;
  const readings = readingsOf(exchanges, epoch, session);
  const stepNs = stepOf(readings);
  const bursts = burstsOf(readings);
  const segments = bursts.flatMap((_, i) => segmentOf(bursts, i, stepNs) ?? []);
  if (segments.length === 0)
    throw new InputError(
      `clock ${clock}: no map from the GPU's clock to the host's fits its ${exchanges.length} exchanges, not even within one burst; one of the two clocks was set, or the exchanges are not of one GPU`,
    );
  return {
    clock,
    epoch,
    segments,
    centresNs: Float64Array.from(segments, (s) => s.centreNs),
    exchanges: exchanges.length,
    stepNs,
    contradictions: bursts.length - segments.length,
  };
}

/**
 * Session time of a GPU reading, ns: the truth lies between the two.
 * @param gpuNs reading less the clock's epoch
 */
export function gpuToSession(c: GpuClock, gpuNs: number): readonly [SessionNs, SessionNs] {
  const segment = valueAt(c.segments, nearest(c.centresNs, gpuNs));
  const x = gpuNs - segment.centreNs;
  const [lo, hi] = segment.lines.range(x);
  const wander = wanderNs(x);
  return [gpuNs + lo - wander, gpuNs + c.stepNs + hi + wander];
}

/** Width of the interval at a burst, ns, and the bounds of the relative rate there. */
export function segmentFigures(s: GpuClockSegment): {
  offsetNs: readonly [number, number];
  rate: readonly [number, number];
} {
  return { offsetNs: s.lines.range(0), rate: s.lines.slopes() };
}

const wanderNs = (x: number): number => (RATE_CHANGE * x * x) / (2 * NS_PER_S);

/** By host time. */
function readingsOf(list: readonly ClockExchange[], epoch: bigint, session: Session): Reading[] {
  const sorted = [...list].sort((a, b) => (a.sent < b.sent ? -1 : a.sent > b.sent ? 1 : 0));
  return sorted.map((e) => ({
    gpu: Number(e.deviceReceived - epoch),
    before: toSession(session, e.sent),
    after: toSession(session, e.received),
  }));
}

/** Greatest common divisor of the distances of readings. */
function stepOf(readings: readonly Reading[]): number {
  let step = 0;
  for (const [before, own] of neighbours(readings)) {
    if (step === 1) break;
    let [a, b] = [step, Math.abs(own.gpu - before.gpu)];
    while (b > 0) [a, b] = [b, a % b];
    step = a;
  }
  return step > MAX_STEP_NS || step === 0 ? 1 : step;
}

function burstsOf(readings: readonly Reading[]): Burst[] {
  const bursts: Reading[][] = [];
  for (const reading of readings) {
    const burst = bursts.at(-1);
    const last = burst?.at(-1);
    if (burst && last && reading.before - last.before < BURST_GAP_NS) burst.push(reading);
    else bursts.push([reading]);
  }
  return bursts.map((burst) => {
    const [first, last] = endsOf(burst);
    return { readings: burst, centreNs: (first.gpu + last.gpu) / 2 };
  });
}

/** The lines around burst i from all bursts in reach, or from fewer if they do not agree. */
function segmentOf(
  bursts: readonly Burst[],
  i: number,
  stepNs: number,
): GpuClockSegment | undefined {
  const { centreNs } = valueAt(bursts, i);
  const within = (burst: Burst | undefined, reach: number): boolean =>
    burst !== undefined && Math.abs(burst.centreNs - centreNs) <= reach;
  for (const reach of [REACH_NS, REACH_NS / 2, 0]) {
    let [from, to] = [i, i + 1];
    while (within(bursts[from - 1], reach)) from--;
    while (within(bursts[to], reach)) to++;
    const near = bursts.slice(from, to).flatMap(({ readings }) => readings);
    const lines = linesOf(near, centreNs, stepNs);
    const alone = reach < REACH_NS;
    if (!lines.empty) return { centreNs, lines, exchanges: near.length, alone };
  }
  return undefined;
}

/** All that pass between the bounds of readings, of which there is one at least. */
function linesOf(readings: readonly Reading[], centreNs: number, stepNs: number): FeasibleLines {
  // A box around what the first exchange allows anywhere in reach.
  const roomNs = 2 * MAX_RATE * REACH_NS;
  const [first] = endsOf(readings);
  const [a0, a1] = [first.before - first.gpu - roomNs, first.after - first.gpu + roomNs];
  const lines = new FeasibleLines(a0, a1, MAX_RATE);
  for (const { gpu, before, after } of readings) {
    if (lines.empty) break;
    const x = gpu - centreNs;
    const wander = wanderNs(x);
    lines.above(x, before - gpu - stepNs - wander);
    lines.below(x, after - gpu + wander);
  }
  return lines;
}
