// The running integrals at the instants that were asked for: what a window's figures are differences of.

import { firstAtOrAfter } from "../stats/search.ts";
import type { SessionNs } from "../schema/time.ts";

/** The integrals of a window, or of several stretches together. */
export type Integrals = Pick<Snapshots, "between" | "value">;

/** Snapshots of the running integrals at the instants asked for. */
export class Snapshots {
  readonly width: number;
  readonly #at: Float64Array;
  readonly #rows: Float64Array;
  /** Where the instants last looked up lie: one window is asked for many integrals. */
  #t0Ns = NaN;
  #row0 = 0;
  #t1Ns = NaN;
  #row1 = 0;

  constructor(instants: Float64Array, width: number, rows: Float64Array) {
    this.#at = instants;
    this.width = width;
    this.#rows = rows;
  }

  /** Value of one integral at an instant that was asked for; O(log n). @throws Error at any other instant. */
  value(tNs: SessionNs, k: number): number {
    if (tNs !== this.#t1Ns) {
      this.#row1 = this.#index(tNs, this.#row0 / this.width) * this.width;
      this.#t1Ns = tNs;
    }
    return this.#rows[this.#row1 + k]!;
  }

  /** Difference of one integral between two instants that were asked for. */
  between(t0Ns: SessionNs, t1Ns: SessionNs, k: number): number {
    if (t0Ns !== this.#t0Ns) {
      this.#row0 = this.#index(t0Ns, this.#row0 / this.width) * this.width;
      this.#t0Ns = t0Ns;
    }
    return this.value(t1Ns, k) - this.#rows[this.#row0 + k]!;
  }

  /** @param near where it may lie not far behind: windows are asked for in order. */
  #index(tNs: SessionNs, near: number): number {
    const at = this.#at;
    const i = firstAtOrAfter(at, tNs, at[near]! <= tNs ? near : 0);
    if (at[i] !== tNs) throw new Error(`no snapshot was asked for at ${tNs} ns`);
    return i;
  }
}
