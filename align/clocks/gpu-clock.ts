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

/** Exchanges as columns, by host time; times in float64 ns. */
interface Columns {
  readonly gpu: Float64Array;
  readonly before: Float64Array;
  readonly after: Float64Array;
}

/** Exchanges from `from` to `to`, exclusive, that were made at one go. */
interface Burst {
  readonly from: number;
  readonly to: number;
  readonly centreNs: number;
}

/** @throws InputError when no burst at all can be fitted. */
export function fitGpuClock(
  clock: string,
  exchanges: readonly ClockExchange[],
  session: Session,
): GpuClock {
  const epoch = exchanges[0]?.deviceReceived ?? 0n;
  const columns = columnsOf(exchanges, epoch, session);
  const stepNs = stepOf(columns.gpu);
  const bursts = burstsOf(columns);
  const segments = bursts.flatMap((_, i) => segmentOf(columns, bursts, i, stepNs) ?? []);
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
  const segment = c.segments[nearest(c.centresNs, gpuNs)]!;
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

function columnsOf(list: readonly ClockExchange[], epoch: bigint, session: Session): Columns {
  const sorted = [...list].sort((a, b) => (a.sent < b.sent ? -1 : a.sent > b.sent ? 1 : 0));
  return {
    gpu: Float64Array.from(sorted, (e) => Number(e.deviceReceived - epoch)),
    before: Float64Array.from(sorted, (e) => toSession(session, e.sent)),
    after: Float64Array.from(sorted, (e) => toSession(session, e.received)),
  };
}

/** Greatest common divisor of the distances of readings. */
function stepOf(gpu: Float64Array): number {
  let step = 0;
  for (let i = 1; i < gpu.length && step !== 1; i++) {
    let [a, b] = [step, Math.abs(gpu[i]! - gpu[i - 1]!)];
    while (b > 0) [a, b] = [b, a % b];
    step = a;
  }
  return step > MAX_STEP_NS || step === 0 ? 1 : step;
}

function burstsOf({ gpu, before }: Columns): Burst[] {
  const bursts: Burst[] = [];
  for (let from = 0; from < gpu.length;) {
    let to = from + 1;
    while (to < gpu.length && before[to]! - before[to - 1]! < BURST_GAP_NS) to++;
    bursts.push({ from, to, centreNs: (gpu[from]! + gpu[to - 1]!) / 2 });
    from = to;
  }
  return bursts;
}

/** The lines around burst i from all bursts in reach, or from fewer if they do not agree. */
function segmentOf(
  columns: Columns,
  bursts: readonly Burst[],
  i: number,
  stepNs: number,
): GpuClockSegment | undefined {
  const { centreNs } = bursts[i]!;
  for (const reach of [REACH_NS, REACH_NS / 2, 0]) {
    let [from, to] = [i, i];
    while (from > 0 && centreNs - bursts[from - 1]!.centreNs <= reach) from--;
    while (to + 1 < bursts.length && bursts[to + 1]!.centreNs - centreNs <= reach) to++;
    const [first, end] = [bursts[from]!.from, bursts[to]!.to];
    const lines = linesOf(columns, first, end, centreNs, stepNs);
    const alone = reach < REACH_NS;
    if (!lines.empty) return { centreNs, lines, exchanges: end - first, alone };
  }
  return undefined;
}

function linesOf(
  { gpu, before, after }: Columns,
  from: number,
  to: number,
  centreNs: number,
  stepNs: number,
): FeasibleLines {
  // A box around what the first exchange allows anywhere in reach.
  const roomNs = 2 * MAX_RATE * REACH_NS;
  const [a0, a1] = [before[from]! - gpu[from]! - roomNs, after[from]! - gpu[from]! + roomNs];
  const lines = new FeasibleLines(a0, a1, MAX_RATE);
  for (let i = from; i < to && !lines.empty; i++) {
    const x = gpu[i]! - centreNs;
    const wander = wanderNs(x);
    lines.above(x, before[i]! - gpu[i]! - stepNs - wander);
    lines.below(x, after[i]! - gpu[i]! + wander);
  }
  return lines;
}
