// Windows of one name → what they have in common: how many, and how their Joules and seconds spread. Exact,
// over all of them: their figures are sorted, quantiles lie on straight lines between neighbours (type 7 of
// Hyndman & Fan 1996, what most tools give).

import { Names } from "../align/mark-table.ts";
import { deviationOf, meanOf, quantileOf } from "../stats/summary.ts";
import { NS_PER_S } from "../schema/time.ts";
import type { FigureColumns } from "./physical.ts";
import type { WindowList } from "./windows.ts";
import { valueAt } from "../stats/places.ts";

export interface Spread {
  readonly mean: number;
  /** Of the sample, n − 1; null for one. */
  readonly sd: number | null;
  readonly p50: number;
  readonly p95: number;
}

export interface NameSummary {
  readonly name: string;
  readonly n: number;
  /** Windows of it whose Joules are not known. */
  readonly withoutEnergy: number;
  readonly energyJ: Spread | null;
  readonly durationS: Spread;
  /** Sums of those that are known. */
  readonly totalJ: number;
}

/** Marked windows by the name that their marks have; sums of windows and kernels are others' business. */
export function summariesByName(list: WindowList, figures: FigureColumns | null): NameSummary[] {
  const known = new Float64Array(list.count);
  const all = [...rowsByName(list)].map(([name, rows]): NameSummary => {
    const of = (f: (row: number) => number): Float64Array => {
      let n = 0;
      for (const i of rows) if (!Number.isNaN((known[n] = f(i)))) n++;
      return known.subarray(0, n);
    };
    const energies = of((i) => figures?.energyJ[i] ?? NaN);
    const energyJ = energies.length > 0 ? spreadOf(energies) : null;
    return {
      name,
      n: rows.length,
      withoutEnergy: rows.length - energies.length,
      energyJ,
      durationS: spreadOf(of((i) => (list.t1Ns(i) - list.t0Ns(i)) / NS_PER_S)),
      totalJ: energyJ ? energyJ.mean * energies.length : 0,
    };
  });
  return all.sort((a, b) => b.totalJ - a.totalJ || b.n - a.n);
}

/** Each name's rows, ascending: one column of all of them, sorted by name. */
function* rowsByName(list: WindowList): Generator<[string, Uint32Array]> {
  const names = new Names();
  const counts: number[] = [];
  const nameOf = new Int32Array(list.count).fill(-1);
  for (let i = 0; i < list.count; i++) {
    if (list.isSum(i) || list.isKernel(i)) continue;
    const name = names.of(list.family(i));
    nameOf[i] = name;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  let end = 0;
  const ends = counts.map((n) => (end += n));
  const rows = new Uint32Array(end);
  const firsts = ends.map((to, name) => to - valueAt(counts, name));
  const next = [...firsts];
  nameOf.forEach((name, i) => {
    if (name < 0) return;
    const at = valueAt(next, name);
    rows[at] = i;
    next[name] = at + 1;
  });
  for (const [name, text] of names.list.entries())
    yield [text, rows.subarray(firsts[name], ends[name])];
}

/** @param x at least one; it is sorted. */
export function spreadOf(x: Float64Array): Spread {
  x.sort();
  return {
    mean: meanOf(x),
    sd: x.length > 1 ? deviationOf(x) : null,
    p50: quantileOf(x, 0.5),
    p95: quantileOf(x, 0.95),
  };
}
