// One rail's rows, slice by slice → what they show of each other. The first pass watches them as they go by.

import type { Quantity, Rail, Rig } from "../../schema/rig.ts";
import type { Calibrator } from "./calibrate.ts";
import { ColumnWatch, NEAR_ZERO } from "./column-watch.ts";
import type { LearnedRail, Measured, Oddity, PerQuantity, Range, Top, ZeroRun } from "./learned.ts";
import { ZeroRuns } from "./zero-runs.ts";

/** A voltage is that of a rail that is on from so many volts, and from this share of what it has elsewhere. */
const [ON_V, ON] = [0.5, 1 / 2];
/** A load rests at zero that is there in more of the rows than this; in short runs, of so many rows, in fewer. */
const [RESTING, SHORT_ROWS, SHORT_RESTING] = [1 / 2, 8, 1 / 5];
interface Alone {
  readonly times: number;
  readonly from: number;
  readonly share: number;
}

/**
 * A value that stands alone cannot be beyond so many times what is held, nor, held or not, below so much: a supply is
 * regulated, if it is on at all; a load may come in short bursts, but not of so many amperes or watts. In
 * a larger share of the cells it does not stand alone.
 */
const ALONE: Readonly<Record<Quantity, Alone>> = {
  voltage: { times: 2, from: 2, share: 0.5 },
  current: { times: 20, from: 100, share: 0.05 },
  power: { times: 20, from: 5000, share: 0.05 },
};
/** What so few cells have is no habit: of the load, or of a supply that alternates. */
const FEW_CELLS = 2;
/** A run of fewer cells shows no habits. */
const LEAST_CELLS = 4;
/** Values below zero for a while, of so large a share of what is held above, in no more than so much of the run. */
const [BELOW_OF_HELD, BELOW_SHARE] = [0.05, 0.5];
/** A reading of so many steps, or of so many standard uncertainties of the zero, is none. */
const NOTHING = 2;

class SensorWatch extends ColumnWatch {
  readonly quantity: Quantity;
  readonly zero: number;
  readonly #sensor: Measured;

  constructor(sensor: Measured, { kernels }: Calibrator, rowHz: number) {
    super(sensor.column, kernels, { isLoad: sensor.quantity !== "voltage", rowHz });
    this.quantity = sensor.quantity;
    this.zero = sensor.zero;
    this.#sensor = sensor;
  }

  /** Where its rows end, though nobody says so. */
  get cut(): Top | undefined {
    const found = this.top?.found;
    return found && found.value < this.#sensor.end ? found : undefined;
  }

  /**
   * A range that some rows are outside of; undefined where none are, or too many.
   * @param mayFlowBack the rig says what its watts may be.
   */
  range(mayFlowBack: boolean): Range | undefined {
    const { times, from } = ALONE[this.quantity];
    const most = Math.max(from, times * this.held);
    const isAbove = this.#isSeldomAbove(most);
    const least = mayFlowBack ? undefined : this.#least();
    if (least === undefined) return isAbove ? [-most, most] : undefined;
    return [least, isAbove ? most : Infinity];
  }

  /**
   * Below this its values are of a sensor that was the wrong way round for a while; undefined where none are. One
   * that is so for most of the run makes a mean power below zero, and that is told of the rail.
   */
  #least(): number | undefined {
    const { cells, deepest } = this.below;
    const least = -Math.max(BELOW_OF_HELD * this.heldHigh, NOTHING * this.#sensor.offsetU);
    const isForAWhile = this.heldHigh > 0 && cells <= BELOW_SHARE * this.cells;
    return deepest < least && isForAWhile ? least : undefined;
  }

  /** The greatest magnitude of a load that stands alone, though it may have been. */
  get alone(): number | undefined {
    const { times, from } = ALONE[this.quantity];
    const isAlone = this.peak < from && this.#isSeldomAbove(times * this.held);
    return this.isLoad && isAlone ? this.peak : undefined;
  }

  /** It stands in one row: no instrument that follows its load shows that. */
  get isSpike(): boolean {
    return this.peakOverBeside > SPIKE;
  }

  get isLoad(): boolean {
    return this.top !== undefined;
  }

