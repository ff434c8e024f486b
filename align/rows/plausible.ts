// Values that a rail cannot have: an overload word of a meter, a spike, a garbled number. Such a row becomes NaN,
// which the timeline takes for a gap. Holds: what counts cannot reach costs no look at any row.

import type { Quantity, Rail } from "../../schema/rig.ts";
import type { Range, ZeroRun } from "./learned.ts";
import { firstWhere } from "../../stats/search.ts";
import { RowFlag } from "./row-flags.ts";

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
  /** Who says so: the rig, the rest of the run, or nobody, and it holds for any rail. */
  readonly basis: "rig" | "run" | "any";
  rows: number;
  /** Of what was left out. */
  least: number;
  most: number;
}

/**
 * @param values that can come. @param learned what the run's other rows leave possible.
 * @returns undefined where all values are plausible.
 */
export function guardOf(
  rail: Rail,
  quantity: Quantity,
  values: Range,
  learned?: Range,
): Implausible | undefined {
  const stated = rail.plausible?.[quantity];
  const most = ANYWHERE[quantity];
  const range = stated ?? learned ?? ([-most, most] as const);
  if (values[0] >= range[0] && values[1] <= range[1]) return undefined;
  return {
    rail: rail.name,
    quantity,
    range,
    basis: stated ? "rig" : learned ? "run" : "any",
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

/** Rows of one rail left out as dropped samples, written as zeros. */
export interface Dropped {
  readonly rail: string;
  /** What was zero. */
  readonly quantity: Quantity;
  readonly zeros: readonly ZeroRun[];
  rows: number;
}

/** Watts of a block's rows that lie in a run of zeros → NaN, counted once a row. */
export function leaveOutZeros(
  dropped: Dropped,
  { firstIndex, rows }: { readonly firstIndex: number; readonly rows: number },
  powerW: Float64Array,
  flags: Uint8Array,
): void {
  const { zeros } = dropped;
  const end = firstIndex + rows;
  for (let k = firstWhere(0, zeros.length, (i) => zeros[i]!.to > firstIndex); ; k++) {
    const run = zeros[k];
    if (!run || run.from >= end) return;
    const [from, to] = [Math.max(run.from, firstIndex), Math.min(run.to, end)];
    dropped.rows += to - from;
    for (let i = from - firstIndex; i < to - firstIndex; i++) {
      powerW[i] = NaN;
      flags[i]! |= RowFlag.implausible;
    }
  }
}
