// Runs of rows → means over `factor` rows, for `fuse --rate`. A stretch without gaps is one thing: means go
// on from run to run, and start again only at a gap, where what is left of a stretch is a shorter mean. Flags
// are ORed. Joules are those of all rows, to the end of the last one in each mean.

import { sumOf } from "../stats/columns.ts";
import type { AlignedRun } from "../align/timeline.ts";
import { RunningEnergy } from "./running-energy.ts";

/** A run of means, with the Joules that their own trapezoid would miss. */
export interface MeanRun extends AlignedRun {
  readonly energyJ: Float64Array;
}

type Columns = readonly (Float64Array | null)[];

/** Means that are written at a time. */
const ROOM = 8192;

export class Decimator {
  readonly #factor: number;
  readonly #energy: RunningEnergy;
  readonly #write: (means: MeanRun) => void;
  /** Sums over the rows of the mean that is not whole yet: column by column, time first. */
  #sums = new Float64Array(0);
  #rows = 0;
  #rowFlags = 0;
  #rowEnergyJ = 0;
  /** Whole means that are not written yet: used again and again, in the shape of the runs. */
  #means: MeanRun | undefined;
  #into: readonly Float64Array[] = [];
  #n = 0;
  #rails: AlignedRun["rails"] | undefined;
  #from: Columns = [];

  /** @param holdsNs as {@link RunningEnergy} wants it. @param write sees means as long as it runs. */
  constructor(factor: number, holdsNs: number, write: (means: MeanRun) => void) {
    this.#factor = factor;
    this.#energy = new RunningEnergy(holdsNs);
    this.#write = write;
  }

  add(run: AlignedRun): void {
    if (run.gapBefore) this.#complete();
    this.#columnsOf(run);
    for (let i = run.from; i < run.to;) {
      const whole = this.#rows === 0 ? Math.floor((run.to - i) / this.#factor) : 0;
      const means = Math.min(whole, ROOM - this.#n);
      const to = means > 0 ? i + means * this.#factor : this.#missing(i, run.to);
      if (means > 0) this.#meansOf(run, i, means);
      else this.#collect(run, i, to);
      i = to;
    }
  }

  /** What is left becomes a mean: after the last run. */
  end(): void {
    this.#complete();
    this.#flush();
  }

  /** Columns are those of the run before, as a rule; what is measured does not change. */
  #columnsOf(run: AlignedRun): void {
    if (run.rails === this.#rails && run.tNs === this.#from[0]) return;
    this.#rails = run.rails;
    this.#from = columnsOf(run);
    if (this.#means) return;
    this.#sums = new Float64Array(this.#from.length);
    this.#into = this.#from.map(() => new Float64Array(ROOM));
    this.#means = meanRun(run, this.#into, new Uint8Array(ROOM), new Float64Array(ROOM));
  }

  /** Where the rows end that the mean at hand still misses. */
  #missing = (from: number, to: number): number => Math.min(to, from + this.#factor - this.#rows);

  /** Rows [a, b), fewer than make a mean by themselves. */
  #collect(run: AlignedRun, a: number, b: number): void {
    this.#from.forEach((x, c) => (this.#sums[c]! += x ? sumOf(x, a, b) : 0));
    this.#rowFlags |= ored(run.flags, a, b);
    this.#rowEnergyJ = this.#energy.upTo(run, a, b);
    this.#rows += b - a;
    if (this.#rows === this.#factor) this.#complete();
  }

  #complete(): void {
    const [means, n] = [this.#means, this.#rows];
    if (!means || n === 0) return;
    this.#into.forEach((out, c) => (out[this.#n] = this.#sums[c]! / n));
    means.flags[this.#n] = this.#rowFlags;
    means.energyJ[this.#n] = this.#rowEnergyJ;
    this.#sums.fill(0);
    this.#rows = this.#rowFlags = 0;
    this.#added(1);
  }

  /** Rows from `a` on that make whole means. */
  #meansOf(run: AlignedRun, a: number, rows: number): void {
    const [factor, n] = [this.#factor, this.#n];
    const { flags, energyJ, totalW } = this.#means!;
    const { kernels } = run;
    this.#from.forEach((x, c) => {
      const into = this.#into[c]!;
      if (x === run.tNs) fillMiddles(run, a, rows, factor, into, n);
      else if (x && kernels) kernels.means(x, a, rows, factor, into, n);
      else if (x) fillMeans(x, a, rows, factor, into, n);
    });
    if (anyIn(run.flags, a, a + rows * factor))
      for (let r = 0, i = a; r < rows; r++, i += factor)
        flags[n + r] = ored(run.flags, i, i + factor);
    else flags.fill(0, n, n + rows);
    this.#energy.toMeans(run, a, rows, factor, totalW, energyJ, n);
    this.#added(rows);
  }

  #added(means: number): void {
    this.#n += means;
    if (this.#n === ROOM) this.#flush();
  }

  #flush(): void {
    if (this.#n > 0) this.#write({ ...this.#means!, to: this.#n });
    this.#n = 0;
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

/** Eight rows at a time: hardly any has a flag. */
function anyIn(flags: Uint8Array, a: number, b: number): boolean {
  const [from, to] = [flags.byteOffset + a, flags.byteOffset + b];
  const eights = new Float64Array(flags.buffer, from & ~7, (to - (from & ~7)) >> 3);
  // A double whose bits are not all 0 is not 0, but for -0: a flag of 128 in the last row, which there is not.
  for (let k = 0; k < eights.length; k++) if (eights[k] !== 0) return true;
  return ored(flags, Math.max(a, b - 8), b) !== 0;
}

/** Means of the times: the middle of the first and the last, where rows are equally far apart. */
function fillMiddles(
  { tNs, periodNs }: AlignedRun,
  a: number,
  rows: number,
  factor: number,
  out: Float64Array,
  at: number,
): void {
  if (periodNs === undefined) return fillMeans(tNs, a, rows, factor, out, at);
  for (let r = 0, i = a; r < rows; r++, i += factor)
    out[at + r] = (tNs[i]! + tNs[i + factor - 1]!) / 2;
}

function fillMeans(
  x: Float64Array,
  a: number,
  rows: number,
  factor: number,
  out: Float64Array,
  at: number,
): void {
  for (let r = 0, i = a; r < rows; r++) {
    let sum = 0;
    for (const end = i + factor; i < end; i++) sum += x[i]!;
    out[at + r] = sum / factor;
  }
}
