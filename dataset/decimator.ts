// Runs of rows → means over `factor` rows, for `fuse --rate`. A stretch without gaps is one thing: means go
// on from run to run, and begin anew only at a gap, where what is left of a stretch is a shorter mean. Flags
// are ORed. Joules are those of all rows, to the end of the last one in each mean.

import { sumOf } from "../align/columns.ts";
import type { AlignedRun } from "../align/timeline.ts";
import { RunningEnergy } from "./running-energy.ts";

/** A run of means, with the Joules that their own trapezoid would miss. */
export interface MeanRun extends AlignedRun {
  readonly energyJ: Float64Array;
}

type Columns = readonly (Float64Array | null)[];

export class Decimator {
  readonly #factor: number;
  readonly #energy: RunningEnergy;
  readonly #write: (means: MeanRun) => void;
  /** Sums over the rows of the mean that is not whole yet: column by column, time first. */
  #sums = new Float64Array(0);
  #rows = 0;
  #flags = 0;
  #energyJ = 0;
  /** The shape of the runs, for the last mean. */
  #last: AlignedRun | undefined;

  /** @param holdsNs as {@link RunningEnergy} wants it. */
  constructor(factor: number, holdsNs: number, write: (means: MeanRun) => void) {
    this.#factor = factor;
    this.#energy = new RunningEnergy(holdsNs);
    this.#write = write;
  }

  add(run: AlignedRun): void {
    if (run.gapBefore) this.end();
    this.#last = run;
    const columns = columnsOf(run);
    if (this.#sums.length !== columns.length) this.#sums = new Float64Array(columns.length);
    const missing = this.#rows === 0 ? 0 : this.#factor - this.#rows;
    const head = Math.min(run.to, run.from + missing);
    if (head > run.from) this.#collect(run, columns, run.from, head);
    if (this.#rows === this.#factor) this.end();
    const whole = Math.floor((run.to - head) / this.#factor) * this.#factor;
    if (whole > 0) this.#emit(run, columns, head, head + whole);
    if (head + whole < run.to) this.#collect(run, columns, head + whole, run.to);
  }

  /** What is left becomes a mean: at a gap, and after the last run. */
  end(): void {
    const [run, n] = [this.#last, this.#rows];
    if (!run || n === 0) return;
    const means = [...this.#sums].map((sum) => Float64Array.of(sum / n));
    this.#write(meanRun(run, means, Uint8Array.of(this.#flags), Float64Array.of(this.#energyJ)));
    this.#sums.fill(0);
    this.#rows = this.#flags = 0;
  }

  /** Rows [a, b), fewer than make a mean. */
  #collect(run: AlignedRun, columns: Columns, a: number, b: number): void {
    columns.forEach((x, c) => (this.#sums[c]! += x ? sumOf(x, a, b) : 0));
    this.#flags |= ored(run.flags, a, b);
    this.#energyJ = this.#energy.upTo(run, a, b);
    this.#rows += b - a;
  }

  /** Rows [a, b) that make whole means. */
  #emit(run: AlignedRun, columns: Columns, a: number, b: number): void {
    const factor = this.#factor;
    const rows = (b - a) / factor;
    const means = columns.map((x) => meansOf(x, a, rows, factor));
    const [flags, energyJ] = [new Uint8Array(rows), new Float64Array(rows)];
    for (let r = 0, i = a; r < rows; r++, i += factor) {
      flags[r] = ored(run.flags, i, i + factor);
      energyJ[r] = this.#energy.upTo(run, i, i + factor);
    }
    this.#write(meanRun(run, means, flags, energyJ));
  }
}

const columnsOf = ({ tNs, totalW, rails }: AlignedRun): Columns => [
  tNs,
  totalW,
  ...rails.flatMap((r) => [r.voltageV, r.currentA, r.powerW]),
];

/** @param means in the order of {@link columnsOf}; of what is not measured nothing is taken. */
function meanRun(
  run: AlignedRun,
  means: readonly Float64Array[],
  flags: Uint8Array,
  energyJ: Float64Array,
): MeanRun {
  const [tNs, totalW] = [means[0]!, means[1]!];
  const rails = run.rails.map((rail, k) => ({
    name: rail.name,
    voltageV: rail.voltageV && means[2 + 3 * k]!,
    currentA: rail.currentA && means[3 + 3 * k]!,
    powerW: means[4 + 3 * k]!,
  }));
  return { from: 0, to: flags.length, gapBefore: false, tNs, totalW, rails, flags, energyJ };
}

function ored(flags: Uint8Array, a: number, b: number): number {
  let all = 0;
  for (let i = a; i < b; i++) all |= flags[i]!;
  return all;
}

function meansOf(x: Float64Array | null, a: number, rows: number, factor: number): Float64Array {
  const out = new Float64Array(rows);
  if (!x) return out;
  for (let r = 0, i = a; r < rows; r++) {
    let sum = 0;
    for (const end = i + factor; i < end; i++) sum += x[i]!;
    out[r] = sum / factor;
  }
  return out;
}
