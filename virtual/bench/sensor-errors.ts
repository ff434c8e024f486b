// What a sensor's real line was drawn to be, given what its rig states. In: the stated sensor, a seed, how the bench
// draws. Out: relative gain and offset errors. Holds: by default each is a normal deviate of its standard uncertainty.

import { random } from "../../stats/random.ts";
import type { Sensor } from "../../schema/rig.ts";

/** How the real errors come about that a rig states as standard uncertainties, and what it does not state. */
export interface SensorErrors {
  /** `rectangular`: anywhere within ±√3 u, as where a maker states limits. */
  readonly spread: "normal" | "rectangular";
  /** One draw for all gains, each of its own size: as behind one reference. */
  readonly commonGain: boolean;
  /** Gain of the current sensors at the session's end less that at its start, relative. */
  readonly gainDrift: number;
  /** 1/f noise of one field, rms in its unit. */
  readonly flicker: { readonly field: string; readonly rms: number } | null;
}

export const STATED_ERRORS: SensorErrors = {
  spread: "normal",
  commonGain: false,
  gainDrift: 0,
  flicker: null,
};

export function drawErrors(
  { field, gainU, offsetU }: Sensor,
  seed: number,
  { spread, commonGain }: SensorErrors,
): { gainError: number; offsetError: number } {
  const own = random(seed, `sensor ${field}`);
  const deviate =
    spread === "normal" ? () => own.normal() : () => Math.sqrt(3) * (2 * own.uniform() - 1);
  const [gain, offset] = [deviate(), deviate()];
  const shared = random(seed, "common gain");
  return {
    gainError: gainU * (commonGain ? shared.normal() : gain),
    offsetError: offsetU * offset,
  };
}
