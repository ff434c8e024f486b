// One rail's rows, slice by slice → what they show of each other. The first pass watches them as they go by.

import type { Quantity, Rail, Rig } from "../../schema/rig.ts";
import type { Calibrator } from "./calibrate.ts";
import { CELL_ROWS, ColumnWatch, NEAR_ZERO } from "./column-watch.ts";
import type { LearnedRail, Measured, Oddity, PerQuantity, Range, Top, ZeroRun } from "./learned.ts";
import { NegativeRuns } from "./negative-runs.ts";
import { ZeroRuns } from "./zero-runs.ts";

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
/** Watts that flow back for so long, of so large a share of what is held, and in no more than so much of the run. */
const [BACK_S, BACK_OF_HELD, BACK_SHARE] = [0.05, 0.05, 0.5];
const LEAST_BACK_CELLS = 2;
/** A reading of so many steps, or of so many standard uncertainties of the zero, is none. */
const NOTHING = 2;

class SensorWatch extends ColumnWatch {
  readonly quantity: Quantity;
  readonly zero: number;
  readonly #sensor: Measured;

  constructor(sensor: Measured, { kernels }: Calibrator) {
    super(sensor.column, kernels);
    this.quantity = sensor.quantity;
    this.zero = sensor.zero;
    this.#sensor = sensor;
  }

  /** Where its rows end, though nobody says so. */
  get cut(): Top | undefined {
    const { found } = this.top;
    // The less a supply has to give the steadier it is: a voltage may well rest where it is highest.
    return found && found.value < this.#sensor.end && this.isLoad ? found : undefined;
  }

  /** A range that some rows are outside of; undefined where none are, or too many. */
  get range(): Range | undefined {
    const { times, from } = ALONE[this.quantity];
    const most = Math.max(from, times * this.held);
    return this.#isSeldomAbove(most) ? [-most, most] : undefined;
  }

  /** The greatest magnitude of a load that stands alone, though it may have been. */
  get alone(): number | undefined {
    const { times, from } = ALONE[this.quantity];
    const isAlone = this.peak < from && this.#isSeldomAbove(times * this.held);
    return this.isLoad && isAlone ? this.peak : undefined;
  }

  get isLoad(): boolean {
    return this.quantity !== "voltage";
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
    return cells > 0 && cells <= Math.max(FEW_CELLS, FEW_SHARE * this.cells);
  }
}

export class RailWatch {
  readonly #rail: Rail;
  readonly #sensors: readonly SensorWatch[];
  readonly #power: ColumnWatch;
  readonly #back: NegativeRuns;
  readonly #zeros: ZeroRuns;

  constructor(rig: Rig, r: number, values: Calibrator) {
    const [rail, columns] = [rig.rails[r]!, values.rails[r]!];
    // Voltage first, where it is measured.
    const sensors = values.measured(r);
    this.#rail = rail;
    this.#sensors = sensors.map((s) => new SensorWatch(s, values));
    this.#zeros = new ZeroRuns(sensors);
    this.#back = new NegativeRuns(
      Math.max(LEAST_BACK_CELLS, Math.ceil((BACK_S * rig.device.rowHz) / CELL_ROWS)),
    );
    this.#power =
      this.#sensors.find((s) => s.quantity === "power") ??
      new ColumnWatch(columns.powerW, values.kernels);
    this.#power.onCell = (_, high) => this.#back.take(high);
  }

  add(firstIndex: number, rows: number): void {
    for (const sensor of this.#sensors) sensor.add(rows);
    if (!this.#rail.power) this.#power.add(rows);
    const [lead] = this.#sensors;
    if (lead) this.#zeros.add(firstIndex, rows, lead.low <= lead.zero && lead.zero <= lead.high);
  }

  learned(): LearnedRail {
    const leastW = this.#leastW();
    const { power } = { power: undefined, ...bySensor(this.#sensors, (s) => s.range) };
    const ofPower =
      leastW === undefined ? {} : { power: [leastW, power?.[1] ?? Infinity] as const };
    return {
      zeros: this.#zeros.runs.filter((run) => this.#isDropped(run)),
      ranges: { ...bySensor(this.#sensors, (s) => s.range), ...ofPower },
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
      if (alone !== undefined) return [{ kind: "alone", rail: name, quantity, value: alone, held }];
      if (!constant || !isLoad || !othersMove) return [];
      const kind = constant.isNothing ? "silent" : "stuck";
      return [{ kind, rail: name, quantity, value: constant.value, held }];
    });
  }

  /**
   * A rail that is on at once before and after was not off between: no supply falls to nothing and comes back from
   * one row to the next. Of a load alone that cannot be said; but one that rests at exactly zero shows it elsewhere
   * too: at the ends of the run, in most of its rows, or by values near zero.
   */
  #isDropped({ from, to, besideLeast }: ZeroRun): boolean {
    const [lead] = this.#sensors;
    // What the rig states to be plausible, zero as well, is.
    if (!lead || this.#rail.plausible?.[lead.quantity]) return false;
    const { quantity, held, least } = lead;
    if (quantity === "voltage") return held > 0 && besideLeast >= ON * held;
    const { startsAtZero, endsAtZero, rows } = this.#zeros;
    const rests = startsAtZero || endsAtZero || rows > lead.rows / 2 || least < NEAR_ZERO * held;
    return !rests && to - from >= LEAST_ZEROS && besideLeast > 0;
  }

  /**
   * Below this a rail's watts are of a sensor that was the wrong way round for a while; undefined where none are. One
   * that is so for most of the run has a mean below zero, and that is told of the rail.
   */
  #leastW(): number | undefined {
    const { cells, deepest } = this.#back;
    const { heldHigh, cells: all } = this.#power;
    const leastW = -Math.max(BACK_OF_HELD * heldHigh, NOTHING * this.#offsetW());
    return deepest < leastW && heldHigh > 0 && cells <= BACK_SHARE * all ? leastW : undefined;
  }

  /** What the zeros of its sensors may be off by, W. */
  #offsetW(): number {
    const { power, voltage, current, assumedVoltage } = this.#rail;
    if (power) return power.offsetU;
    const held = (quantity: Quantity): number =>
      this.#sensors.find((s) => s.quantity === quantity)?.held ?? 0;
    const volts = held("voltage") || (assumedVoltage?.valueV ?? 0);
    return volts * (current?.offsetU ?? 0) + held("current") * (voltage?.offsetU ?? 0);
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
