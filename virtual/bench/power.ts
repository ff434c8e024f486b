// Demanded power → power at the card's inputs, behind the regulators' first-order low-pass, in closed
// form. In: a schedule. Out: watts and Joules at any instant, exact to rounding. Holds: nothing is
// sampled; every value is computed from the last breakpoint's state, so order of asking is free.
//
// With u the demand and y' = (u − y)/τ, ∫y = ∫u − τ·(y₁ − y₀): the true energy needs no integration.

import type { Schedule } from "./schedule.ts";
import { firstWhere } from "../../stats/search.ts";

/** Telemetry looks back a second; the card idled this long before the session. */
const LEAD_IN_NS = 100e9;

/**
 * Breakpoints, demand at each (W), its slope (W/ns), response at each (W), demand's integral up to each (J).
 * In shared memory: what a worker gets is the same card, not a copy of it.
 */
export interface Pieces {
  readonly tauNs: number;
  readonly t: Float64Array;
  readonly fromW: Float64Array;
  readonly slope: Float64Array;
  readonly stateW: Float64Array;
  readonly demandJ: Float64Array;
}

export function powerTrace(schedule: Schedule, tauNs: number): PowerTrace {
  const n = schedule.tNs.length;
  if (n === 0 || schedule.fromW[0] !== schedule.toW[0])
    throw new Error("a schedule begins with constant power");
  const column = (): Float64Array => new Float64Array(new SharedArrayBuffer(8 * (n + 1)));
  const [t, fromW, slope, stateW, demandJ] = [column(), column(), column(), column(), column()];
  t.set(schedule.tNs);
  fromW.set(schedule.fromW);
  t[0] = schedule.tNs[0]! - LEAD_IN_NS;
  t[n] = schedule.endNs;
  fromW[n] = schedule.toW[n - 1]!;
  stateW[0] = fromW[0]!;
  for (let i = 0; i < n; i++) {
    const dt = t[i + 1]! - t[i]!;
    slope[i] = (schedule.toW[i]! - schedule.fromW[i]!) / dt;
    const lag = slope[i]! * tauNs;
    const start = stateW[i]! - fromW[i]! + lag;
    stateW[i + 1] = fromW[i]! - lag + slope[i]! * dt + start * Math.exp(-dt / tauNs);
    demandJ[i + 1] = demandJ[i]! + (fromW[i]! + (slope[i]! * dt) / 2) * dt * 1e-9;
  }
  return new PowerTrace({ tauNs, t, fromW, slope, stateW, demandJ });
}

/** True power of the whole board. Times are session nanoseconds. */
export class PowerTrace implements Pieces {
  readonly tauNs: number;
  readonly t: Float64Array;
  readonly fromW: Float64Array;
  readonly slope: Float64Array;
  readonly stateW: Float64Array;
  readonly demandJ: Float64Array;
  #hint = 0;

  constructor(pieces: Pieces) {
    this.tauNs = pieces.tauNs;
    this.t = pieces.t;
    this.fromW = pieces.fromW;
    this.slope = pieces.slope;
    this.stateW = pieces.stateW;
    this.demandJ = pieces.demandJ;
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
    this.#hint = firstWhere(1, t.length, (i) => t[i]! > tNs) - 1;
    return this.#hint;
  }

  /** J since the first breakpoint. */
  #total(tNs: number): number {
    const i = this.segment(tNs);
    const dt = tNs - this.t[i]!;
    const demand = this.demandJ[i]! + (this.fromW[i]! + (this.slope[i]! * dt) / 2) * dt * 1e-9;
    return demand - this.tauNs * 1e-9 * (this.at(tNs) - this.stateW[0]!);
  }
}
