// What a run's load does where it is seen: its spread, and how far a straight line from one row to a later one is from
// the mean power between them. In: the outline of the trace. Out: watts. Holds: computed when first asked for, in time
// linear in the outline's cells.

import { endsOf, valueAt } from "../stats/places.ts";
import { deviationOf, meanOf } from "../stats/summary.ts";

export interface Load {
  /** Mean and standard deviation of the power in time, W. */
  readonly meanW: number;
  readonly sdW: number;
  /** Root mean square of (mean power in a stretch − mean of the powers at its ends), W. @param lengthS of stretches. */
  bridgeErrorW(lengthS: number): number;
}

/** A trace as means of cells: their middles in device time, their powers, and how far apart two neighbours are. */
export interface Cells {
  readonly t: Float64Array;
  readonly powerW: Float64Array;
  readonly step: number;
  readonly stepS: number;
}

/** So many stretches show what a mean square is. */
const STRETCHES = 4096;

export class OutlinedLoad implements Load {
  readonly #given: Cells;
  #finite: Cells | undefined;
  #mean: number | undefined;
  #sd: number | undefined;
  #sums: Float64Array | undefined;
  /** By the stretch's length in cells, a power of two. */
  readonly #errors = new Map<number, number>();

  constructor(cells: Cells) {
    this.#given = cells;
  }

  /** Cells with a row that is no number are left out: their time is a gap. */
  get #cells(): Cells {
    return (this.#finite ??= finiteCells(this.#given));
  }

  get meanW(): number {
    return (this.#mean ??= this.#cells.powerW.length > 0 ? meanOf(this.#cells.powerW) : 0);
  }

  get sdW(): number {
    return (this.#sd ??= this.#cells.powerW.length > 1 ? deviationOf(this.#cells.powerW) : 0);
  }

  /** Of stretches longer than any that was seen whole: the spread of the power. */
  bridgeErrorW(lengthS: number): number {
    const cells = 2 ** Math.max(0, Math.round(Math.log2(lengthS / this.#cells.stepS)));
    let known = this.#errors.get(cells);
    if (known === undefined) {
      known = this.#over(cells) ?? this.sdW;
      this.#errors.set(cells, known);
    }
    return known;
  }

  /**
   * Stretches begin anywhere in time, in gaps too: where a load is high and rows are lost for that, those that are left
   * stand for the rest.
   */
  #over(cells: number): number | undefined {
    const { t, powerW, step } = this.#cells;
    const sums = (this.#sums ??= runningSums(powerW));
    if (t.length < 3) return undefined;
    const [first, last] = endsOf(t);
    const length = cells * step;
    const stride = Math.max(step, (last - first - length) / STRETCHES);
    let [from, to, squares, count] = [0, 0, 0, 0];
    // From between two cells: rounding decides nothing.
    for (let at = first + step / 2; at + length < last; at += stride) {
      while (valueAt(t, from) < at) from++;
      while (valueAt(t, to) < at + length) to++;
      if (to === from) continue;
      const mean = (valueAt(sums, to) - valueAt(sums, from)) / (to - from);
      squares += (mean - (valueAt(powerW, from - 1) + valueAt(powerW, to)) / 2) ** 2;
      count++;
    }
    return count > 0 ? Math.sqrt(squares / count) : undefined;
  }
}

function finiteCells(cells: Cells): Cells {
  const { t, powerW } = cells;
  if (powerW.every(Number.isFinite)) return cells;
  const isNumber = (_: number, i: number): boolean => Number.isFinite(powerW[i]);
  return { ...cells, t: t.filter(isNumber), powerW: powerW.filter(Number.isFinite) };
}

/** `sums[i]` is that of the first i. */
function runningSums(values: Float64Array): Float64Array {
  const sums = new Float64Array(values.length + 1);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sums[i + 1] = sum += valueAt(values, i);
  return sums;
}
