// The physical trace on a regular grid of session time, with its running sum: the mean power of any interval
// at the cost of two look-ups, for searches that ask for millions. Nothing enters a window's Joules from here.

import type { SessionNs } from "../../schema/time.ts";
import type { Outline } from "../../align/clocks/outline.ts";
import { type DaqClock, placeColumn } from "../../align/clocks/segments.ts";

/** Finer than any update period that a driver has (20 ms at least); coarser for traces of hours. */
const STEP_NS = 10e6;
const MAX_CELLS = 1 << 20;

/** The outline on session time. */
export interface PlacedTrace {
  readonly tNs: Float64Array;
  readonly powerW: Float64Array;
}

/** Without the rows that are no measurement: a line bridges them, as in a window's Joules. */
export function placedTrace(outline: Outline, clock: DaqClock): PlacedTrace {
  const [tNs, powerW] = [placeColumn(clock, outline.t), outline.powerW];
  if (powerW.every(Number.isFinite)) return { tNs, powerW };
  const isRead = (_: number, i: number): boolean => Number.isFinite(powerW[i]);
  return { tNs: tNs.filter(isRead), powerW: powerW.filter(isRead) };
}

export interface TraceMeans {
  readonly startNs: SessionNs;
  readonly endNs: SessionNs;
  readonly stepNs: number;
  covers(fromNs: SessionNs, toNs: SessionNs): boolean;
  /** Mean power of an interval that the trace covers, W. */
  meanW(fromNs: SessionNs, toNs: SessionNs): number;
}

export function traceMeans({ tNs: t, powerW }: PlacedTrace): TraceMeans {
  const [startNs, endNs] = [t[0] ?? 0, t[t.length - 1] ?? 0];
  const stepNs = Math.max(STEP_NS, (endNs - startNs) / MAX_CELLS);
  const cells = Math.max(1, Math.ceil((endNs - startNs) / stepNs));
  const sum = runningSum(t, powerW, startNs, stepNs, cells);
  const upTo = (tNs: SessionNs): number => {
    const x = (tNs - startNs) / stepNs;
    const k = x | 0;
    return sum[k]! + (x - k) * (sum[k + 1]! - sum[k]!);
  };
  return {
    startNs,
    endNs,
    stepNs,
    covers: (fromNs, toNs) => fromNs >= startNs && toNs <= endNs,
    meanW: (fromNs, toNs) => ((upTo(toNs) - upTo(fromNs)) * stepNs) / (toNs - fromNs),
  };
}

/** W · cells from the start to the beginning of each cell; one more than there are, for the very end. */
function runningSum(
  t: Float64Array,
  powerW: Float64Array,
  startNs: SessionNs,
  stepNs: number,
  cells: number,
): Float64Array {
  const sums = new Float64Array(cells + 2);
  let [i, last] = [0, powerW[0] ?? 0];
  for (let k = 0; k <= cells; k++) {
    const until = startNs + (k + 1) * stepNs;
    let [sum, n] = [0, 0];
    for (; i < t.length && t[i]! < until; i++, n++) sum += powerW[i]!;
    // A cell without rows holds the last power: a gap of the trace is nothing to correlate with.
    if (n > 0 && Number.isFinite(sum)) last = sum / n;
    sums[k + 1] = sums[k]! + last;
  }
  return sums;
}
