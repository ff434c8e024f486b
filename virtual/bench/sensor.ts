// True rail power → ADC counts of one sensor. In: the rig's stated sensor and a seed; lagged board
// watts. Out: counts in one word of each row. Holds: the sensor's real gain and offset differ from the
// stated ones by a normal deviate of the stated standard uncertainty, so the rig's interval is honest.

import { hash32, hashName, random } from "../../stats/random.ts";
import type { Rail, Sensor } from "../../schema/rig.ts";
import type { NoiseTable } from "./noise.ts";
import { railV, type Supply } from "./supply.ts";

/** What a sensor's real line was drawn to be. */
export interface SensorTruth {
  readonly rail: string;
  readonly quantity: Quantity;
  readonly field: string;
  /** Relative, and in the sensor's unit: measured = true · (1 + gainError) + offsetError. */
  readonly gainError: number;
  readonly offsetError: number;
  readonly noiseCounts: number;
}

export type Quantity = "voltage" | "current" | "power";

export interface VirtualSensor {
  readonly truth: SensorTruth;
  /** ns; 0 where the rig states no bandwidth. */
  readonly tauNs: number;
  /**
   * Counts of `n` consecutive rows into `words[at + k·stride]`.
   * @param boardW lagged board power of each row, W. @param row index of the first, for its noise.
   */
  fill(
    boardW: Float64Array,
    row: number,
    n: number,
    words: Uint16Array,
    at: number,
    stride: number,
  ): void;
}

/** Converter noise, counts rms: enough to dither the quantisation, as a 12-bit converter has. */
const NOISE_COUNTS: Readonly<Record<Quantity, number>> = { voltage: 1.1, current: 2.2, power: 1.5 };

/** @param top largest code of the converter. */
export function virtualSensor(
  rail: Rail,
  quantity: Quantity,
  sensor: Sensor,
  supply: Supply,
  top: number,
  seed: number,
  noise: NoiseTable,
): VirtualSensor {
  const r = random(seed, `sensor ${sensor.field}`);
  const gainError = sensor.gainU * r.normal();
  const offsetError = sensor.offsetU * r.normal();
  const noiseCounts = NOISE_COUNTS[quantity];
  const toCounts = {
    scale: (1 + gainError) / sensor.perCount,
    // Half a count, because the conversion below truncates.
    zero: sensor.zeroCount + offsetError / sensor.perCount + 0.5,
    noise: noiseCounts,
    top,
    key: hashName(seed, sensor.field),
    table: noise,
  };
  return {
    truth: { rail: rail.name, quantity, field: sensor.field, gainError, offsetError, noiseCounts },
    tauNs: sensor.bandwidthHz === undefined ? 0 : 1e9 / (2 * Math.PI * sensor.bandwidthHz),
    fill: (boardW, row, n, words, at, stride) => {
      for (let k = 0; k < n; k++) railValue[k] = supply.baseW + supply.share * boardW[k]!;
      sense(quantity, supply, railValue, n);
      convert(toCounts, railValue, row, n, words, at, stride);
    },
  };
}

/** Scratch of one tile: sensors are filled one after the other. */
const railValue = new Float64Array(1024);

/** Rail watts → what the sensor sees, in place. */
function sense(quantity: Quantity, s: Supply, w: Float64Array, n: number): void {
  if (quantity === "voltage") for (let k = 0; k < n; k++) w[k] = railV(s, w[k]!);
  else if (quantity === "current") for (let k = 0; k < n; k++) w[k] = w[k]! / railV(s, w[k]!);
}

interface Conversion {
  readonly scale: number;
  readonly zero: number;
  readonly noise: number;
  readonly top: number;
  readonly key: number;
  readonly table: NoiseTable;
}

function convert(
  c: Conversion,
  value: Float64Array,
  row: number,
  n: number,
  words: Uint16Array,
  at: number,
  stride: number,
): void {
  const { scale, zero, noise, top, key } = c;
  const { values, mask } = c.table;
  for (let k = 0; k < n; k++) {
    const deviate = values[hash32((row + k) ^ key) & mask]!;
    const count = value[k]! * scale + zero + noise * deviate;
    words[at + k * stride] = count <= 0 ? 0 : count >= top ? top : count;
  }
}