  /** What all rows say, where it is one and the same; and whether that is nothing. */
  get constant(): { readonly value: number; readonly isNothing: boolean } | undefined {
    if (this.cells < LEAST_CELLS || this.lowest !== this.highest) return undefined;
    const { step, offsetU } = this.#sensor;
    const isNothing = this.peak <= NOTHING * Math.max(step, offsetU) || this.lowest === this.zero;
    return { value: this.lowest, isNothing };
  }

  #isSeldomAbove(magnitude: number): boolean {
    const cells = this.held > 0 && this.cells >= LEAST_CELLS ? this.above(magnitude) : 0;
    return cells > 0 && cells <= Math.max(FEW_CELLS, ALONE[this.quantity].share * this.cells);
  }
}

/** The largest step up and down again from one row to the next that captures of MLPerf Tiny show is of 2.2 times. */
const SPIKE = 10;

export class RailWatch {
  readonly #rail: Rail;
  readonly #sensors: readonly SensorWatch[];
  /** Of its first sensor. */
  readonly #zeros: ZeroRuns | undefined;

  constructor(rig: Rig, r: number, values: Calibrator) {
    const rail = rig.rails[r]!;
    // Voltage first, where it is measured.
    const sensors = values.measured(r);
    this.#rail = rail;
    this.#sensors = sensors.map((s) => new SensorWatch(s, values, rig.device.rowHz));
    const [lead] = sensors;
    this.#zeros = lead && new ZeroRuns(lead);
  }

  add(firstIndex: number, rows: number): void {
    for (const sensor of this.#sensors) sensor.add(rows);
    const [lead] = this.#sensors;
    if (lead) this.#zeros?.add(firstIndex, rows, lead.low <= lead.zero && lead.zero <= lead.high);
  }

  learned(): LearnedRail {
    return {
      zeros: this.#zeros ? this.#dropped(this.#zeros) : [],
      ranges: bySensor(this.#sensors, (s) => s.range(this.#rail.plausible?.power !== undefined)),
      tops: bySensor(this.#sensors, (s) => s.cut),
    };
  }

  /** Some load on it is not always the same. */
  get moves(): boolean {
    return this.#sensors.some((s) => s.isLoad && s.cells >= LEAST_CELLS && !s.constant);
  }

  /** @param othersMove rails of the same rig. */
  oddities(othersMove: boolean): Oddity[] {
    const { name } = this.#rail;
    return this.#sensors.flatMap((s): Oddity[] => {
      const { quantity, constant, alone, held, isLoad } = s;
      if (alone !== undefined)
        return [{ kind: s.isSpike ? "spike" : "alone", rail: name, quantity, value: alone, held }];
      if (!constant || !isLoad || !othersMove) return [];
      const kind = constant.isNothing ? "silent" : "stuck";
      return [{ kind, rail: name, quantity, value: constant.value, held }];
    });
  }

  /**
   * A rail that is on at once before and after was not off between: no supply falls to nothing and comes back from
   * one row to the next. Of a load alone that cannot be said; but one that rests at exactly zero shows it elsewhere
   * too: at the ends of the run, in many of its rows, or by values near zero.
   */
  #dropped(zeros: ZeroRuns): ZeroRun[] {
    const [lead] = this.#sensors;
    // What the rig states to be plausible, zero as well, is.
    if (!lead || this.#rail.plausible?.[lead.quantity]) return [];
    const { held, least, rows } = lead;
    if (!lead.isLoad) {
      const on = Math.max(ON_V, ON * Math.max(held, zeros.beside));
      return zeros.runs.filter((run) => run.besideLeast >= on);
    }
    const isNearZero = least < NEAR_ZERO * held || lead.top?.beside.isNear(least) === true;
    if (zeros.startsAtZero || zeros.endsAtZero || isNearZero) return [];
    const share = zeros.rows / rows;
    const shortest = share > RESTING ? Infinity : share > SHORT_RESTING ? SHORT_ROWS : 1;
    return zeros.runs.filter(({ from, to }) => to - from >= shortest);
  }
}

/** Of each sensor that has it. */
function bySensor<T>(
  sensors: readonly SensorWatch[],
  of: (s: SensorWatch) => T | undefined,
): PerQuantity<T> {
  const found: Partial<Record<Quantity, T>> = {};
  for (const s of sensors) {
    const one = of(s);
    if (one !== undefined) found[s.quantity] = one;
  }
  return found;
}
