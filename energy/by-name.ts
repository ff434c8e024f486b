// Windows of one name → what they have in common: how many, and how their Joules and seconds spread. Exact,
// over all of them: their figures are sorted, quantiles lie on straight lines between neighbours (type 7 of
// Hyndman & Fan 1996, what most tools give).

import { NS_PER_S } from "../schema/time.ts";
import type { FigureColumns } from "./physical.ts";
import type { WindowList } from "./windows.ts";

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
  const rows = new Map<string, number[]>();
  for (let i = 0; i < list.count; i++) {
    if (list.isSum(i) || list.isKernel(i)) continue;
    const name = list.family(i);
    const own = rows.get(name);
    if (own) own.push(i);
    else rows.set(name, [i]);
  }
  const all = [...rows].map(([name, own]) => {
    const energies = Float64Array.from(own, (i) => figures?.energyJ[i] ?? NaN).filter(
      (j) => !Number.isNaN(j),
    );
    const durations = Float64Array.from(own, (i) => (list.t1Ns(i) - list.t0Ns(i)) / NS_PER_S);
    const energyJ = energies.length > 0 ? spreadOf(energies) : null;
    return {
      name,
      n: own.length,
      withoutEnergy: own.length - energies.length,
      energyJ,
      durationS: spreadOf(durations),
      totalJ: energyJ ? energyJ.mean * energies.length : 0,
    };
  });
  return all.sort((a, b) => b.totalJ - a.totalJ || b.n - a.n);
}

/** @param x at least one; it is sorted. */
export function spreadOf(x: Float64Array): Spread {
  const n = x.length;
  const mean = x.reduce((sum, v) => sum + v, 0) / n;
  const squares = x.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  x.sort();
  const quantile = (p: number): number => {
    const at = p * (n - 1);
    const low = Math.floor(at);
    return x[low]! + (at - low) * ((x[low + 1] ?? x[low]!) - x[low]!);
  };
  return {
    mean,
    sd: n > 1 ? Math.sqrt(squares / (n - 1)) : null,
    p50: quantile(0.5),
    p95: quantile(0.95),
  };
}
