// Rows of all rails, slice by slice, in the first pass → what is learned of them (learned.ts).

import type { Rig } from "../../schema/rig.ts";
import type { Calibrator } from "./calibrate.ts";
import type { Learned, LearnedRail, Oddity } from "./learned.ts";
import { RailWatch } from "./rail-watch.ts";

export class RowWatch {
  readonly #rails: readonly RailWatch[];

  constructor(rig: Rig, values: Calibrator) {
    this.#rails = rig.rails.map((_, r) => new RailWatch(rig, r, values));
  }

  add(firstIndex: number, rows: number): void {
    for (const rail of this.#rails) rail.add(firstIndex, rows);
  }

  /** @returns undefined where every row is what it says. */
  learned(): Learned | undefined {
    const found = this.#rails.map((rail) => rail.learned());
    const isAny = ({ zeros, ranges, tops }: LearnedRail): boolean =>
      zeros.length > 0 || Object.keys({ ...ranges, ...tops }).length > 0;
    return found.some(isAny) ? found : undefined;
  }

  oddities(): Oddity[] {
    return this.#rails.flatMap((rail) =>
      rail.oddities(this.#rails.some((other) => other !== rail && other.moves)),
    );
  }
}
