// Demanded power → power at the card's inputs, behind the regulators' first-order low-pass, in closed
// form. In: a schedule. Out: watts and Joules at any instant, exact to rounding. Holds: nothing is
// sampled; every value is computed from the last breakpoint's state, so order of asking is free.
//
// With u the demand and y' = (u − y)/τ, ∫y = ∫u − τ·(y₁ − y₀): the true energy needs no integration.

import type { Schedule } from "./schedule.ts";

/** Telemetry looks back a second; the card idled this long before the session. */
const LEAD_IN_NS = 100e9;

/** True power of the whole board. Times are session nanoseconds. */
export class PowerTrace {
  readonly tauNs: number;
  /** Breakpoints, demand at each (W), its slope (W/ns), response at each (W), demand's integral up to each (J). */
  readonly t: Float64Array;
  readonly fromW: Float64Array;
  readonly slope: Float64Array;
  readonly stateW: Float64Array;
  readonly #demandJ: Float64Array;
  #hint = 0;

  constructor(schedule: Schedule, tauNs: number) {
    this.tauNs = tauNs;
    const n = schedule.tNs.length;
    if (n === 0 || schedule.fromW[0] !== schedule.toW[0])
      throw new Error("a schedule begins with constant power");
    this.t = new Float64Array(n + 1);
    this.fromW = new Float64Array(n + 1);
    this.slope = new Float64Array(n + 1);
    this.t.set(schedule.tNs);
    this.fromW.set(schedule.fromW);
    this.t[0] = schedule.tNs[0]! - LEAD_IN_NS;
    this.t[n] = schedule.endNs;
    this.fromW[n] = schedule.toW[n - 1]!;
    for (let i = 0; i < n; i++)
      this.slope[i] = (schedule.toW[i]! - schedule.fromW[i]!) / (this.t[i + 1]! - this.t[i]!);
    this.stateW = this.#respond();
    this.#demandJ = this.#integrate();
  }

  /** W. */
  at(tNs: number): number {
    const i = this.segment(tNs);
    const dt = tNs - this.t[i]!;
    const lag = this.slope[i]! * this.tauNs;
    const start = this.stateW[i]! - this.fromW[i]! + lag;
    return this.fromW[i]! - lag + this.slope[i]! * dt + start * Math.exp(-dt / this.tauNs);
  }

  /** J between two instants. */
  energyJ(t0Ns: number, t1Ns: number): number {
    return this.#total(t1Ns) - this.#total(t0Ns);
  }

  /** Index of the piece that holds an instant; the last answer is tried first. */
  segment(tNs: number): number {
    const t = this.t;
    const last = t.length - 1;
    const h = this.#hint;
    if (tNs >= t[h]! && (h === last || tNs < t[h + 1]!)) return h;
    let [lo, hi] = [0, last];
    while (lo < hi) {
      const mid = (lo + hi + 1) >> 1;
      if (t[mid]! <= tNs) lo = mid;
      else hi = mid - 1;
    }
    this.#hint = lo;
    return lo;
  }

  #respond(): Float64Array {
    const { t, fromW, slope, tauNs } = this;
    const y = new Float64Array(t.length);
    y[0] = fromW[0]!;
    for (let i = 0; i + 1 < t.length; i++) {
      const dt = t[i + 1]! - t[i]!;
      const lag = slope[i]! * tauNs;
      y[i + 1] =
        fromW[i]! - lag + slope[i]! * dt + (y[i]! - fromW[i]! + lag) * Math.exp(-dt / tauNs);
    }
    return y;
  }

  #integrate(): Float64Array {
    const { t, fromW, slope } = this;
    const e = new Float64Array(t.length);
    for (let i = 0; i + 1 < t.length; i++) {
      const dt = t[i + 1]! - t[i]!;
      e[i + 1] = e[i]! + (fromW[i]! + (slope[i]! * dt) / 2) * dt * 1e-9;
    }
    return e;
  }

  /** J since the first breakpoint. */
  #total(tNs: number): number {
    const i = this.segment(tNs);
    const dt = tNs - this.t[i]!;
    const demand = this.#demandJ[i]! + (this.fromW[i]! + (this.slope[i]! * dt) / 2) * dt * 1e-9;
    return demand - this.tauNs * 1e-9 * (this.at(tNs) - this.stateW[0]!);
  }
}
