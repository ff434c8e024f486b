// A power trace with its prefix sums: the energy between any two instants in O(log n), by straight lines
// between points. Built from the outline, so it is exact where the outline kept every row and a smooth
// stand-in beyond; used to see the trace as a slow telemetry channel would, never for a window's Joules.

import { firstAtOrAfter } from "../../stats/search.ts";
import { NS_PER_S, type SessionNs } from "../../schema/time.ts";

const FEW_STEPS = 4;

export class PowerPrefix {
  readonly tNs: Float64Array;
  readonly powerW: Float64Array;
  /** Least and most power of its points. */
  readonly rangeW: readonly [number, number];
  readonly #energyJ: Float64Array;
  /** Where the last looks ended, of instants and of where stretches begin: what is asked for next lies near. */
  readonly #near = [0, 0];

  constructor(tNs: Float64Array, powerW: Float64Array) {
    this.tNs = tNs;
    this.powerW = powerW;
    const e = new Float64Array(tNs.length);
    for (let i = 1; i < e.length; i++)
      e[i] = e[i - 1]! + ((powerW[i - 1]! + powerW[i]!) * (tNs[i]! - tNs[i - 1]!)) / (2 * NS_PER_S);
    this.#energyJ = e;
    let [least, most] = [Infinity, -Infinity];
    for (const p of powerW) {
      if (p < least) least = p;
      if (p > most) most = p;
    }
    this.rangeW = [least, most];
  }

  get startNs(): SessionNs {
    return this.tNs[0] ?? NaN;
  }

  get endNs(): SessionNs {
    return this.tNs[this.tNs.length - 1] ?? NaN;
  }

  /**
   * Joules from the trace's start to an instant; constant beyond its ends.
   * @param near 1 where stretches begin: two that are asked for in turn then keep their places.
   */
  upTo(tNs: SessionNs, near: 0 | 1 = 0): number {
    const { tNs: t, powerW: p } = this;
    const n = t.length;
    if (n === 0 || tNs <= t[0]!) return 0;
    if (tNs >= t[n - 1]!) return this.#energyJ[n - 1]!;
    const i = this.#before(tNs, near);
    const dt = tNs - t[i]!;
    const slope = (p[i + 1]! - p[i]!) / (t[i + 1]! - t[i]!);
    return this.#energyJ[i]! + (dt * (p[i]! + (slope * dt) / 2)) / NS_PER_S;
  }

  energyJ(t0Ns: SessionNs, t1Ns: SessionNs): number {
    return this.upTo(t1Ns) - this.upTo(t0Ns, 1);
  }

  meanW(t0Ns: SessionNs, t1Ns: SessionNs): number {
    return (this.energyJ(t0Ns, t1Ns) / (t1Ns - t0Ns)) * NS_PER_S;
  }

  /** Power at an instant, W. */
  at(tNs: SessionNs): number {
    const i = Math.min(this.tNs.length - 2, Math.max(0, this.#before(tNs, 0)));
    const share = (tNs - this.tNs[i]!) / (this.tNs[i + 1]! - this.tNs[i]!);
    return (
      this.powerW[i]! + Math.min(1, Math.max(0, share)) * (this.powerW[i + 1]! - this.powerW[i]!)
    );
  }

  /** Index of the last point at or before an instant; 0 before the first. */
  #before(tNs: SessionNs, near: 0 | 1): number {
    const t = this.tNs;
    let from = this.#near[near]!;
    if (t[from]! <= tNs) {
      // A step or a few on, as a rule.
      for (const most = from + FEW_STEPS; from < most; from++)
        if (!(t[from + 1]! <= tNs)) return (this.#near[near] = from);
    } else
      for (let back = 1; from > 0 && !(t[from]! <= tNs); back *= 2) from = Math.max(0, from - back);
    // The last of equal times, as a search by halves would find it.
    let i = firstAtOrAfter(t, tNs, from);
    while (i < t.length && t[i] === tNs) i++;
    return (this.#near[near] = Math.max(0, i - 1));
  }
}
