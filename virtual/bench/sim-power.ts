// The virtual card's power as a function of host time, for the simulated driver that runs in workers of its own.

import type { Rig } from "../../schema/rig.ts";
import { VirtualCard } from "./card.ts";
import { type Pieces, PowerTrace } from "./power.ts";

export interface SimPowerArgs {
  readonly rig: Rig;
  readonly pieces: Pieces;
  /** CLOCK_MONOTONIC at the card's time 0, ns. */
  readonly epochNs: number;
}

/** Named by the simulated provider's `powerModule`. */
export function power(args: unknown): (tNs: number) => number {
  const { rig, pieces, epochNs } = args as SimPowerArgs;
  const card = new VirtualCard(rig, new PowerTrace(pieces));
  return (tNs) => card.powerW(Math.max(0, tNs - epochNs));
}
