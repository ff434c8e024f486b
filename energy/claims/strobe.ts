// What a channel that strobes could have claimed for a window, by the phase of its updates alone. In: the physical
// trace. Out: the least and the most Joules.

import { NS_PER_S, type SessionNs } from "../../schema/time.ts";
import type { PowerPrefix } from "./prefix.ts";

/** Updates in a window beyond which the forecast is not made: five hours of a 20 ms counter. */
const MAX_STROBES = 1e6;
const PHASES = 20;

/**
 * What a strobing channel could have claimed for a window, over all phases of its update clock: from the
 * shunt trace alone. `windowNs` 0 is a point sample.
 * @returns lowest and highest energy in J; NaN for a window of more than a million updates.
 */
export function strobeRangeJ(
  trace: PowerPrefix,
  t0: SessionNs,
  t1: SessionNs,
  updateNs: number,
  windowNs: number,
): readonly [number, number] {
  if (!((t1 - t0) / updateNs <= MAX_STROBES)) return [NaN, NaN];
  const t = Float64Array.from({ length: PHASES }, (_, k) => t0 + (k / PHASES) * updateNs);
  const sum = new Float64Array(PHASES);
  const n = new Float64Array(PHASES);
  // In the order of time, phase after phase: the next look-up lies near the one before.
  for (let left = true; left;) {
    left = false;
    for (let k = 0; k < PHASES; k++) {
      const at = t[k]!;
      if (!(at < t1)) continue;
      sum[k]! += windowNs > 0 ? trace.meanW(at - windowNs, at) : trace.at(at);
      t[k] = at + updateNs;
      n[k]!++;
      left = true;
    }
  }
  let [lo, hi] = [Infinity, -Infinity];
  for (let k = 0; k < PHASES; k++) {
    if (n[k] === 0) continue;
    const e = ((sum[k]! / n[k]!) * (t1 - t0)) / NS_PER_S;
    if (e < lo) lo = e;
    if (e > hi) hi = e;
  }
  return [lo, hi];
}
