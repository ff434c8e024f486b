// Values that a rail cannot have: an overload word of a meter, a spike, a garbled number. Such a row becomes NaN,
// which the timeline takes for a gap. Holds: what counts cannot reach costs no look at any row.

import type { Quantity, Rail } from "../../schema/rig.ts";
import { RowFlag } from "./row-flags.ts";

type Range = readonly [low: number, high: number];

/** What no rail of a bench carries, whatever its kind: V, A, W. */
const ANYWHERE: Readonly<Record<Quantity, number>> = {
  voltage: 10_000,
  current: 10_000,
  power: 1e7,
};

/** Rows left out because of one quantity of one rail. */
export interface Implausible {
  readonly rail: string;
  readonly quantity: Quantity;
  readonly range: Range;
  /** Whether the rig says so. */
  readonly isStated: boolean;
  rows: number;
  /** Of what was left out. */
  least: number;
  most: number;
}

/** @param range of the values that can come; @returns undefined where all of those are plausible. */
export function guardOf(rail: Rail, quantity: Quantity, values: Range): Implausible | undefined {
  const stated = rail.plausible?.[quantity];
  const most = ANYWHERE[quantity];
  const range = stated ?? ([-most, most] as const);
  if (values[0] >= range[0] && values[1] <= range[1]) return undefined;
  return {
    rail: rail.name,
    quantity,
    range,
    isStated: stated !== undefined,
    rows: 0,
    least: Infinity,
    most: -Infinity,
  };
}

/** Values beyond the range → NaN, counted once a row; ±Infinity and NaN are no numbers anyway. */
export function leaveOut(
  guard: Implausible,
  column: Float64Array,
  rows: number,
  flags: Uint8Array,
): void {
  const [low, high] = guard.range;
  for (let i = 0; i < rows; i++) {
    const x = column[i]!;
    if (!(x < low || x > high) || Math.abs(x) === Infinity) continue;
    column[i] = NaN;
    guard.least = Math.min(guard.least, x);
    guard.most = Math.max(guard.most, x);
    if ((flags[i]! & RowFlag.implausible) === 0) guard.rows++;
    flags[i]! |= RowFlag.implausible;
  }
}
