// A power trace with its prefix sums: the energy between any two instants in O(log n), by straight lines
// between points. Built from the outline, so it is exact where the outline kept every row and a smooth
// stand-in beyond; used to see the trace as a slow telemetry channel would, never for a window's Joules.

import { firstAtOrAfter } from "../../stats/search.ts";
import { NS_PER_S, type SessionNs } from "../../schema/time.ts";
import { valueAt } from "../../stats/places.ts";
import { leastOf, mostOf } from "../../stats/summary.ts";

const FEW_STEPS = 4;

/** What is looked for in the trace. */
type Look = "instants" | "begins";

export class PowerPrefix {
  readonly tNs: Float64Array;
  readonly powerW: Float64Array;
  /** Least and most power of its points. */
  readonly rangeW: readonly [number, number];
  readonly #energyJ: Float64Array;
  /** Where the last looks ended, of instants and of where stretches begin: what is asked for next lies near. */
  readonly #near: Record<Look, number> = { instants: 0, begins: 0 };

  constructor(tNs: Float64Array, powerW: Float64Array) {
    this.tNs = tNs;
    this.powerW = powerW;
    let [joules, before, beforeW] = [0, NaN, 0];
    this.#energyJ = tNs.map((t, i) => {
      const w = valueAt(powerW, i);
      if (i > 0) joules += ((beforeW + w) * (t - before)) / (2 * NS_PER_S);
      [before, beforeW] = [t, w];
      return joules;
    });
    this.rangeW = [leastOf(powerW), mostOf(powerW)];
  }

  get startNs(): SessionNs {
    return this.tNs[0] ?? NaN;
  }

  get endNs(): SessionNs {
    return this.tNs[this.tNs.length - 1] ?? NaN;
  }

  /**
   * Joules from the trace's start to an instant; constant beyond its ends.
   * @param look where stretches begin, or else: two that are asked for in turn then keep their places.
   */
  upTo(tNs: SessionNs, look: Look = "instants"): number {
    if (this.tNs.length === 0 || tNs <= this.startNs) return 0;
    if (tNs >= this.endNs) return this.#energyJ.at(-1) ?? 0;
    const i = this.#before(tNs, look);
    const [t, w] = [this.tNs[i]!, this.powerW[i]!];
    const dt = tNs - t;
    const slope = (this.powerW[i + 1]! - w) / (this.tNs[i + 1]! - t);
    return this.#energyJ[i]! + (dt * (w + (slope * dt) / 2)) / NS_PER_S;
  }

  energyJ(t0Ns: SessionNs, t1Ns: SessionNs): number {
    return this.upTo(t1Ns) - this.upTo(t0Ns, "begins");
  }

  meanW(t0Ns: SessionNs, t1Ns: SessionNs): number {
    return (this.energyJ(t0Ns, t1Ns) / (t1Ns - t0Ns)) * NS_PER_S;
  }

  /** Power at an instant, W. */
  at(tNs: SessionNs): number {
    const i = Math.min(this.tNs.length - 2, Math.max(0, this.#before(tNs, "instants")));
    const [t, w] = [this.tNs[i]!, this.powerW[i]!];
    const share = (tNs - t) / (this.tNs[i + 1]! - t);
    return w + Math.min(1, Math.max(0, share)) * (this.powerW[i + 1]! - w);
  }

  /** Index of the last point at or before an instant; 0 before the first. */
  #before(tNs: SessionNs, look: Look): number {
    const t = this.tNs;
    const isBehind = (i: number): boolean => t[i]! <= tNs;
    let from = this.#near[look];
    if (isBehind(from)) {
      // A step or a few on, as a rule.
      for (const most = from + FEW_STEPS; from < most; from++)
        if (!isBehind(from + 1)) return (this.#near[look] = from);
    } else
      for (let back = 1; from > 0 && !isBehind(from); back *= 2) from = Math.max(0, from - back);
    // The last of equal times, as a search by halves would find it.
    let i = firstAtOrAfter(t, tNs, from);
    while (i < t.length && t[i] === tNs) i++;
    return (this.#near[look] = Math.max(0, i - 1));
  }
}

/** Between points this much closer than its time constant, what is behind a low-pass is a straight line to a ten thousandth. */
const PER_TIME_CONSTANT = 32;

/** The trace behind a first-order low-pass, exact for straight lines between its points; at rest before the first. */
export function lowPassed({ tNs, powerW }: PowerPrefix, tauNs: number): PowerPrefix {
  const [t, kept] = [new Float64Array(tNs.length), new Float64Array(tNs.length)];
  let [y, before, beforeW] = [powerW[0] ?? 0, tNs[0] ?? 0, powerW[0] ?? 0];
  let [n, next] = [0, -Infinity];
  for (let i = 0; i < tNs.length; i++) {
    const [at, w] = [tNs[i]!, powerW[i]!];
    const dt = at - before;
    if (dt > 0) {
      // Of a ramp x = a + s·t: y = x − s·τ + (y₀ − a + s·τ)·e^(−t/τ).
      const lag = ((w - beforeW) / dt) * tauNs;
      y = w - lag + (y - beforeW + lag) * Math.exp(-dt / tauNs);
    }
    [before, beforeW] = [at, w];
    if (at < next && i < tNs.length - 1) continue;
    [t[n], kept[n]] = [at, y];
    n++;
    next = at + tauNs / PER_TIME_CONSTANT;
  }
  return new PowerPrefix(t.slice(0, n), kept.slice(0, n));
}
