// What a whole run shows of its rails' rows that no single row does. The first pass watches them as they go by
// (stream-scanner.ts); the rows are then read by it as they are by the rig.

import type { Rig } from "../../schema/rig.ts";
import type { Calibrator, Measured } from "./calibrate.ts";
import { ColumnWatch } from "./column-watch.ts";
import { type ZeroRun, ZeroRuns } from "./zero-runs.ts";

export interface LearnedRail {
  /** Rows by index, [from, to), ascending: dropped samples, written as zeros. */
  readonly zeros: readonly ZeroRun[];
}

/** In the order of the rig's rails. */
export type Learned = readonly LearnedRail[];

/** A voltage this share of one that the rail holds is that of a rail that is on. */
const ON = 1 / 2;
/** Where no voltage is measured: fewer zeros in a row may be noise about a small load. */
const LEAST_ZEROS = 8;
/** A load that comes this near to zero, of what it holds, may rest there as its sensor sees it. */
const NEAR_ZERO = 1 / 200;

class RailWatch {
  readonly #hasVoltage: boolean;
  readonly #lead: ColumnWatch | undefined;
  readonly #zero: number;
  readonly #zeros: ZeroRuns;
  #rows = 0;

  /** @param sensors voltage first, where it is measured. */
  constructor(sensors: readonly Measured[]) {
    const [first] = sensors;
    this.#hasVoltage = first?.quantity === "voltage";
    this.#lead = first && new ColumnWatch(first.column);
    this.#zero = first?.zero ?? 0;
    this.#zeros = new ZeroRuns(sensors);
  }

  add(firstIndex: number, rows: number): void {
    const lead = this.#lead;
    if (!lead) return;
    lead.add(rows);
    this.#rows += rows;
    this.#zeros.add(firstIndex, rows, lead.low <= this.#zero && this.#zero <= lead.high);
  }

  learned(): LearnedRail {
    return { zeros: this.#zeros.runs.filter((run) => this.#isDropped(run)) };
  }

  /**
   * A rail that is on at once before and after was not off between: no supply falls to nothing and comes back from
   * one row to the next. Of a load alone that cannot be said; but one that rests at exactly zero shows it elsewhere
   * too: at the ends of the run, in most of its rows, or by values near zero.
   */
  #isDropped({ from, to, besideLeast }: ZeroRun): boolean {
    const { held = 0, least = 0 } = this.#lead ?? {};
    if (this.#hasVoltage) return held > 0 && besideLeast >= ON * held;
    const { startsAtZero, endsAtZero, rows } = this.#zeros;
    const rests = startsAtZero || endsAtZero || rows > this.#rows / 2 || least < NEAR_ZERO * held;
    return !rests && to - from >= LEAST_ZEROS && besideLeast > 0;
  }
}

export class RowWatch {
  readonly #rails: readonly RailWatch[];

  constructor(rig: Rig, values: Calibrator) {
    // A range that the rig states says what can be, zero as well.
    this.#rails = rig.rails.map((rail, r) => {
      const sensors = values.measured(r);
      const first = sensors[0]?.quantity;
      return new RailWatch(first && rail.plausible?.[first] ? [] : sensors);
    });
  }

  add(firstIndex: number, rows: number): void {
    for (const rail of this.#rails) rail.add(firstIndex, rows);
  }

  /** @returns undefined where every row is what it says. */
  learned(): Learned | undefined {
    const found = this.#rails.map((rail) => rail.learned());
    return found.some(({ zeros }) => zeros.length > 0) ? found : undefined;
  }
}
