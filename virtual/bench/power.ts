// Demanded power → power at the card's inputs, behind the regulators' first-order low-pass, in closed
// form. In: a schedule. Out: watts and Joules at any instant, exact to rounding. Holds: nothing is
// sampled; every value is computed from the last breakpoint's state, so order of asking is free.
//
// With u the demand and y' = (u − y)/τ, ∫y = ∫u − τ·(y₁ − y₀): the true energy needs no integration.

import type { Schedule } from "./schedule.ts";
import { endsOf, valueAt } from "../../stats/places.ts";
import { firstAbove } from "../../stats/search.ts";

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
  t[0] = valueAt(t, 0) - LEAD_IN_NS;
  t[n] = schedule.endNs;
  fromW[n] = endsOf(schedule.toW)[1];
  const trace = new PowerTrace({ tauNs, t, fromW, slope, stateW, demandJ });
  stateW[0] = valueAt(fromW, 0);
  for (const [i, toW] of schedule.toW.entries()) {
    const standing = trace.piece(i);
    const dt = standing.endNs - standing.tNs;
    slope[i] = (toW - standing.fromW) / dt;
    const p = trace.piece(i);
    stateW[i + 1] = responseW(p, dt, tauNs);
    demandJ[i + 1] = p.demandJ + growthJ(p, dt);
  }
  return trace;
}

/** One piece of the demand and what stands at its begin; the last one lasts. */
export interface Piece {
  readonly index: number;
  readonly tNs: number;
  readonly endNs: number;
  readonly fromW: number;
  readonly slope: number;
  readonly stateW: number;
  readonly demandJ: number;
}

/** W, `dt` ns after a piece began. */
function responseW({ fromW, slope, stateW }: Piece, dt: number, tauNs: number): number {
  const lag = slope * tauNs;
  const start = stateW - fromW + lag;
  return fromW - lag + slope * dt + start * Math.exp(-dt / tauNs);
}

/** J demanded in the first `dt` ns of a piece. */
const growthJ = ({ fromW, slope }: Piece, dt: number): number =>
  (fromW + (slope * dt) / 2) * dt * 1e-9;

/** True power of the whole board. Times are session nanoseconds. */
export class PowerTrace implements Pieces {
  readonly tauNs: number;
  readonly t: Float64Array;
  readonly fromW: Float64Array;
  readonly slope: Float64Array;
  readonly stateW: Float64Array;
  readonly demandJ: Float64Array;
  /** The last one asked for: what is asked for next lies there, most often. */
  #piece: Piece | null = null;

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
    const p = this.pieceAt(tNs);
    return responseW(p, tNs - p.tNs, this.tauNs);
  }

  /** `out[k]` = W at `t0Ns + k·stepNs`. */
  fill(t0Ns: number, stepNs: number, out: Float64Array): void {
    for (let k = 0; k < out.length; k++) out[k] = this.at(t0Ns + k * stepNs);
  }

  /** J between two instants. */
  energyJ(t0Ns: number, t1Ns: number): number {
    return this.#total(t1Ns) - this.#total(t0Ns);
  }

  /** The piece that holds an instant; the first, of what lies before all. */
  pieceAt(tNs: number): Piece {
    const held = this.#piece;
    if (held && tNs >= held.tNs && tNs < held.endNs) return held;
    return (this.#piece = this.piece(Math.max(0, firstAbove(this.t, tNs) - 1)));
  }

  piece(index: number): Piece {
    return {
      index,
      tNs: valueAt(this.t, index),
      endNs: this.t[index + 1] ?? Infinity,
      fromW: valueAt(this.fromW, index),
      slope: valueAt(this.slope, index),
      stateW: valueAt(this.stateW, index),
      demandJ: valueAt(this.demandJ, index),
    };
  }

  /** J since the first breakpoint. */
  #total(tNs: number): number {
    const p = this.pieceAt(tNs);
    const demand = p.demandJ + growthJ(p, tNs - p.tNs);
    return demand - this.tauNs * 1e-9 * (this.at(tNs) - valueAt(this.stateW, 0));
  }
}
