// The virtual card's power as a function of host time, for the simulated driver that runs in workers of
// its own: the same seed there and in the virtual DAQ is the same card.

import type { Rig } from "../../schema/rig.ts";
import { VirtualBench } from "./bench.ts";

export interface SimPowerArgs {
  readonly rig: Rig;
  readonly seed: number;
  readonly durationS: number;
  /** CLOCK_MONOTONIC at the bench's time 0, ns. */
  readonly epochNs: number;
}

/** Named by the simulated provider's `powerModule`. */
export function power(args: unknown): (tNs: number) => number {
  const { rig, seed, durationS, epochNs } = args as SimPowerArgs;
  const bench = new VirtualBench(rig, { seed, durationS });
  return (tNs) => bench.powerW(Math.max(0, tNs - epochNs));
}
