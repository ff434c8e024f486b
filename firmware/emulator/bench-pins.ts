// The virtual bench (virtual/bench) as the emulated board's pins see it: each rail's sensors on the inputs
// that the rig names, an INA226 beside them as the slow accurate reference, the trigger line. Truth stays
// in closed form in the bench; here it is only sampled, each input at its own instants.

import { valueAt } from "../../stats/places.ts";
import { InputError } from "../../schema/errors.ts";
import type { VirtualBench } from "../../virtual/bench/bench.ts";
import { Lag } from "../../virtual/bench/lag.ts";
import type { PowerTrace } from "../../virtual/bench/power.ts";
import type { VirtualSensor } from "../../virtual/bench/sensor.ts";
import { railV, railW, SUPPLIES, type Supply } from "../../virtual/bench/supply.ts";
import { SHUNT_COUNT_V } from "../../schema/wire/ina226.ts";
import type { Rig } from "../../schema/rig.ts";
import type { Pins, SensorPins } from "./pins.ts";

export interface BenchPinsOptions {
  /** Board time at the bench's zero, ns since power-up. */
  readonly zeroNs: number;
  /** The fast current channels' error before the reference corrects it: true · gain + offset. */
  readonly currentError?: { readonly gain: number; readonly offsetA: number };
  readonly references: readonly Reference[];
}

/** An INA226 with a shunt of its own in a rail. */
export interface Reference {
  readonly rail: string;
  readonly address: number;
  readonly shuntOhm: number;
}

/** The chips that a rig declares. */
export function referencesOf(rig: Rig): Reference[] {
  return rig.rails.flatMap(({ name, reference }) =>
    reference?.current
      ? [
          {
            rail: name,
            address: reference.address,
            shuntOhm: SHUNT_COUNT_V / Math.abs(reference.current.perCount),
          },
        ]
      : [],
  );
}

/** Inputs are computed this many samples at a time. */
const TILE = 256;

/** @throws InputError when the rig names an input or a rail that is not there. */
export function benchPins(bench: VirtualBench, o: BenchPinsOptions): Pins {
  const inputs = new Map<number, Input>();
  for (const sensor of bench.sensors) {
    const { field, quantity } = sensor.truth;
    const input = ["adc0", "adc1", "adc2", "adc3"].indexOf(field);
    if (input < 0)
      throw new InputError(`rig ${bench.rig.name}: channel "${field}" is none of adc0 to adc3`);
    const error = quantity === "current" ? o.currentError : undefined;
    inputs.set(input, new Input(bench, sensor, o.zeroNs, skewOf(bench, sensor, error)));
  }
  return {
    adc: (input, tNs) => inputs.get(input)?.at(tNs) ?? 0,
    edgesNs: bench.trigger.edgesNs.map((t) => t + o.zeroNs),
    sensors: o.references.map((r) => reference(bench, r, o.zeroNs)),
  };
}

/** An added error of the line, in counts: count → zero + (count − zero) · gain + offset. */
type Skew = (count: number) => number;

function skewOf(
  bench: VirtualBench,
  { truth }: VirtualSensor,
  error: BenchPinsOptions["currentError"],
): Skew | null {
  const sensor = bench.rig.rails.find((r) => r.name === truth.rail)?.current;
  if (!error || !sensor) return null;
  const { zeroCount, perCount } = sensor;
  const offset = error.offsetA / perCount;
  return (c) =>
    Math.max(0, Math.min(4095, Math.round(zeroCount + (c - zeroCount) * error.gain + offset)));
}

/** One converter input: counts at instants a constant step apart, computed by the tile. */
class Input {
  readonly #sensor: VirtualSensor;
  readonly #power: PowerTrace | Lag;
  readonly #zeroNs: number;
  readonly #skew: Skew | null;
  readonly #watts = new Float64Array(TILE);
  readonly #counts = new Uint16Array(TILE);
  #from = NaN;
  #step = 0;
  #next = 0;
  #valid = 0;
  #sampled = 0;

  constructor(bench: VirtualBench, sensor: VirtualSensor, zeroNs: number, skew: Skew | null) {
    this.#sensor = sensor;
    this.#zeroNs = zeroNs;
    this.#skew = skew;
    this.#power = sensor.tauNs > 0 ? new Lag(bench.trace, sensor.tauNs) : bench.trace;
  }

  at(tNs: number): number {
    const expected = this.#from + this.#next * this.#step;
    if (this.#next >= this.#valid || Math.abs(tNs - expected) > 1) this.#begin(tNs);
    return valueAt(this.#counts, this.#next++);
  }

  /** The step is what lies between the last sample and this one; the first of a run stands alone. */
  #begin(tNs: number): void {
    const step = this.#next > 0 ? tNs - (this.#from + (this.#next - 1) * this.#step) : 0;
    const known = step > 0 && step < 1e8;
    this.#from = tNs;
    this.#step = known ? step : 0;
    this.#next = 0;
    this.#valid = known ? TILE : 1;
    const watts = this.#watts.subarray(0, this.#valid);
    this.#power.fill(tNs - this.#zeroNs, this.#step || 1, watts);
    this.#sensor.fill(watts, this.#sampled, { words: this.#counts, at: 0, stride: 1 });
    this.#sampled += this.#valid;
    const skew = this.#skew;
    const counts = this.#counts.subarray(0, this.#valid);
    if (skew) for (const [k, count] of counts.entries()) counts[k] = skew(count);
  }
}

/** Points on which a conversion's mean is taken; its mean power is then set to the exact one. */
const POINTS = 64;

function reference(bench: VirtualBench, r: Reference, zeroNs: number): SensorPins {
  const supply = SUPPLIES.find((s) => s.name === r.rail);
  if (!supply) throw new InputError(`the virtual card has no rail "${r.rail}"`);
  return {
    address: r.address,
    slowness: 1.003,
    mean(fromNs, toNs) {
      const [from, to] = [fromNs - zeroNs, toNs - zeroNs];
      const { currentA, voltageV, powerW } = sampled(bench, supply, from, to);
      const exactW = bench.railEnergyJ(r.rail, from, to) / ((to - from) * 1e-9);
      return { shuntV: ((currentA * exactW) / powerW) * r.shuntOhm, busV: voltageV };
    },
  };
}

function sampled(
  bench: VirtualBench,
  s: Supply,
  from: number,
  to: number,
): { currentA: number; voltageV: number; powerW: number } {
  let [amperes, volts, watts] = [0, 0, 0];
  for (let k = 0; k < POINTS; k++) {
    const w = railW(s, bench.trace.at(from + ((k + 0.5) * (to - from)) / POINTS));
    const v = railV(s, w);
    watts += w;
    volts += v;
    amperes += w / v;
  }
  return { currentA: amperes / POINTS, voltageV: volts / POINTS, powerW: watts / POINTS };
}
