// A term of a window's budget: one source of doubt, the same in every window of a run, and what it comes to in one.

import type { Integrals } from "../snapshots.ts";
import type { Window } from "../window.ts";

export interface BudgetTerm {
  readonly term: string;
  /** A: from statistics of this run; B: from calibration, specification, geometry. */
  readonly type: "A" | "B";
  /**
   * With the same term of another window of the run, as both move the Joules: 1 or −1 where they are one error, 0 where
   * they have nothing to do with each other, null where nobody knows.
   */
  readonly correlation: 1 | -1 | 0 | null;
  /** Standard uncertainty in joules. */
  readonly contributionJ: number;
}

/** A window, its integrals, and what several sources of doubt ask of them. */
export interface Seen {
  readonly w: Window;
  readonly s: Integrals;
  /** Without its pauses. */
  readonly durationS: number;
  readonly energyJ: number;
  /** That over what of it was observed. */
  readonly whole: number;
  /** Standard uncertainty of its mean power by noise, W: in all; and of it what the run's own mean is off by. */
  readonly noiseW: number;
  readonly runNoiseW: number;
  readonly shifted: ShiftedEnds;
}

/** A window's ends moved by the clock's doubt, ns: begin and end early, begin and end late. */
export interface ShiftedEnds {
  readonly offset: readonly [number, number, number, number];
  readonly rate: readonly [number, number, number, number];
}

/** One row of the budget. */
export interface Source extends Pick<BudgetTerm, "term" | "type"> {
  /** What its errors in two windows have to do with each other. */
  readonly windows: "one error" | "independent" | "unknown";
  /** Degrees of freedom of its estimate; absent: without end. */
  readonly dof?: number;
  /** What it comes to in a window, J; with its sign where the windows share one error. */
  readonly of: (seen: Seen) => number;
}

/** What nobody knows but by its statement, the same in all windows. */
export const stated = (term: string, of: Source["of"]): Source => ({
  term,
  type: "B",
  windows: "one error",
  of,
});

/** What is another error in each window. */
export const ownOf = (term: string, type: Source["type"], of: Source["of"]): Source => ({
  term,
  type,
  windows: "independent",
  of,
});
