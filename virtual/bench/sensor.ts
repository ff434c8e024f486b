// True rail power → ADC counts of one sensor. In: the rig's stated sensor and a seed; lagged board
// watts. Out: counts in one word of each row. Holds: the sensor's real gain and offset differ from the
// stated ones by a deviate of the stated standard uncertainty (sensor-errors.ts), so the rig's interval is honest.

import { hashName } from "../../stats/random.ts";
import type { Sensor } from "../../schema/rig.ts";
import type { NoiseTable } from "./noise.ts";
import { drawErrors, type SensorErrors } from "./sensor-errors.ts";
import { railV, railW, type Supply } from "./supply.ts";

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

/** A word of each row: row k's stands at `words[at + k·stride]`. */
export interface WordColumn {
  readonly words: Uint16Array;
  readonly at: number;
  readonly stride: number;
}

export interface VirtualSensor {
  readonly truth: SensorTruth;
  /** ns; 0 where the rig states no bandwidth. */
  readonly tauNs: number;
  /**
   * Counts of consecutive rows.
   * @param boardW lagged board power of each row, W. @param row index of the first, for its noise.
   */
  fill(boardW: Float64Array, row: number, into: WordColumn): void;
}

/** A sensor of the rig, and the supply whose rail it looks at. */
export interface Line {
  readonly rail: string;
  readonly quantity: Quantity;
  readonly sensor: Sensor;
  readonly supply: Supply;
}

export const ADC_BITS = 12;

/** Converter noise, counts rms: enough to dither the quantisation, as a 12-bit converter has. */
const NOISE_COUNTS: Readonly<Record<Quantity, number>> = { voltage: 1.1, current: 2.2, power: 1.5 };

/** The device that a sensor is part of: its seed and noise, how its errors are drawn, the rows of the session. */
export interface SensorSide {
  readonly seed: number;
  readonly noise: NoiseTable;
  readonly errors: SensorErrors;
  readonly rows: number;
}

export function virtualSensor(line: Line, side: SensorSide): VirtualSensor {
  const { rail, quantity, sensor } = line;
  const { field, perCount, zeroCount, bandwidthHz } = sensor;
  const { seed, noise, errors, rows } = side;
  const { gainError, offsetError } = drawErrors(sensor, seed, errors);
  const noiseCounts = NOISE_COUNTS[quantity];
  const scale = (1 + gainError) / perCount;
  const driftARow = quantity === "current" ? (errors.gainDrift * scale) / rows : 0;
  const flickerCounts = errors.flicker?.field === field ? errors.flicker.rms / perCount : 0;
  // Half a count, because the conversion below truncates.
  const zero = zeroCount + offsetError / perCount + 0.5;
  const top = sensor.clip?.[1] ?? 2 ** ADC_BITS - 1;
  const key = hashName(seed, field);
  return {
    truth: { rail, quantity, field, gainError, offsetError, noiseCounts },
    tauNs: bandwidthHz === undefined ? 0 : 1e9 / (2 * Math.PI * bandwidthHz),
    fill: (boardW, row, { words, at, stride }) => {
      for (let k = 0; k < boardW.length; k++) {
        const seen = seenBy(line, boardW[k]!);
        let count =
          seen * (scale + driftARow * (row + k)) + zero + noiseCounts * noise.at((row + k) ^ key);
        if (flickerCounts > 0) count += flickerCounts * noise.flicker(row + k, key);
        words[at + k * stride] = count <= 0 ? 0 : count >= top ? top : count;
      }
    },
  };
}

/** Board watts → what the sensor sees of its rail. */
function seenBy({ quantity, supply }: Line, boardW: number): number {
  const w = railW(supply, boardW);
  if (quantity === "power") return w;
  const v = railV(supply, w);
  return quantity === "voltage" ? v : w / v;
}
