// Runs of rows → runs of means over `factor` rows, for `fuse --rate`. A mean never spans a gap: what is
// left of a run that ends is a shorter mean. Flags are ORed. Energies keep their own, undecimated path.

import type { AlignedRun } from "../align/timeline.ts";

const OUT_ROWS = 4096;

export class Decimator {
  readonly #factor: number;
  readonly #t = new Float64Array(OUT_ROWS);
  readonly #total = new Float64Array(OUT_ROWS);
  readonly #flags = new Uint8Array(OUT_ROWS);
  readonly #rails: { voltageV: Float64Array; currentA: Float64Array; powerW: Float64Array }[];

  constructor(factor: number, rails: number) {
    this.#factor = factor;
    this.#rails = Array.from({ length: rails }, () => ({
      voltageV: new Float64Array(OUT_ROWS),
      currentA: new Float64Array(OUT_ROWS),
      powerW: new Float64Array(OUT_ROWS),
    }));
  }

  add(run: AlignedRun, write: (run: AlignedRun) => void): void {
    let gapBefore = run.gapBefore;
    for (let from = run.from; from < run.to;) {
      const to = Math.min(run.to, from + this.#factor * OUT_ROWS);
      write(this.#means(run, from, to, gapBefore));
      gapBefore = false;
      from = to;
    }
  }

  #means(run: AlignedRun, from: number, to: number, gapBefore: boolean): AlignedRun {
    const rows = Math.ceil((to - from) / this.#factor);
    const mean = (x: Float64Array, out: Float64Array): Float64Array =>
      means(x, from, to, this.#factor, out);
    for (let r = 0; r < rows; r++) {
      let flags = 0;
      const end = Math.min(to, from + (r + 1) * this.#factor);
      for (let i = from + r * this.#factor; i < end; i++) flags |= run.flags[i]!;
      this.#flags[r] = flags;
    }
    const rails = run.rails.map((rail, k) => {
      const out = this.#rails[k]!;
      return {
        name: rail.name,
        voltageV: rail.voltageV && mean(rail.voltageV, out.voltageV),
        currentA: rail.currentA && mean(rail.currentA, out.currentA),
        powerW: mean(rail.powerW, out.powerW),
      };
    });
    const tNs = mean(run.tNs, this.#t);
    return {
      from: 0,
      to: rows,
      gapBefore,
      tNs,
      rails,
      totalW: mean(run.totalW, this.#total),
      flags: this.#flags,
    };
  }
}

function means(
  x: Float64Array,
  from: number,
  to: number,
  factor: number,
  out: Float64Array,
): Float64Array {
  for (let r = 0, i = from; i < to; r++) {
    const end = Math.min(to, i + factor);
    let sum = 0;
    for (let k = i; k < end; k++) sum += x[k]!;
    out[r] = sum / (end - i);
    i = end;
  }
  return out;
}
