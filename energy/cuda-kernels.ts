// Kernels → windows for those that the trace can resolve, Joules for all of them, and a table by name.
// In: kernels on the session clock, snapshots at their starts and ends. A run may hold a million: only some
// get a window with a budget, the others' Joules are differences of the running integral.

import { kernelName, recordAt, SOURCES } from "../align/clocks/cuda-kernels.ts";
import { type KernelTime, type KernelTimes, timeAt } from "../align/clocks/cuda-times.ts";
import { NS_PER_S } from "../schema/time.ts";
import { type Snapshots, Sum } from "./integrate.ts";
import type { Window } from "./window.ts";
import { valueAt } from "../stats/places.ts";

/** Windows with a full budget; a page and a document stay readable. Shared evenly among names. */
const MAX_WINDOWS = 256;
/** Rows that a kernel must cover for a window of its own: below, its Joules are interpolation. */
const MIN_ROWS = 2;

/** One kernel name. Energies are the whole board's while the kernel ran. */
export interface KernelSummary {
  readonly name: string;
  readonly count: number;
  readonly durationS: number;
  readonly energyJ: number;
  readonly meanJ: number;
  /** From the kernels of this name that have a window, as one relative uncertainty; null where none has. */
  readonly expandedUncertaintyJ: number | null;
  /** Part of `durationS` during which another kernel ran too: that energy is counted for both. */
  readonly sharedFraction: number;
  /** Kernels too short for a window of their own. */
  readonly tooShort: number;
}

/** How long a kernel ran; NaN where it has no end. */
export const lengthNs = (k: KernelTimes, row: number): number =>
  valueAt(k.endNs, row) - valueAt(k.startNs, row);

/** Kernels that have an end, by start. A lost end is a counted loss of the log. */
export const inOrder = (k: KernelTimes): number[] => byStart(k, (row) => lengthNs(k, row) > 0);

/** Kernels known by their launch alone, by launch. */
export function launchesOnly(k: KernelTimes): number[] {
  const submit = SOURCES.indexOf("submit");
  return byStart(k, (row) => k.source[row] === submit);
}

function byStart(k: KernelTimes, wanted: (row: number) => boolean): number[] {
  const rows = Array.from({ length: k.table.count }, (_, row) => row);
  return sortByStart(k, rows.filter(wanted));
}

const sortByStart = ({ startNs }: KernelTimes, rows: number[]): number[] =>
  rows.sort((a, b) => startNs[a]! - startNs[b]!);

/** Row of the table for each of its windows: of every name the longest, names in equal shares. */
export function chosen(k: KernelTimes, rowNs: number): number[] {
  const groups = new Map<string, number[]>();
  for (const i of inOrder(k)) {
    if (lengthNs(k, i) < MIN_ROWS * rowNs) continue;
    const name = kernelName(k.table, i);
    const group = groups.get(name);
    if (group) group.push(i);
    else groups.set(name, [i]);
  }
  const share = Math.max(1, Math.floor(MAX_WINDOWS / Math.max(1, groups.size)));
  const longest = [...groups.values()].map((g) =>
    g.sort((a, b) => lengthNs(k, b) - lengthNs(k, a)).slice(0, share),
  );
  return sortByStart(k, longest.flat());
}

/** Standard uncertainty of a kernel's start; 0 where nothing bounds it. */
export const startUNs = ({ loNs, hiNs }: KernelTime): number =>
  // Anywhere between the bounds: a uniform distribution (JCGM 100:2008, 4.3.7).
  loNs >= 0 ? (hiNs - loNs) / 2 / Math.sqrt(3) : 0;

export function kernelWindow(k: KernelTimes, i: number): Window {
  const time = timeAt(k, i);
  const uNs = startUNs(time);
  return {
    name: kernelName(k.table, i),
    kind: "kernel",
    t0Ns: time.startNs,
    t1Ns: time.endNs,
    u0Ns: uNs,
    u1Ns: uNs,
    fields: kernelFields(k, i),
  };
}

