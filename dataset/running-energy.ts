// Runs of rows → Joules so far, as energy/integrate.ts counts them: trapezoids between rows that are instants,
// rectangles where a row is a mean over its period. It stands still over gaps. Sums are compensated (Neumaier
// 1974). What it says of two instants differs by the Joules between them.

import { sumOf } from "../stats/columns.ts";
import type { AlignedRun } from "../align/timeline.ts";
import { meanOver } from "../energy/integrals.ts";

const J_PER_W_NS = 1e-9;

export class RunningEnergy {
  readonly #holdsNs: number;
  #sum = 0;
  #lost = 0;
  #lastT = NaN;
  #lastW = 0;

  /** @param holdsNs how long a row stands for, where rows are means over their period; 0 where they are instants. */
  constructor(holdsNs: number) {
    this.#holdsNs = holdsNs;
  }

  /** Joules up to the time of each row in [from, to), into out[at …]. Runs, and pieces of a run, come in order. */
  fill(run: AlignedRun, from: number, to: number, out: Float64Array, at: number): void {
    if (to <= from) return;
    this.#step(run, from);
    out[at] = this.#sum + this.#lost;
    const { tNs: t, totalW: p, periodNs } = run;
    if (periodNs === undefined) {
      for (let i = from + 1; i < to; i++) {
        this.#step(run, i);
        out[at + i - from] = this.#sum + this.#lost;
      }
      return;
    }
    // Of a few thousand rows a plain sum rounds no worse; it joins the compensated one.
    const [perW, holds] = [periodNs * J_PER_W_NS, this.#holdsNs > 0];
    const before = this.#sum + this.#lost;
    let [sum, last] = [0, p[from]!];
    for (let i = from + 1, k = at + 1; i < to; i++, k++) {
      const w = p[i]!;
      sum += meanOver(holds, last, w, 1) * perW;
      out[k] = before + sum;
      last = w;
    }
    this.#add(sum);
    [this.#lastT, this.#lastW] = [t[to - 1]!, last];
  }

  /** Joules to the end of each of `means` stretches of `factor` rows from row `from` on, whose mean powers are meanW[at …]. */
  toMeans(
    run: AlignedRun,
    from: number,
    means: number,
    factor: number,
    meanW: Float64Array,
    out: Float64Array,
    at: number,
  ): void {
    const { tNs: t, totalW: p, periodNs } = run;
    const one = (r: number): number => this.upTo(run, from + r * factor, from + (r + 1) * factor);
    out[at] = one(0);
    if (periodNs === undefined) {
      for (let r = 1; r < means; r++) out[at + r] = one(r);
      return;
    }
    // From the last row of a stretch to the last of the next, as upTo adds it in two steps.
    const [perW, share] = [periodNs * J_PER_W_NS, this.#holdsNs > 0 ? 1 : 0.5];
    const heldPerW = this.#holdsNs * J_PER_W_NS;
    const before = this.#sum + this.#lost;
    let [sum, last] = [0, this.#lastW];
    for (let r = 1, end = from + 2 * factor - 1; r < means; r++, end += factor) {
      const w = p[end]!;
      sum += (meanW[at + r]! * factor + share * (last - w)) * perW;
      out[at + r] = before + sum + w * heldPerW;
      last = w;
    }
    this.#add(sum);
    [this.#lastT, this.#lastW] = [t[from + means * factor - 1]!, last];
  }

  /** Joules to the end of row `to` − 1. */
  upTo(run: AlignedRun, from: number, to: number): number {
    this.#step(run, from);
    const { tNs: t, totalW: p, periodNs } = run;
    if (periodNs === undefined) for (let i = from + 1; i < to; i++) this.#step(run, i);
    else if (to > from + 1) {
      // Each row but the last is followed by one period of its own power, or of the mean of it and the next.
      const last = p[to - 1]!;
      const ends = this.#holdsNs > 0 ? last : (p[from]! + last) / 2;
      this.#add((sumOf(p, from, to) - ends) * periodNs * J_PER_W_NS);
      [this.#lastT, this.#lastW] = [t[to - 1]!, last];
    }
    return this.#now();
  }

  /** From the row before to row i. */
  #step(run: AlignedRun, i: number): void {
    const [t, w] = [run.tNs[i]!, run.totalW[i]!];
    const gap = run.gapBefore && i === run.from;
    const ns = t - this.#lastT;
    const coveredNs = gap ? Math.min(ns, this.#holdsNs) : ns;
    this.#add(meanOver(this.#holdsNs > 0, this.#lastW, w, 1) * coveredNs * J_PER_W_NS);
    this.#lastT = t;
    this.#lastW = w;
  }

  #now(): number {
    return this.#sum + this.#lost + this.#lastW * this.#holdsNs * J_PER_W_NS;
  }

  #add(x: number): void {
    if (Number.isNaN(x)) return; // before the first row there is nothing
    const s = this.#sum;
    const t = s + x;
    this.#lost += Math.abs(s) >= Math.abs(x) ? s - t + x : x - t + s;
    this.#sum = t;
  }
}
