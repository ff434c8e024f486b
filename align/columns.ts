// Arithmetic on float64 columns, rows [0, rows) or [from, to). Four rows a turn, for the reason that
// decode.ts gives; sums run in pairs, which also keeps their rounding smaller than one long chain would.

/** Where the sums of a rail's columns stand: P, I, V. */
export const RAIL_SUMS = 3;

/** out = v · a. The sums of `out`, a and v go to `sums[at]`, `[at + 1]`, `[at + 2]`: here they cost little. */
export function product(
  v: Float64Array,
  a: Float64Array,
  out: Float64Array,
  rows: number,
  sums: Float64Array,
  at: number,
): void {
  let i = 0;
  let sumP = 0;
  let sumA = 0;
  let sumV = 0;
  for (const whole = rows - 1; i < whole; i += 2) {
    const v0 = v[i]!;
    const v1 = v[i + 1]!;
    const a0 = a[i]!;
    const a1 = a[i + 1]!;
    const p0 = v0 * a0;
    const p1 = v1 * a1;
    out[i] = p0;
    out[i + 1] = p1;
    sumP += p0 + p1;
    sumA += a0 + a1;
    sumV += v0 + v1;
  }
  for (; i < rows; i++) {
    const p = v[i]! * a[i]!;
    out[i] = p;
    sumP += p;
    sumA += a[i]!;
    sumV += v[i]!;
  }
  sums[at] = sumP;
  sums[at + 1] = sumA;
  sums[at + 2] = sumV;
}

/** out = x + y; `out` may be one of them. */
export function plus(x: Float64Array, y: Float64Array, out: Float64Array, rows: number): void {
  let i = 0;
  for (const whole = rows - 3; i < whole; i += 4) {
    out[i] = x[i]! + y[i]!;
    out[i + 1] = x[i + 1]! + y[i + 1]!;
    out[i + 2] = x[i + 2]! + y[i + 2]!;
    out[i + 3] = x[i + 3]! + y[i + 3]!;
  }
  for (; i < rows; i++) out[i] = x[i]! + y[i]!;
}

/** Σ x over [from, to). */
export function sumOf(x: Float64Array, from: number, to: number): number {
  let i = from;
  let s0 = 0;
  let s1 = 0;
  for (const whole = to - 3; i < whole; i += 4) {
    s0 += x[i]! + x[i + 1]!;
    s1 += x[i + 2]! + x[i + 3]!;
  }
  for (; i < to; i++) s0 += x[i]!;
  return s0 + s1;
}
