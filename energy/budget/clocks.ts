// What the doubt of the DAQ's clock comes to in a window. In: its fit. Out: terms of the budget.

import { type ClockModel } from "../../align/clocks/clock.ts";
import { type DaqClock, pausesOf, segmentAt } from "../../align/clocks/segments.ts";
import { NS_PER_S } from "../../schema/time.ts";
import { rootSquares } from "../../stats/summary.ts";
import { Sum } from "../integrate.ts";
import type { Integrals } from "../snapshots.ts";
import type { Window } from "../window.ts";
import { ownOf, type Seen, type ShiftedEnds, type Source } from "./term.ts";

/** Instants whose snapshots a window's budget needs, besides its own ends. */
export function shiftedEnds(w: Window, clock: DaqClock): ShiftedEnds {
  const [a, b] = [w.t0Ns, w.t1Ns];
  const [start, end] = [segmentAt(clock, a).model, segmentAt(clock, b).model];
  const rate = (t: number, m: ClockModel): number => (t - m.refNs) * m.uRate;
  const [u0, u1] = [rate(a, start), rate(b, end)];
  return {
    offset: [a - start.uOffsetNs, b - end.uOffsetNs, a + start.uOffsetNs, b + end.uOffsetNs],
    rate: [a - u0, b - u1, a + u0, b + u1],
  };
}

/**
 * The window's ends are fixed in session time; a wrong clock moves the trace under them. Under both alike where
 * one segment holds them; else under each for itself, and what lies between the segments is longer or shorter.
 */
export function clockSources(clock: DaqClock): Source[] {
  const across = (w: Window): boolean => segmentAt(clock, w.t0Ns) !== segmentAt(clock, w.t1Ns);
  const worst = ({ w, s, energyJ }: Seen, [a0, a1, b0, b1]: ShiftedEnds["offset"]): number => {
    /** What more there is if the clock is late by its doubt; taken from its being early, where that says more. */
    const most = (early: readonly [number, number], late: readonly [number, number]): number => {
      const off = ([a, b]: readonly [number, number]): number =>
        s.between(a, b, Sum.energyJ) - energyJ;
      const [less, more] = [off(early), off(late)];
      return Math.abs(less) > Math.abs(more) ? -less : more;
    };
    if (!across(w)) return most([a0, a1], [b0, b1]);
    const [begin, end] = [most([a0, w.t1Ns], [b0, w.t1Ns]), most([w.t0Ns, a1], [w.t0Ns, b1])];
    return Math.hypot(begin, end);
  };
  // What wanders, or begins anew, need not be off the same way in two windows.
  const steady = clock.segments.length === 1 && !clock.segments[0]?.model.wander;
  const windows = steady ? "one error" : "unknown";
  return [
    { term: "clock offset", type: "B", windows, of: (c) => worst(c, c.shifted.offset) },
    { term: "clock rate", type: "B", windows, of: (c) => worst(c, c.shifted.rate) },
    ownOf("clock between segments", "B", ({ w, s }) =>
      across(w) ? betweenSegments(w, s, clock) : 0,
    ),
  ];
}

/** Rows missing between segments for so long as nobody knows, at the power by which that is bridged; a pause has none. */
function betweenSegments(w: Window, s: Integrals, clock: DaqClock): number {
  const inside = pausesOf(clock).filter((p) => p.toNs > w.t0Ns && p.fromNs < w.t1Ns);
  const gapS = s.between(w.t0Ns, w.t1Ns, Sum.gapS);
  if (gapS === 0 && s.between(w.t0Ns, w.t1Ns, Sum.pauseS) > 0) return 0;
  const coveredS = s.between(w.t0Ns, w.t1Ns, Sum.coveredS);
  const bridgeW =
    gapS > 0
      ? s.between(w.t0Ns, w.t1Ns, Sum.gapJ) / gapS
      : s.between(w.t0Ns, w.t1Ns, Sum.energyJ) / coveredS;
  const contributionJ = (rootSquares(inside.map((p) => p.lengthUNs)) / NS_PER_S) * bridgeW;
  return Number.isFinite(contributionJ) ? Math.abs(contributionJ) : 0;
}
