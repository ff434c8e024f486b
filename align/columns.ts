// Arithmetic on float64 columns. The loops do four rows a turn and nothing else, for the reasons that
// decode.ts gives; what is left over is done by their callers. Sums run in pairs, which also rounds less
// than one long chain would.

/** Sums that {@link product} leaves for a rail: of P, I and V, in this order. */
export const RAIL_SUMS = 3;

/** out = v · a over [0, rows); the sums of out, a and v go to `sums[at]` and after: here they cost little. */
export function product(
  v: Float64Array,
  a: Float64Array,
  out: Float64Array,
  rows: number,
  sums: Float64Array,
  at: number,
): void {
  const fours = rows & ~3;
  productOfFours(v, a, out, fours, sums, at);
  for (let i = fours; i < rows; i++) {
    out[i] = v[i]! * a[i]!;
    sums[at]! += out[i]!;
    sums[at + 1]! += a[i]!;
    sums[at + 2]! += v[i]!;
  }
}

function productOfFours(
  v: Float64Array,
  a: Float64Array,
  out: Float64Array,
  rows: number,
  sums: Float64Array,
  at: number,
): void {
  let sumP = 0;
  let sumA = 0;
  let sumV = 0;
  for (let i = 0; i < rows; i = (i + 4) | 0) {
    const j = (i + 1) | 0;
    const k = (i + 2) | 0;
    const l = (i + 3) | 0;
    const v0 = v[i]!;
    const v1 = v[j]!;
    const v2 = v[k]!;
    const v3 = v[l]!;
    const a0 = a[i]!;
    const a1 = a[j]!;
    const a2 = a[k]!;
    const a3 = a[l]!;
    const p0 = v0 * a0;
    const p1 = v1 * a1;
    const p2 = v2 * a2;
    const p3 = v3 * a3;
    out[i] = p0;
    out[j] = p1;
    out[k] = p2;
    out[l] = p3;
    sumP += p0 + p1 + (p2 + p3);
    sumA += a0 + a1 + (a2 + a3);
    sumV += v0 + v1 + (v2 + v3);
  }
  sums[at] = sumP;
  sums[at + 1] = sumA;
  sums[at + 2] = sumV;
}

/** out = x + y over [0, rows); `out` may be one of them. */
export function plus(x: Float64Array, y: Float64Array, out: Float64Array, rows: number): void {
  const fours = rows & ~3;
  plusFours(x, y, out, fours);
  for (let i = fours; i < rows; i++) out[i] = x[i]! + y[i]!;
}

function plusFours(x: Float64Array, y: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i = (i + 4) | 0) {
    const j = (i + 1) | 0;
    const k = (i + 2) | 0;
    const l = (i + 3) | 0;
    out[i] = x[i]! + y[i]!;
    out[j] = x[j]! + y[j]!;
    out[k] = x[k]! + y[k]!;
    out[l] = x[l]! + y[l]!;
  }
}

/** out = first + i · step over [0, rows). */
export function ramp(first: number, step: number, out: Float64Array, rows: number): void {
  const fours = rows & ~3;
  rampFours(first, step, out, fours);
  for (let i = fours; i < rows; i++) out[i] = first + i * step;
}

function rampFours(first: number, step: number, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i = (i + 4) | 0) {
    out[i] = first + i * step;
    out[(i + 1) | 0] = first + (i + 1) * step;
    out[(i + 2) | 0] = first + (i + 2) * step;
    out[(i + 3) | 0] = first + (i + 3) * step;
  }
}

/** Σ x over [from, to). */
export function sumOf(x: Float64Array, from: number, to: number): number {
  const fours = from + ((to - from) & ~3);
  let sum = sumOfFours(x, from, fours);
  for (let i = fours; i < to; i++) sum += x[i]!;
  return sum;
}

function sumOfFours(x: Float64Array, from: number, to: number): number {
  let even = 0;
  let odd = 0;
  for (let i = from; i < to; i = (i + 4) | 0) {
    even += x[i]! + x[(i + 1) | 0]!;
    odd += x[(i + 2) | 0]! + x[(i + 3) | 0]!;
  }
  return even + odd;
}
