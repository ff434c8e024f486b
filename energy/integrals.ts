// The rule of integration, and integrals and steps of a column between rows a and b, as plain loops: what Integrator
// adds up.

import { NS_PER_S } from "../schema/time.ts";

/**
 * Mean over the first `share` of the time from one row to the next: by a straight line between them, or, where rows are
 * means over the time to the next (`holds`), the first row's own.
 */
export const meanOver = (holds: boolean, row: number, next: number, share: number): number =>
  holds ? row : row + (share * (next - row)) / 2;

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

/** Σ d² over the steps d between rows a … b. */
export function stepSquares(p: Float64Array, a: number, b: number): number {
  let squares = 0;
  for (let i = a + 1; i <= b; i++) {
    const d = p[i]! - p[i - 1]!;
    squares += d * d;
  }
  return squares;
}
