// What a whole run shows of its rails' rows that no single row does. The first pass watches them as they go by
// (stream-scanner.ts); the rows are then read by it as they are by the rig.

import type { Quantity, Rail, Rig } from "../../schema/rig.ts";
import type { Calibrator, Measured } from "./calibrate.ts";
import { ColumnWatch, NEAR_ZERO } from "./column-watch.ts";
import type { Kernels } from "./kernels.ts";
import { type ZeroRun, ZeroRuns } from "./zero-runs.ts";

export interface LearnedRail {
  /** Rows by index, [from, to), ascending: dropped samples, written as zeros. */
  readonly zeros: readonly ZeroRun[];
  /** Magnitudes beyond these stand alone and can be nothing that the rail carried: V, A, W. */
  readonly most: Readonly<Partial<Record<Quantity, number>>>;
  /** Values at which so many rows stand, the greatest of their sensor: its range ends there. */
  readonly tops: Readonly<Partial<Record<Quantity, Top>>>;
}

export interface Top {
  /** A, W */
  readonly value: number;
  readonly rows: number;
}

/** In the order of the rig's rails. */
export type Learned = readonly LearnedRail[];

/** A voltage this share of one that the rail holds is that of a rail that is on. */
const ON = 1 / 2;
/** Where no voltage is measured: fewer zeros in a row may be noise about a small load. */
const LEAST_ZEROS = 8;
/**
 * A value that stands alone cannot be beyond so many times what is held, nor, held or not, below so much: a supply is
 * regulated, if it is on at all; a load may come in short bursts, but not of so many amperes or watts.
 */
const ALONE: Readonly<Record<Quantity, { readonly times: number; readonly from: number }>> = {
  voltage: { times: 2, from: 2 },
  current: { times: 20, from: 100 },
  power: { times: 20, from: 5000 },
};
/** What so few cells have is no habit of the load. */
const [FEW_CELLS, FEW_SHARE] = [2, 0.05];
/** A run of fewer cells shows no habits. */
const LEAST_CELLS = 4;

class SensorWatch extends ColumnWatch {
  readonly quantity: Quantity;
  readonly zero: number;
  readonly #end: number;

  constructor({ quantity, column, zero, end }: Measured, kernels: Kernels) {
    super(column, kernels);
    this.#end = end;
    this.quantity = quantity;
    this.zero = zero;
  }

  /** Where its rows end, though nobody says so. */
  get cut(): Top | undefined {
    const { found } = this.top;
    // The less a supply has to give the steadier it is: a voltage may well rest where it is highest.
    return found && found.value < this.#end && this.quantity !== "voltage" ? found : undefined;
  }

  /** Undefined where no row is beyond it, or too many are. */
  get most(): number | undefined {
    const { times, from } = ALONE[this.quantity];
    const most = Math.max(from, times * this.held);
    const beyond = this.held > 0 && this.cells >= LEAST_CELLS ? this.above(most) : 0;
    return beyond > 0 && beyond <= Math.max(FEW_CELLS, FEW_SHARE * this.cells) ? most : undefined;
  }
}

/** Of each sensor that has it. */
function bySensor<T>(
  sensors: readonly SensorWatch[],
  of: (s: SensorWatch) => T | undefined,
): Readonly<Partial<Record<Quantity, T>>> {
  const found: Partial<Record<Quantity, T>> = {};
  for (const s of sensors) {
    const one = of(s);
    if (one !== undefined) found[s.quantity] = one;
  }
  return found;
}

class RailWatch {
  readonly #sensors: readonly SensorWatch[];
  readonly #zeros: ZeroRuns;

  readonly #stated: Rail["plausible"];

  /** @param sensors voltage first, where it is measured. */
  constructor({ plausible }: Rail, sensors: readonly Measured[], kernels: Kernels) {
    this.#stated = plausible;
    this.#sensors = sensors.map((s) => new SensorWatch(s, kernels));
    this.#zeros = new ZeroRuns(sensors);
  }

  add(firstIndex: number, rows: number): void {
    for (const sensor of this.#sensors) sensor.add(rows);
    const [lead] = this.#sensors;
    if (lead) this.#zeros.add(firstIndex, rows, lead.low <= lead.zero && lead.zero <= lead.high);
  }

  learned(): LearnedRail {
    return {
      zeros: this.#zeros.runs.filter((run) => this.#isDropped(run)),
      most: bySensor(this.#sensors, (s) => s.most),
      tops: bySensor(this.#sensors, (s) => s.cut),
    };
  }

  /**
   * A rail that is on at once before and after was not off between: no supply falls to nothing and comes back from
   * one row to the next. Of a load alone that cannot be said; but one that rests at exactly zero shows it elsewhere
   * too: at the ends of the run, in most of its rows, or by values near zero.
   */
  #isDropped({ from, to, besideLeast }: ZeroRun): boolean {
    const [lead] = this.#sensors;
    // What the rig states to be plausible, zero as well, is.
    if (!lead || this.#stated?.[lead.quantity]) return false;
    const { quantity, held, least } = lead;
    if (quantity === "voltage") return held > 0 && besideLeast >= ON * held;
    const { startsAtZero, endsAtZero, rows } = this.#zeros;
    const rests = startsAtZero || endsAtZero || rows > lead.rows / 2 || least < NEAR_ZERO * held;
    return !rests && to - from >= LEAST_ZEROS && besideLeast > 0;
  }
}

export class RowWatch {
  readonly #rails: readonly RailWatch[];

  constructor(rig: Rig, values: Calibrator) {
    this.#rails = rig.rails.map(
      (rail, r) => new RailWatch(rail, values.measured(r), values.kernels),
    );
  }

  add(firstIndex: number, rows: number): void {
    for (const rail of this.#rails) rail.add(firstIndex, rows);
  }

  /** @returns undefined where every row is what it says. */
  learned(): Learned | undefined {
    const found = this.#rails.map((rail) => rail.learned());
    const isAny = ({ zeros, most, tops }: LearnedRail): boolean =>
      zeros.length > 0 || Object.keys({ ...most, ...tops }).length > 0;
    return found.some(isAny) ? found : undefined;
  }
}
