// Integrals and spread of a column between rows a and b, as plain loops: what Integrator adds up.

import { NS_PER_S } from "../schema/time.ts";

/**
 * How long each row of [a, b] counts, s, so that ∫ c dt is the sum of c · w: by straight lines between
 * the rows, or, where rows are means over the time to the next, up to the next. Fills `w` from index 0.
 */
export function weights(
  tNs: Float64Array,
  a: number,
  b: number,
  holds: boolean,
  w: Float64Array,
): void {
  const after = (holds ? 1 : 0.5) / NS_PER_S;
  const before = holds ? 0 : after;
  let dt = 0;
  for (let i = a; i < b; i++) {
    const next = tNs[i + 1]! - tNs[i]!;
    w[i - a] = dt * before + next * after;
    dt = next;
  }
  w[b - a] = dt * before;
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

/** What {@link spread} adds to, and the last two steps it goes on from, newest first. */
export const Spread = { step0: 0, step1: 1, step2: 2, squareW2Ns: 3, last: 4, before: 5 } as const;

/** Adds Σ d², Σ d·d′, Σ d·d″ of the steps d of p, and Σ p²·dt. */
export function spread(
  tNs: Float64Array,
  p: Float64Array,
  a: number,
  b: number,
  s: Float64Array,
): void {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let square = 0;
  let d1 = s[Spread.last]!;
  let d2 = s[Spread.before]!;
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
  keep(s, s0, s1, s2, square, d1, d2);
}

/** Adds the same of evenly timed rows whose own sums (align/rows/loops.ts, STEP_SUMS) are given: what crosses into them is left. */
export function addSteps(
  own: Float64Array,
  p: Float64Array,
  a: number,
  b: number,
  periodNs: number,
  s: Float64Array,
): void {
  const [d1, d2] = [s[Spread.last]!, s[Spread.before]!];
  const first = p[a + 1]! - p[a]!;
  const second = b - a > 1 ? p[a + 2]! - p[a + 1]! : 0;
  s[Spread.step0]! += own[0]!;
  s[Spread.step1]! += own[1]! + first * d1;
  s[Spread.step2]! += own[2]! + first * d2 + second * d1;
  s[Spread.squareW2Ns]! += own[3]! * periodNs;
  s[Spread.last] = p[b]! - p[b - 1]!;
  s[Spread.before] = b - a > 1 ? p[b - 1]! - p[b - 2]! : d1;
}

function keep(
  s: Float64Array,
  s0: number,
  s1: number,
  s2: number,
  square: number,
  d1: number,
  d2: number,
): void {
  s[Spread.step0]! += s0;
  s[Spread.step1]! += s1;
  s[Spread.step2]! += s2;
  s[Spread.squareW2Ns]! += square;
  s[Spread.last] = d1;
  s[Spread.before] = d2;
}
