// All straight lines y = a + b·x that pass between given bounds: a linear program in two unknowns, solved
// exactly by keeping its feasible polygon and cutting it with every bound (Sutherland & Hodgman 1974).
// In: bounds, in any order. Out: the range of the lines at any x. Few vertices survive, so a bound costs
// a handful of multiplications.

export class FeasibleLines {
  // Vertices (a, b), in order around the polygon.
  #a: number[];
  #b: number[];

  /** Starts from a box: lines with a0 ≤ a ≤ a1 and |b| ≤ maxSlope. */
  constructor(a0: number, a1: number, maxSlope: number) {
    this.#a = [a0, a1, a1, a0];
    this.#b = [-maxSlope, -maxSlope, maxSlope, maxSlope];
  }

  get empty(): boolean {
    return this.#a.length === 0;
  }

  /** Keeps the lines with a + b·x ≥ y. */
  above(x: number, y: number): void {
    this.#cut(x, y, 1);
  }

  /** Keeps the lines with a + b·x ≤ y. */
  below(x: number, y: number): void {
    this.#cut(x, y, -1);
  }

  /** Least and greatest value of any line at x; [NaN, NaN] when there is none. */
  range(x: number): readonly [number, number] {
    return extremes(this.#a.map((a, i) => a + this.#b[i]! * x));
  }

  /** Least and greatest slope. */
  slopes(): readonly [number, number] {
    return extremes(this.#b);
  }

  #cut(x: number, y: number, sign: 1 | -1): void {
    const [a, b] = [this.#a, this.#b];
    const n = a.length;
    let inside = 0;
    for (let i = 0; i < n; i++) if (sign * (a[i]! + b[i]! * x - y) >= 0) inside++;
    if (inside === n) return;
    this.#a = [];
    this.#b = [];
    for (let i = 0, last = n - 1; inside > 0 && i < n; last = i++) {
      const from = sign * (a[last]! + b[last]! * x - y);
      const to = sign * (a[i]! + b[i]! * x - y);
      if (from >= 0 !== to >= 0) {
        const share = from / (from - to);
        this.#a.push(a[last]! + share * (a[i]! - a[last]!));
        this.#b.push(b[last]! + share * (b[i]! - b[last]!));
      }
      if (to >= 0) {
        this.#a.push(a[i]!);
        this.#b.push(b[i]!);
      }
    }
  }
}

function extremes(values: readonly number[]): readonly [number, number] {
  if (values.length === 0) return [NaN, NaN];
  let [lo, hi] = [values[0]!, values[0]!];
  for (const v of values) {
    if (v < lo) lo = v;
    if (v > hi) hi = v;
  }
  return [lo, hi];
}
