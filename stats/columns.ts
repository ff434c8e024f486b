// Arithmetic on float64 columns. Four rows a turn and nothing else in the loop, since at every turn V8
// looks at the array's map, length and address again; `| 0` spares its check for overflow (two to three
// times faster together). Sums run in pairs, which also rounds less than one long chain would.

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
