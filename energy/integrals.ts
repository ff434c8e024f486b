// Integrals and spread of a column between rows a and b, as plain loops: what Integrator adds up.

import { NS_PER_S } from "../schema/time.ts";

/** ∫ c dt by straight lines between the rows, unit of c × s. */
export function trapezoid(tNs: Float64Array, c: Float64Array, a: number, b: number): number {
  let sum = 0;
  let t0 = tNs[a]!;
  let c0 = c[a]!;
  for (let i = a + 1; i <= b; i++) {
    const t1 = tNs[i]!;
    const c1 = c[i]!;
    sum += (c0 + c1) * (t1 - t0);
    t0 = t1;
    c0 = c1;
  }
  return sum / (2 * NS_PER_S);
}

/** ∫ c dt where each row stands for the time to the next. */
export function rectangle(tNs: Float64Array, c: Float64Array, a: number, b: number): number {
  let sum = 0;
  for (let i = a; i < b; i++) sum += c[i]! * (tNs[i + 1]! - tNs[i]!);
  return sum / NS_PER_S;
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

/** The same where rows are equally far apart. */
export function evenSpread(
  tNs: Float64Array,
  p: Float64Array,
  a: number,
  b: number,
  periodNs: number,
  s: Float64Array,
): void {
  const pairs = a + ((b - a) & ~1);
  spreadOfPairs(p, a, pairs, periodNs, s);
  if (pairs < b) spread(tNs, p, pairs, b, s);
}

/** Two rows a turn, as in align/columns.ts. */
function spreadOfPairs(
  p: Float64Array,
  a: number,
  b: number,
  periodNs: number,
  s: Float64Array,
): void {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let square = 0;
  let d1 = s[Spread.last]!;
  let d2 = s[Spread.before]!;
  let x = p[a]!;
  for (let i = a + 1; i < b; i = (i + 2) | 0) {
    const y = p[i]!;
    const z = p[(i + 1) | 0]!;
    const d = y - x;
    const e = z - y;
    s0 += d * d + e * e;
    s1 += d * d1 + e * d;
    s2 += d * d2 + e * d1;
    square += x * x + y * y;
    d2 = d;
    d1 = e;
    x = z;
  }
  keep(s, s0, s1, s2, square * periodNs, d1, d2);
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
