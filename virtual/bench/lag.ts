// True power seen through one more first-order low-pass: a sensor's bandwidth, or the filter before a
// telemetry sample. In: the power trace. Out: lagged watts at an instant or on a uniform grid.
// Holds: closed form within a piece; z' = (y − z)/τ₂ with y = a + s·t + B·e^(−t/τ₁) gives
// z = a − s·τ₂ + s·t + K·e^(−t/τ₁) + C·e^(−t/τ₂), K = B·τ₁/(τ₁ − τ₂).

import type { PowerTrace } from "./power.ts";

export class Lag {
  readonly #trace: PowerTrace;
  readonly #tauNs: number;
  readonly #stateW: Float64Array;
  readonly #piece = { base: 0, slope: 0, first: 0, second: 0 };

  constructor(trace: PowerTrace, tauNs: number) {
    this.#trace = trace;
    // Equal time constants would need the t·e^(−t/τ) form; a part in a million apart is the same filter.
    this.#tauNs = Math.abs(tauNs / trace.tauNs - 1) < 1e-6 ? trace.tauNs * (1 + 1e-6) : tauNs;
    this.#stateW = new Float64Array(trace.t.length);
    this.#stateW[0] = trace.fromW[0]!;
    for (let i = 0; i + 1 < trace.t.length; i++)
      this.#stateW[i + 1] = this.#value(i, trace.t[i + 1]! - trace.t[i]!);
  }

  /** W. */
  at(tNs: number): number {
    const i = this.#trace.segment(tNs);
    return this.#value(i, tNs - this.#trace.t[i]!);
  }

  /** `out[k]` = W at `t0Ns + k·stepNs`, k < n. */
  fill(t0Ns: number, stepNs: number, n: number, out: Float64Array): void {
    const { t, tauNs } = this.#trace;
    const decay1 = Math.exp(-stepNs / tauNs);
    const decay2 = Math.exp(-stepNs / this.#tauNs);
    for (let k = 0; k < n;) {
      const from = t0Ns + k * stepNs;
      const i = this.#trace.segment(from);
      const end = i + 1 < t.length ? Math.ceil((t[i + 1]! - t0Ns) / stepNs) : n;
      k = this.#run(i, from, stepNs, k, Math.min(n, Math.max(end, k + 1)), out, decay1, decay2);
    }
  }

  /** One piece of the grid; the exponentials advance by multiplication. */
  #run(
    i: number,
    fromNs: number,
    stepNs: number,
    k: number,
    end: number,
    out: Float64Array,
    decay1: number,
    decay2: number,
  ): number {
    const p = this.#constants(i);
    const dt = fromNs - this.#trace.t[i]!;
    let line = p.base + p.slope * dt;
    let first = p.first * Math.exp(-dt / this.#trace.tauNs);
    let second = p.second * Math.exp(-dt / this.#tauNs);
    const step = p.slope * stepNs;
    for (; k < end; k++) {
      out[k] = line + first + second;
      line += step;
      first *= decay1;
      second *= decay2;
    }
    return k;
  }

  #constants(i: number): { base: number; slope: number; first: number; second: number } {
    const { fromW, slope, stateW, tauNs } = this.#trace;
    const p = this.#piece;
    const a = fromW[i]! - slope[i]! * tauNs;
    p.slope = slope[i]!;
    p.base = a - p.slope * this.#tauNs;
    p.first = ((stateW[i]! - a) * tauNs) / (tauNs - this.#tauNs);
    p.second = this.#stateW[i]! - p.base - p.first;
    return p;
  }

  #value(i: number, dt: number): number {
    const p = this.#constants(i);
    const first = p.first * Math.exp(-dt / this.#trace.tauNs);
    return p.base + p.slope * dt + first + p.second * Math.exp(-dt / this.#tauNs);
  }
}
