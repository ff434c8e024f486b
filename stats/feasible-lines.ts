// All straight lines y = a + b·x that pass between given bounds: a linear program in two unknowns, solved
// exactly by keeping its feasible polygon and cutting it with every bound (Sutherland & Hodgman 1974).
// In: bounds, in any order. Out: the range of the lines at any x. Few vertices survive, so a bound costs
// a handful of multiplications.

import { leastOf, mostOf } from "./summary.ts";

/** A line y = a + b·x: a corner of the polygon. */
interface Line {
  readonly a: number;
  readonly b: number;
}

export class FeasibleLines {
  /** In order around the polygon. */
  #corners: readonly Line[];

  /** Starts from a box: lines with a0 ≤ a ≤ a1 and |b| ≤ maxSlope. */
  constructor(a0: number, a1: number, maxSlope: number) {
    this.#corners = [
      { a: a0, b: -maxSlope },
      { a: a1, b: -maxSlope },
      { a: a1, b: maxSlope },
      { a: a0, b: maxSlope },
    ];
  }

  get empty(): boolean {
    return this.#corners.length === 0;
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
    return extremes(this.#corners.map(({ a, b }) => a + b * x));
  }

  /** Least and greatest slope. */
  slopes(): readonly [number, number] {
    return extremes(this.#corners.map(({ b }) => b));
  }

  #cut(x: number, y: number, sign: 1 | -1): void {
    const room = ({ a, b }: Line): number => sign * (a + b * x - y);
    if (this.#corners.every((corner) => room(corner) >= 0)) return;
    const kept: Line[] = [];
    let last = this.#corners.at(-1);
    for (const corner of this.#corners) {
      const [from, to] = [last ? room(last) : NaN, room(corner)];
      if (last && from >= 0 !== to >= 0) {
        const share = from / (from - to);
        kept.push({
          a: last.a + share * (corner.a - last.a),
          b: last.b + share * (corner.b - last.b),
        });
      }
      if (to >= 0) kept.push(corner);
      last = corner;
    }
    this.#corners = kept;
  }
}

const extremes = (values: readonly number[]): readonly [number, number] =>
  values.length > 0 ? [leastOf(values), mostOf(values)] : [NaN, NaN];
