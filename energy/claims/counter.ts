// Readings of an energy counter → what was counted, and where nobody knows what was drawn. In: good reads, ascending.
// Out: the readings alone, each with what had been counted by then; stretches in which more may have been drawn.
// Holds: a counter only rises. Where a reading is below the one before it, or above it by more than its source can
// draw, one of four things happened, told apart by the rate that each of them would mean: it wrapped (a modulus is
// known, and what it would have counted can have been drawn), a few reads are none (it is back where it was with the
// next), or it began anew (a driver was reloaded, the machine slept): then what was drawn in that step is lost.

import { add, ascends, emptyBeside, type Reads } from "../../align/good-reads.ts";
import type { ReadColumn } from "../../align/read-column.ts";
import { NS_PER_S, type SessionNs } from "../../schema/time.ts";
import { streamedMedian } from "../../stats/streamed-median.ts";

/** What a counter can do, by its source. */
export interface CounterKind {
  /** Its modulus, J, where it is known. */
  readonly wrapsAt: number | undefined;
  /** No device of its kind draws more, W. */
  readonly mostW: number;
}

/** More than was counted may have been drawn in it. */
export type Open = readonly [fromNs: SessionNs, toNs: SessionNs];

export interface Count {
  /** Readings; their values go on where the counter wrapped or began anew. */
  readonly reads: Reads;
  readonly open: readonly Open[];
  /** Reads that were none. */
  readonly strays: number;
  /** How often it began anew: below where it was, or above. */
  readonly fell: number;
  readonly leapt: number;
  /** The longest time, ns, for which it stood still as it never did else; 0 where it did not. */
  readonly stoodNs: SessionNs;
  /** Usual distance of two changes, ns, and the most it counted between two, W. */
  readonly updateNs: SessionNs;
  readonly mostW: number;
}

/** More reads than so many in a row are no slip of a driver's. */
const STRAYS = 16;
/** A source of long updates may show all of one second's at once; one that wraps is a processor's, of quick ones. */
const [SHOWN_AT_ONCE_NS, SHOWN_AT_WRAP_NS] = [1e9, 0.1e9];
/** Standing still is told where it lasts so many times as long as it ever did else, and as long as this. */
const [STILL_TIMES, STILL_NS] = [10, 1e9];
/** Of what it usually counts in that time: less was not counted later. */
const CAUGHT_UP = 0.1;

export function countOf(reads: Reads, kind: CounterKind): Count {
  const usual = changesOf(reads);
  const lastsNs = reads.tNs.length > 0 ? reads.tNs.at(reads.tNs.length - 1) - reads.tNs.at(0) : 0;
  if (usual.distanceNs === 0 && lastsNs > STILL_NS) return dead(reads, lastsNs);
  const slips = slipsOf(reads, kind, usual.rate);
  const { kept, open } = unrolled(reads, slips, kind);
  const changes = changesOf(kept);
  const [standsFrom, standsTo] = stillness(kept, changes);
  const stoodNs = standsTo - standsFrom;
  if (stoodNs > 0) open.push([standsFrom, standsTo]);
  for (const turns of mayHaveTurned(reads, kind, usual.rate)) open.push(turns);
  const { strays, anew, leapt } = slips;
  return {
    ...{ reads: kept, open, stoodNs, leapt, strays: strays.length, fell: anew.length - leapt },
    ...{ updateNs: changes.distanceNs, mostW: NS_PER_S * changes.most },
  };
}

/** One that never moved says nothing, not even that nothing was drawn. */
const dead = ({ tNs }: Reads, stoodNs: SessionNs): Count => ({
  ...{ reads: emptyBeside(tNs), open: [], stoodNs },
  ...{ strays: 0, fell: 0, leapt: 0, updateNs: 0, mostW: 0 },
});

interface Changes {
  /** Medians over changes: J/ns of each since the change before it, and their distance. */
  readonly rate: number;
  readonly distanceNs: SessionNs;
  /** The largest rate, two changes taken to be half the usual distance apart at least, J/ns. */
  readonly most: number;
}

/** Calls with each rise from one change of the value to the next, and how long it took. */
function eachChange({ tNs, value }: Reads, see: (j: number, ns: SessionNs) => void): void {
  let [t, v] = [NaN, NaN];
  for (let i = 0; i < tNs.length; i++) {
    const next = value.at(i);
    if (next === v) continue;
    if (next > v && tNs.at(i) > t) see(next - v, tNs.at(i) - t);
    [t, v] = [tNs.at(i), next];
  }
}

function changesOf(reads: Reads): Changes {
  const medianOf = (of: (j: number, ns: SessionNs) => number): number =>
    streamedMedian((see) => {
      eachChange(reads, (j, ns) => see(of(j, ns)));
    }, reads.tNs.length);
  const distanceNs = medianOf((_, ns) => ns);
  let most = 0;
  eachChange(reads, (j, ns) => (most = Math.max(most, j / Math.max(ns, distanceNs / 2))));
  return { rate: medianOf((j, ns) => j / ns), distanceNs, most };
}

/** Where the readings do not rise as they should; all ascending. */
interface Slips {
  /** Reads that are none, and those at which the counter began anew. */
  readonly strays: ReadColumn;
  readonly anew: ReadColumn;
  /** Of `anew`: above where it was. */
  readonly leapt: number;
}

