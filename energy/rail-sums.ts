// The rows of one rail → the means of its power, current and voltage in each step of phase.

import type { RailColumns } from "../align/rows/calibrate.ts";
import type { AlignedRun } from "../align/timeline.ts";
import type { Rail } from "../schema/rig.ts";
import { valueAt } from "../stats/places.ts";

/** Rows [from, to) of one rail. */
export interface RailRows extends Pick<AlignedRun, "tNs" | "from" | "to"> {
  readonly rail: RailColumns;
}

export interface RailStep {
  /** Rows in it; of none the means are NaN. */
  readonly n: number;
  readonly powerW: number;
  readonly squareW2: number;
  readonly currentA: number;
  readonly voltageV: number;
}

/** P, I and V of one rail, summed by step of phase. */
export class RailSums {
  readonly rail: Rail;
  /** Added to a row's time: when the rail's current was sampled and how late its sensor follows. */
  readonly shiftNs: number;
  readonly #stepNs: number;
  readonly #n: Float64Array;
  readonly #p: Float64Array;
  readonly #p2: Float64Array;
  readonly #i: Float64Array;
  readonly #v: Float64Array;

  constructor(rail: Rail, shiftNs: number, steps: { readonly ns: number; readonly count: number }) {
    this.rail = rail;
    this.shiftNs = shiftNs;
    this.#stepNs = steps.ns;
    const column = (): Float64Array => new Float64Array(steps.count);
    this.#n = column();
    this.#p = column();
    this.#p2 = column();
    this.#i = column();
    this.#v = column();
  }

  /** The rail's rows between two times. @param originNs where the first step begins. */
  add(rows: RailRows, originNs: number): void {
    const { tNs, from, to } = rows;
    const { powerW, currentA, voltageV } = rows.rail;
    const [n, p, p2, amperes, volts] = [this.#n, this.#p, this.#p2, this.#i, this.#v];
    for (let i = from; i < to; i++) {
      const step = Math.floor((tNs[i]! + this.shiftNs - originNs) / this.#stepNs);
      if (step < 0 || step >= n.length) continue;
      const w = powerW[i]!;
      n[step]!++;
      p[step]! += w;
      p2[step]! += w * w;
      if (currentA) amperes[step]! += currentA[i]!;
      if (voltageV) volts[step]! += voltageV[i]!;
    }
  }

  /** Of each step; NaN where no row fell into it. */
  meanPowerW(): Float64Array {
    return this.#p.map((sum, step) => sum / valueAt(this.#n, step));
  }

  /** @throws RangeError where there is no such step. */
  at(step: number): RailStep {
    const n = valueAt(this.#n, step);
    return {
      n,
      powerW: valueAt(this.#p, step) / n,
      squareW2: valueAt(this.#p2, step) / n,
      currentA: valueAt(this.#i, step) / n,
      voltageV: valueAt(this.#v, step) / n,
    };
  }
}
