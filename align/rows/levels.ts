// Slices as they are calibrated → what each rail's sensor of its load (amperes, or watts) read over a run: mean and
// spread of some rows of every slice. Enough to see which one rests; Joules never come from here.

import { loadSensor, type Rig } from "../../schema/rig.ts";
import type { Calibrator } from "./calibrate.ts";

/** Rows of a slice that are looked at, about. */
const ROWS = 64;

/** In the sensor's unit; NaN where no row was looked at. */
export interface Level {
  readonly rows: number;
  readonly mean: number;
  /** Standard deviation of a row. */
  readonly sd: number;
}

/** Sums of what differs from the first value: small where a sensor rests, however far from zero. */
interface Sums {
  rows: number;
  first: number;
  sum: number;
  squares: number;
}

export class LevelWatch {
  readonly #rig: Rig;
  readonly #sums: readonly Sums[];

  constructor(rig: Rig) {
    this.#rig = rig;
    this.#sums = rig.rails.map(() => ({ rows: 0, first: NaN, sum: 0, squares: 0 }));
  }

  add({ rails }: Calibrator, rows: number): void {
    const step = Math.max(1, Math.floor(rows / ROWS));
    rails.forEach(({ currentA, powerW }, r) => {
      const column = this.#rig.rails[r]!.power ? powerW : currentA;
      if (!column) return;
      const s = this.#sums[r]!;
      for (let i = 0; i < rows; i += step) {
        const x = column[i]!;
        if (Number.isNaN(x)) continue;
        if (s.rows++ === 0) s.first = x;
        s.sum += x - s.first;
        s.squares += (x - s.first) ** 2;
      }
    });
  }

  /** In the order of the rig's rails; undefined where nothing measures the load. */
  get levels(): (Level | undefined)[] {
    return this.#sums.map(({ rows, first, sum, squares }, r) => {
      const rail = this.#rig.rails[r]!;
      if (!loadSensor(rail)) return undefined;
      const variance = Math.max(0, squares - sum ** 2 / rows) / (rows - 1);
      return { rows, mean: first + sum / rows, sd: Math.sqrt(variance) };
    });
  }
}
