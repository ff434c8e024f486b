// What an ideal channel with a filter would have claimed for a window, read at the same instants: a claim is a sum of
// what its reads show, each for its share of the window; reads of one update show the same mean of the trace.

import { NS_PER_S, type SessionNs } from "../../schema/time.ts";
import type { PowerPrefix } from "./prefix.ts";
import type { Series } from "./series.ts";

/** What reads of a window show, update by update. */
export interface Shown {
  readonly tNs: readonly SessionNs[];
  /** Standard uncertainty of each instant, ns. */
  readonly uNs: readonly SessionNs[];
  /** For how much of the window each stands in the integral by trapezoid, ns. */
  readonly weightNs: readonly SessionNs[];
}

/** The mean over a window that ended so long before an update. */
export interface Averaged {
  readonly windowNs: number;
  readonly delayNs: number;
}

/** @param updateNs how old the first read's value may be. */
export function shownIn(s: Series, t0: SessionNs, t1: SessionNs, updateNs: number): Shown {
  const { tNs, value, updates } = s;
  const a = Math.max(0, tNs.firstAtOrAfter(t0) - 1);
  const b = Math.min(tNs.length, tNs.firstAtOrAfter(t1) + 1);
  const shown: Columns = { tNs: [], uNs: [], weightNs: [] };
  let [before, last] = [NaN, NaN];
  for (let i = a; i < b; i++) {
    const [t, v] = [tNs.at(i), value.at(i)];
    // Between two updates a channel is read many times.
    const isNew = i === a || v !== last;
    const [left, right] =
      i === a ? [0, Math.max(0, Math.min(t, t1) - t0)] : shares(before, t, t0, t1);
    addTo(shown, left);
    if (isNew) {
      // What the first read of a window shows may be older than the read.
      const first = i === a ? s.firstAlike(a) : i;
      const [at, u] = updates.at(first);
      const isKnown = first > 0;
      shown.tNs.push(isKnown ? at : at - updateNs / 2);
      shown.uNs.push(isKnown ? u : updateNs / Math.sqrt(12));
      shown.weightNs.push(0);
    }
    addTo(shown, right);
    [before, last] = [t, v];
  }
  addTo(shown, Math.max(0, t1 - Math.max(t0, before)));
  return shown;
}

interface Columns {
  readonly tNs: number[];
  readonly uNs: number[];
  readonly weightNs: number[];
}

/** To the update that is shown last. */
function addTo({ weightNs }: Columns, ns: number): void {
  const last = weightNs.length - 1;
  if (last >= 0) weightNs[last] = (weightNs[last] ?? 0) + ns;
}

/** Of the straight line between two reads, as far as it lies in [t0, t1]: how long each of them stands for. */
function shares(before: SessionNs, t: SessionNs, t0: SessionNs, t1: SessionNs): [number, number] {
  const [from, to] = [Math.max(before, t0), Math.min(t, t1)];
  if (!(to > from)) return [0, 0];
  const right = ((from + to) / 2 - before) / (t - before);
  return [(to - from) * (1 - right), (to - from) * right];
}

/**
 * Where the filter looks beyond the trace the power is not known: anything between the trace's least and most.
 * @returns lowest and highest, J.
 */
export function idealJ(shown: Shown, trace: PowerPrefix, f: Averaged): readonly [number, number] {
  const [least, most] = trace.rangeW;
  let [low, high] = [0, 0];
  shown.tNs.forEach((t, k) => {
    const end = t - f.delayNs;
    const from = end - f.windowNs;
    const unseen = Math.max(0, trace.startNs - from) + Math.max(0, end - trace.endNs);
    const share = Math.min(1, unseen / f.windowNs);
    // Beyond its ends the trace adds nothing to its mean.
    const seen = trace.meanW(from, end);
    const weight = shown.weightNs[k]!;
    low += weight * (seen + share * least);
    high += weight * (seen + share * most);
  });
  return [low / NS_PER_S, high / NS_PER_S];
}

/**
 * Standard uncertainty, J, of that: each update's instant is known to its own uncertainty, and what the filter left of
 * the updates that it was fitted to, W, it leaves of these. The larger of both: the one is part of the other.
 */
export function idealUJ(
  shown: Shown,
  trace: PowerPrefix,
  { windowNs, delayNs, residualW }: Averaged & { readonly residualW: number },
): number {
  let squares = 0;
  shown.tNs.forEach((t, k) => {
    const end = t - delayNs;
    const wPerNs = (trace.at(end) - trace.at(end - windowNs)) / windowNs;
    const moved = Math.abs(wPerNs) * shown.uNs[k]!;
    squares += (shown.weightNs[k]! * Math.max(moved, residualW)) ** 2;
  });
  return Math.sqrt(squares) / NS_PER_S;
}
