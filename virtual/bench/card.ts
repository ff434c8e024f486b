// The virtual card at work, seen from the rails of a rig. In: a rig, what the card does. Out: true watts and
// Joules. Holds: the rig's rails only; what no rail of the rig carries is not counted.

import { InputError } from "../../schema/errors.ts";
import type { Rail, Rig } from "../../schema/rig.ts";
import { type PowerTrace, powerTrace } from "./power.ts";
import type { Schedule } from "./schedule.ts";
import { railW, SUPPLIES, type Supply } from "./supply.ts";

/** Input capacitors behind the connectors: 10–90 % in 2.2 τ = 132 µs. */
const REGULATOR_TAU_NS = 60e3;

/** @throws InputError when the rig has a rail that the virtual card has not. */
export const virtualCard = (rig: Rig, schedule: Schedule): VirtualCard =>
  new VirtualCard(rig, powerTrace(schedule, REGULATOR_TAU_NS));

export class VirtualCard {
  /** Of the whole board. */
  readonly trace: PowerTrace;
  readonly #supplies: ReadonlyMap<string, Supply>;

  constructor(rig: Rig, trace: PowerTrace) {
    this.trace = trace;
    this.#supplies = new Map(rig.rails.map((rail) => [rail.name, supplyOf(rig, rail)]));
  }

  /** True Joules through all rails between two session instants; exact to rounding. */
  energyJ(t0Ns: number, t1Ns: number): number {
    let sum = 0;
    for (const name of this.#supplies.keys()) sum += this.railEnergyJ(name, t0Ns, t1Ns);
    return sum;
  }

  railEnergyJ(rail: string, t0Ns: number, t1Ns: number): number {
    const s = this.supply(rail);
    return s.baseW * (t1Ns - t0Ns) * 1e-9 + s.share * this.trace.energyJ(t0Ns, t1Ns);
  }

  /** What feeds a rail of the rig. @throws RangeError for another name. */
  supply(rail: string): Supply {
    const supply = this.#supplies.get(rail);
    if (!supply) throw new RangeError(`no rail "${rail}"`);
    return supply;
  }

  /** True power through the rails, W. */
  powerW(tNs: number): number {
    const boardW = this.trace.at(tNs);
    let sum = 0;
    for (const s of this.#supplies.values()) sum += railW(s, boardW);
    return sum;
  }
}

function supplyOf(rig: Rig, rail: Rail): Supply {
  const supply = SUPPLIES.find((s) => s.name === rail.name);
  if (!supply)
    throw new InputError(
      `rig ${rig.name}: the virtual card has no rail "${rail.name}"; it has ${SUPPLIES.map((s) => s.name).join(", ")}`,
    );
  return supply;
}
