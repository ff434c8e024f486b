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
  const [first, ...rest] = sorted;
  return first && rest.length === 0 ? first : merged(sorted, emptyBeside(reads.tNs));
}

function sortedStretch({ tNs, value }: Reads, from: number, to: number): Reads {
  const t = Float64Array.from({ length: to - from }, (_, i) => tNs.at(from + i));
  const order = Uint32Array.from(t, (_, i) => i).sort((a, b) => t[a]! - t[b]!);
  const out = emptyBeside(tNs);
  for (const i of order) add(out, tNs.at(from + i), value.at(from + i));
  return out;
}

/** Of stretches that ascend; of one time the earlier stretch comes first. */
function merged(stretches: readonly Reads[], out: Reads): Reads {
  const heads = stretches.map((reads) => ({ reads, next: 0, tNs: reads.tNs.at(0) }));
  for (;;) {
    const head = heads.reduce((a, b) => (b.tNs < a.tNs ? b : a));
    if (head.tNs === Infinity) return out;
    const { tNs, value } = head.reads;
    add(out, head.tNs, value.at(head.next++));
    head.tNs = head.next < tNs.length ? tNs.at(head.next) : Infinity;
  }
}

export const emptyBeside = (c: ReadColumn): Reads => ({ tNs: c.beside(), value: c.beside() });

export function add(reads: Reads, t: number, v: number): void {
  reads.tNs.push(t);
  reads.value.push(v);
}
