// Reads of a telemetry channel as columns: those that hold a value, and those in the order of their time. Where
// all do, or all are, nothing is copied. Memory is bounded whatever their number: what is copied lies in columns
// again, and a sort holds one stretch of reads at a time.

import type { ReadColumn } from "./read-column.ts";
import { firstWhere } from "../stats/search.ts";

/** Stamps and values, one each a read. */
export interface Reads {
  readonly tNs: ReadColumn;
  readonly value: ReadColumn;
}

export interface GoodAndFailed {
  readonly good: Reads;
  /** Where among all reads the others stand. */
  readonly failed: ReadColumn;
}

/** In the order of the log. */
export function goodReads({ tNs, value }: Reads): GoodAndFailed {
  const failed = tNs.beside();
  for (let i = 0; i < value.length; i++) if (!Number.isFinite(value.at(i))) failed.push(i);
  if (failed.length === 0) return { good: { tNs, value }, failed };
  const good = emptyBeside(tNs);
  for (let i = 0; i < tNs.length; i++) {
    const v = value.at(i);
    if (Number.isFinite(v)) add(good, tNs.at(i), v);
  }
  return { good, failed };
}

/** Where among all reads the k-th good one stands. */
export function indexOfGood(k: number, failed: ReadColumn): number {
  // Before the n-th failed read stand failed.at(n) − n good ones.
  return k + firstWhere(0, failed.length, (n) => failed.at(n) - n >= k + 1);
}

/** Whether each comes after the one before it, or with it where `orEqual`. */
export function ascends(tNs: ReadColumn, orEqual: boolean): boolean {
  for (let i = 1, last = tNs.length > 0 ? tNs.at(0) : 0; i < tNs.length; i++) {
    const t = tNs.at(i);
    if (t < last || (t === last && !orEqual)) return false;
    last = t;
  }
  return true;
}

/** Reads that are sorted at a time: some 40 MB. */
const STRETCH = 1 << 20;

/** In ascending time; of one time, in the order in which they stand. */
export function inTimeOrder(reads: Reads, stretch = STRETCH): Reads {
  if (ascends(reads.tNs, true)) return reads;
  const sorted: Reads[] = [];
  for (let from = 0; from < reads.tNs.length; from += stretch)
    sorted.push(sortedStretch(reads, from, Math.min(from + stretch, reads.tNs.length)));
  return sorted.length === 1 ? sorted[0]! : merged(sorted);
}

function sortedStretch({ tNs, value }: Reads, from: number, to: number): Reads {
  const t = Float64Array.from({ length: to - from }, (_, i) => tNs.at(from + i));
  const v = Float64Array.from(t, (_, i) => value.at(from + i));
  const order = Uint32Array.from(t, (_, i) => i).sort((a, b) => t[a]! - t[b]!);
  const out = emptyBeside(tNs);
  for (const i of order) add(out, t[i]!, v[i]!);
  return out;
}

/** Of stretches that ascend; of one time the earlier stretch comes first. */
function merged(stretches: readonly Reads[]): Reads {
  const out = emptyBeside(stretches[0]!.tNs);
  const next = stretches.map(() => 0);
  const head = Float64Array.from(stretches, (s) => s.tNs.at(0));
  for (;;) {
    let k = 0;
    for (let other = 1; other < head.length; other++) if (head[other]! < head[k]!) k = other;
    if (head[k] === Infinity) return out;
    const { tNs, value } = stretches[k]!;
    add(out, head[k]!, value.at(next[k]!));
    head[k] = ++next[k]! < tNs.length ? tNs.at(next[k]!) : Infinity;
  }
}

export const emptyBeside = (c: ReadColumn): Reads => ({ tNs: c.beside(), value: c.beside() });

export function add(reads: Reads, t: number, v: number): void {
  reads.tNs.push(t);
  reads.value.push(v);
}
