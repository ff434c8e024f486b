// Integrals and spread of a column between rows a and b, as plain loops: what Integrator adds up.

import type { AlignedRun } from "../align/timeline.ts";
import { NS_PER_S } from "../schema/time.ts";

/**
 * How long each row counts, s, so that ∫ c dt is the sum of c · w: by straight lines between the rows, or,
 * where rows are means over the time to the next, up to the next. Fills `w`, which is no shorter than `tNs`.
 */
export function weights(tNs: Float64Array, holds: boolean, w: Float64Array): void {
  const after = (holds ? 1 : 0.5) / NS_PER_S;
  const before = holds ? 0 : after;
  const last = tNs.length - 1;
  let dt = 0;
  for (let i = 0; i < last; i++) {
    const next = tNs[i + 1]! - tNs[i]!;
    w[i] = dt * before + next * after;
    dt = next;
  }
  w[last] = dt * before;
}

/** Σ c[a + i] · w[i] over the rows a … b. */
export function weighted(c: Float64Array, a: number, b: number, w: Float64Array): number {
  const fours = (b - a + 1) & ~3;
  let sum = weightedFours(c, a, fours, w);
  for (let i = fours; i <= b - a; i++) sum += c[a + i]! * w[i]!;
  return sum;
}

/** Four rows a turn, as in stats/columns.ts. */
function weightedFours(c: Float64Array, a: number, n: number, w: Float64Array): number {
  let even = 0;
  let odd = 0;
  for (let i = 0; i < n; i = (i + 4) | 0) {
    const k = (a + i) | 0;
    even += c[k]! * w[i]! + c[(k + 1) | 0]! * w[(i + 1) | 0]!;
    odd += c[(k + 2) | 0]! * w[(i + 2) | 0]! + c[(k + 3) | 0]! * w[(i + 3) | 0]!;
  }
  return even + odd;
}

/** Sums over the steps d from row to row that {@link spread} adds to, and the last two steps it goes on from. */
export interface StepSums {
  /** Σ d², Σ d·d′, Σ d·d″, W², and Σ p²·dt, W²·ns. */
  step0: number;
  step1: number;
  step2: number;
  squareW2Ns: number;
  last: number;
  before: number;
}

export const noSteps = (): StepSums => ({
  step0: 0,
  step1: 0,
  step2: 0,
  squareW2Ns: 0,
  last: 0,
  before: 0,
});

/** Adds the steps between rows a … b of a run. */
export function spread(
  { tNs, totalW: p }: Pick<AlignedRun, "tNs" | "totalW">,
  a: number,
  b: number,
  s: StepSums,
): void {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let square = 0;
  let d1 = s.last;
  let d2 = s.before;
  let x = p[a]!;
  for (let i = a + 1; i <= b; i++) {
    const y = p[i]!;
    const d = y - x;
    s0 += d * d;
    s1 += d * d1;
    s2 += d * d2;
    square += x * x * (tNs[i]! - tNs[i - 1]!);
    d2 = d1;
    d1 = d;
    x = y;
  }
  s.step0 += s0;
  s.step1 += s1;
  s.step2 += s2;
  s.squareW2Ns += square;
  s.last = d1;
  s.before = d2;
}

/** Adds the same of a whole run, evenly timed, whose own sums (align/rows/loops.ts, STEP_SUMS) are given: what crosses into it is left. */
export function addSteps(
  { totalW: p, from, to }: Pick<AlignedRun, "totalW" | "from" | "to">,
  own: Float64Array,
  periodNs: number,
  s: StepSums,
): void {
  const { last: d1, before: d2 } = s;
  const step = (i: number): number => p[i]! - p[i - 1]!;
  const isLong = to - from > 2;
  const first = step(from + 1);
  const second = isLong ? step(from + 2) : 0;
  s.step0 += own[0]!;
  s.step1 += own[1]! + first * d1;
  s.step2 += own[2]! + first * d2 + second * d1;
  s.squareW2Ns += own[3]! * periodNs;
  s.last = step(to - 1);
  s.before = isLong ? step(to - 2) : d1;
}
