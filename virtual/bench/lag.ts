// True power seen through one more first-order low-pass: a sensor's bandwidth, or the filter before a
// telemetry sample. In: the power trace. Out: lagged watts at an instant or on a uniform grid.
// Holds: closed form within a piece; z' = (y − z)/τ₂ with y = a + s·t + B·e^(−t/τ₁) gives
// z = a − s·τ₂ + s·t + K·e^(−t/τ₁) + C·e^(−t/τ₂), K = B·τ₁/(τ₁ − τ₂).

import { valueAt } from "../../stats/places.ts";
import type { Piece, PowerTrace } from "./power.ts";

/** From an instant on: base + slope·dt + first·e^(−dt/τ₁) + second·e^(−dt/τ₂), W. */
interface Curve {
  readonly base: number;
  readonly slope: number;
  readonly first: number;
  readonly second: number;
}

export class Lag {
  readonly #trace: PowerTrace;
  readonly #tauNs: number;
  readonly #stateW: Float64Array;
  #last: { readonly piece: Piece; readonly curve: Curve } | null = null;

  constructor(trace: PowerTrace, tauNs: number) {
    this.#trace = trace;
    // Equal time constants would need the t·e^(−t/τ) form; a part in a million apart is the same filter.
    this.#tauNs = Math.abs(tauNs / trace.tauNs - 1) < 1e-6 ? trace.tauNs * (1 + 1e-6) : tauNs;
    this.#stateW = new Float64Array(trace.t.length);
    this.#stateW[0] = trace.piece(0).fromW;
    for (let i = 0; i + 1 < trace.t.length; i++) {
      const p = trace.piece(i);
      this.#stateW[i + 1] = this.#value(this.#curve(p), p.endNs - p.tNs);
    }
  }

  /** W. */
  at(tNs: number): number {
    const piece = this.#trace.pieceAt(tNs);
    return this.#value(this.#curveOf(piece), tNs - piece.tNs);
  }

  /** `out[k]` = W at `t0Ns + k·stepNs`. */
  fill(t0Ns: number, stepNs: number, out: Float64Array): void {
    for (let k = 0; k < out.length;) {
      const fromNs = t0Ns + k * stepNs;
      const piece = this.#trace.pieceAt(fromNs);
      const end = Math.max(Math.ceil((piece.endNs - t0Ns) / stepNs), k + 1);
      const part = out.subarray(k, end);
      this.#fill(piece, fromNs - piece.tNs, stepNs, part);
      k += part.length;
    }
  }

  /** Within one piece, from `dt` after its begin; the exponentials advance by multiplication. */
  #fill(piece: Piece, dt: number, stepNs: number, out: Float64Array): void {
    const { base, slope, ...curve } = this.#curveOf(piece);
    const { tauNs } = this.#trace;
    let line = base + slope * dt;
    let first = curve.first * Math.exp(-dt / tauNs);
    let second = curve.second * Math.exp(-dt / this.#tauNs);
    const step = slope * stepNs;
    const decay1 = Math.exp(-stepNs / tauNs);
    const decay2 = Math.exp(-stepNs / this.#tauNs);
    for (let k = 0; k < out.length; k++) {
      out[k] = line + first + second;
      line += step;
      first *= decay1;
      second *= decay2;
    }
  }

  #curveOf(piece: Piece): Curve {
    if (this.#last?.piece !== piece) this.#last = { piece, curve: this.#curve(piece) };
    return this.#last.curve;
  }

  #curve({ index, fromW, slope, stateW }: Piece): Curve {
    const { tauNs } = this.#trace;
    const a = fromW - slope * tauNs;
    const base = a - slope * this.#tauNs;
    const first = ((stateW - a) * tauNs) / (tauNs - this.#tauNs);
    return { base, slope, first, second: valueAt(this.#stateW, index) - base - first };
  }

  #value({ base, slope, first, second }: Curve, dt: number): number {
    const early = first * Math.exp(-dt / this.#trace.tauNs);
    return base + slope * dt + early + second * Math.exp(-dt / this.#tauNs);
  }
}