/** What is known of a kernel besides its times, for events.arrow. Absent where not known. */
export function kernelFields(k: KernelTimes, i: number): Record<string, string | number> {
  const { loNs, hiNs } = timeAt(k, i);
  const { submitNs, gpu, stream, grid, block, pid, correlation } = recordAt(k.table, i);
  return {
    source: valueAt(SOURCES, valueAt(k.source, i)),
    ...(Number.isNaN(loNs) ? {} : { start_lo_ns: Math.round(loNs) }),
    ...(Number.isNaN(hiNs) ? {} : { start_hi_ns: Math.round(hiNs) }),
    ...(Number.isNaN(submitNs) ? {} : { submit_ns: submitNs }),
    gpu,
    stream,
    grid,
    block,
    pid,
    correlation,
  };
}

/** Board Joules while each kernel ran, in the table's order; NaN where it has no end. */
export function kernelEnergies(k: KernelTimes, s: Snapshots): Float64Array {
  return k.startNs.map((startNs, i) => {
    const endNs = valueAt(k.endNs, i);
    if (!(endNs > startNs)) return NaN;
    return s.between(startNs, endNs, Sum.energyJ) + s.between(startNs, endNs, Sum.gapJ);
  });
}

interface Tally {
  count: number;
  durationS: number;
  energyJ: number;
  sharedS: number;
  tooShort: number;
  windowsJ: number;
  windowsU: number;
}

/** @param windows rows that have a window, with its expanded uncertainty. */
export function summarise(
  k: KernelTimes,
  energyJ: Float64Array,
  rowNs: number,
  windows: ReadonlyMap<number, { readonly energyJ: number; readonly expandedUncertaintyJ: number }>,
): KernelSummary[] {
  const rows = inOrder(k);
  const shared = sharedNs(k, rows);
  const tallies = new Map<string, Tally>();
  rows.forEach((i, at) => {
    const t = tally(tallies, kernelName(k.table, i));
    const ns = lengthNs(k, i);
    t.count++;
    t.durationS += ns / NS_PER_S;
    t.sharedS += valueAt(shared, at) / NS_PER_S;
    t.energyJ += valueAt(energyJ, i);
    if (ns < MIN_ROWS * rowNs) t.tooShort++;
    const w = windows.get(i);
    if (!w) return;
    t.windowsJ += w.energyJ;
    t.windowsU += w.expandedUncertaintyJ;
  });
  return [...tallies]
    .map(([kernel, t]) => finished(kernel, t))
    .sort((a, b) => b.energyJ - a.energyJ || b.durationS - a.durationS);
}

function tally(tallies: Map<string, Tally>, kernel: string): Tally {
  const known = tallies.get(kernel);
  if (known) return known;
  const zero = { count: 0, durationS: 0, energyJ: 0, sharedS: 0 };
  const made = { ...zero, tooShort: 0, windowsJ: 0, windowsU: 0 };
  tallies.set(kernel, made);
  return made;
}

/** Uncertainties of one kernel's repeats add: gain and offset, which rule them, are common to all. */
function finished(kernel: string, t: Tally): KernelSummary {
  const relative = t.windowsJ > 0 ? t.windowsU / t.windowsJ : NaN;
  return {
    name: kernel,
    count: t.count,
    durationS: t.durationS,
    energyJ: t.energyJ,
    meanJ: t.energyJ / t.count,
    expandedUncertaintyJ: Number.isNaN(relative) ? null : relative * Math.abs(t.energyJ),
    sharedFraction: t.durationS > 0 ? t.sharedS / t.durationS : 0,
    tooShort: t.tooShort,
  };
}

/** For each row, how long another kernel ran beside it. @param rows by start. */
function sharedNs(k: KernelTimes, rows: readonly number[]): Float64Array {
  const shared = new Float64Array(rows.length);
  // Kernels that run, by place in rows; and until when the time has been counted.
  let open: { readonly at: number; readonly endNs: number }[] = [];
  let now = 0;
  const advance = (to: number): void => {
    for (;;) {
      const first = open.reduce((least, { endNs }) => Math.min(least, endNs), to);
      if (open.length > 1) for (const { at } of open) shared[at]! += first - now;
      now = first;
      open = open.filter(({ endNs }) => endNs > now);
      if (now >= to) return;
      if (open.length === 0) now = to;
    }
  };
  rows.forEach((i, at) => {
    const { startNs, endNs } = timeAt(k, i);
    advance(startNs);
    open.push({ at, endNs });
  });
  advance(Infinity);
  return shared;
}