function slipsOf(reads: Reads, kind: CounterKind, usual: number): Slips {
  const { tNs, value } = reads;
  const strays = tNs.beside();
  const anew = tNs.beside();
  let leapt = 0;
  const rate = (a: number, b: number): number =>
    (value.at(b) - value.at(a)) / (tNs.at(b) - tNs.at(a));
  /** Whether the one rate is the nearer to the usual one. */
  const isLikelier = (a: number, b: number): boolean => Math.abs(a - usual) <= Math.abs(b - usual);
  const canDraw = (j: number, ns: SessionNs, atOnceNs = SHOWN_AT_ONCE_NS): boolean =>
    j <= (kind.mostW / NS_PER_S) * (ns + atOnceNs);
  /** The first read after i of those that may be strays where the counter is back at `last` or above it, and stays. */
  const backAfter = (i: number, last: number, falls: boolean): number | undefined => {
    for (let m = i + 1; m < Math.min(value.length, i + STRAYS + 1); m++) {
      const isBack = value.at(m) >= value.at(last) && (falls || value.at(m) < value.at(i));
      if (isBack && canDraw(value.at(m) - value.at(last), tNs.at(m) - tNs.at(last)))
        return !falls || isLikelier(rate(last, m), rate(m - 1, m)) ? m : undefined;
    }
    return undefined;
  };
  /** The last read before the one before i that i goes on from, where those between stood too high. */
  const beforeSpike = (i: number): number | undefined => {
    for (let j = i - 2; j >= Math.max(0, i - STRAYS - 1); j--)
      if (value.at(j) <= value.at(i)) return isLikelier(rate(j, i), rate(j, j + 1)) ? j : undefined;
    return undefined;
  };
  const stray = (from: number, to: number): void => {
    for (let i = from; i < to; i++) strays.push(i);
  };
  if (ascends(value, true) && !steps(reads, (j, ns) => !canDraw(j, ns)))
    return { strays, anew, leapt };
  for (let i = 1, last = 0; i < value.length; i++) {
    const [grown, ns] = [value.at(i) - value.at(last), tNs.at(i) - tNs.at(last)];
    const turned =
      grown < 0 &&
      kind.wrapsAt !== undefined &&
      canDraw(grown + kind.wrapsAt, ns, SHOWN_AT_WRAP_NS);
    if ((grown >= 0 && canDraw(grown, ns)) || turned) {
      last = i;
      continue;
    }
    const back = backAfter(i, last, grown < 0);
    const spike = grown < 0 && last === i - 1 ? beforeSpike(i) : undefined;
    if (spike !== undefined && (back === undefined || i - spike - 1 <= back - i)) {
      stray(spike + 1, i);
      last = i;
    } else if (back !== undefined) {
      stray(i, back);
      last = i = back;
    } else {
      anew.push(i);
      if (grown > 0) leapt++;
      last = i;
    }
  }
  return { strays, anew, leapt };
}

/** Whether some step of the readings is as asked. */
function steps({ tNs, value }: Reads, test: (j: number, ns: SessionNs) => boolean): boolean {
  for (let i = 1; i < value.length; i++)
    if (test(value.at(i) - value.at(i - 1), tNs.at(i) - tNs.at(i - 1))) return true;
  return false;
}

/** Readings as one rising count, from its first on. */
function unrolled(
  reads: Reads,
  { strays, anew }: Slips,
  { wrapsAt }: CounterKind,
): { kept: Reads; open: Open[] } {
  const { tNs, value } = reads;
  const open: Open[] = [];
  if (strays.length === 0 && ascends(value, true) && anew.length === 0)
    return { kept: reads, open };
  const kept = emptyBeside(tNs);
  let [nextStray, nextAnew, carried, last, t] = [0, 0, 0, -Infinity, 0];
  for (let i = 0; i < value.length; i++) {
    if (nextStray < strays.length && strays.at(nextStray) === i) {
      nextStray++;
      continue;
    }
    const v = value.at(i);
    if (nextAnew < anew.length && anew.at(nextAnew) === i) {
      nextAnew++;
      carried += last - v;
      open.push([t, tNs.at(i)]);
    } else if (v < last) carried += wrapsAt ?? last - v;
    [t, last] = [tNs.at(i), v];
    add(kept, t, v + carried);
  }
  return { kept, open };
}

/** Steps in which it may have gone round once more than it shows: it usually does in that time. */
function mayHaveTurned({ tNs }: Reads, { wrapsAt }: CounterKind, rate: number): Open[] {
  const found: Open[] = [];
  if (wrapsAt === undefined) return found;
  for (let i = 1; i < tNs.length; i++)
    if (rate * (tNs.at(i) - tNs.at(i - 1)) >= wrapsAt) found.push([tNs.at(i - 1), tNs.at(i)]);
  return found;
}

/**
 * The one stretch, if any, in which the counter stood still as it never did else, and did not make up for it: one that
 * counts in large units, of a load that is sometimes small, stands still often.
 */
function stillness({ tNs, value }: Reads, { rate, distanceNs }: Changes): Open {
  const none: Open = [0, 0];
  if (tNs.length === 0) return none;
  let [longest, second, found] = [0, 0, none];
  let [since, v] = [tNs.at(0), value.at(0)];
  const end = (t: SessionNs, grown: number): void => {
    const ns = t - since;
    if (ns > longest) {
      second = longest;
      longest = ns;
      found = grown < CAUGHT_UP * rate * ns ? [since, t] : none;
    } else second = Math.max(second, ns);
  };
  for (let i = 1; i < tNs.length; i++) {
    if (value.at(i) === v) continue;
    end(tNs.at(i), value.at(i) - v);
    [since, v] = [tNs.at(i), value.at(i)];
  }
  end(tNs.at(tNs.length - 1), 0);
  return longest > STILL_NS && longest > STILL_TIMES * Math.max(second, distanceNs) ? found : none;
}
