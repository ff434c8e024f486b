// What of a run's trace is not to be trusted, all of it or stretches → why a window is in doubt.

import { type Observation, observed } from "../schema/findings.ts";
import type { SessionNs } from "../schema/time.ts";
import type { Window } from "./window.ts";
import { firstWhere } from "../stats/search.ts";

type Stretch = readonly [fromNs: SessionNs, toNs: SessionNs];

const CLIPPED = observed(
  "window-clipped",
  "a channel was clipped in it: its Joules are a lower bound",
);
/** A window may reach beyond what was observed by so much, whichever is less: seconds, and of its duration. */
const [BEYOND_NS, BEYOND_SHARE] = [1e9, 0.1];
const PAUSED = observed(
  "window-across-restart",
  "the device restarted or lost count in it, and what it missed is estimated",
);

export interface Grounds {
  readonly clipped?: readonly Stretch[];
  readonly pauses?: readonly Stretch[];
  /** From the first row or read to the last; null where there is none. */
  readonly observed?: Stretch | null;
  readonly everywhere?: readonly Observation[];
}

export class Doubts {
  /** What holds for every window: told once of the run. */
  readonly everywhere: readonly Observation[];
  readonly #clipped: Stretches;
  readonly #pauses: Stretches;
  readonly #observed: Stretch | null;

  constructor({ clipped = [], pauses = [], observed = null, everywhere = [] }: Grounds) {
    this.everywhere = everywhere;
    this.#observed = observed;
    this.#clipped = new Stretches(clipped);
    this.#pauses = new Stretches(pauses);
  }

  /** The window with every reason to doubt it. */
  on(w: Window): Window {
    const doubts = this.allOf(w);
    return doubts.length === 0 ? w : { ...w, doubts };
  }

  allOf(w: Pick<Window, "t0Ns" | "t1Ns" | "doubts">): Observation[] {
    return [...this.everywhere, ...this.of(w)];
  }

  /** Its own reasons. */
  of({ t0Ns, t1Ns, doubts }: Pick<Window, "t0Ns" | "t1Ns" | "doubts">): Observation[] {
    return [
      ...(doubts ?? []),
      ...(this.#clipped.touch(t0Ns, t1Ns) ? [CLIPPED] : []),
      ...(this.#pauses.touch(t0Ns, t1Ns) ? [PAUSED] : []),
      ...this.#beyond(t0Ns, t1Ns),
    ];
  }

  #beyond(t0Ns: SessionNs, t1Ns: SessionNs): Observation[] {
    if (!this.#observed) return [];
    const before = Math.max(0, this.#observed[0] - t0Ns);
    const after = Math.max(0, t1Ns - this.#observed[1]);
    if (before + after <= Math.min(BEYOND_NS, BEYOND_SHARE * (t1Ns - t0Ns))) return [];
    const parts = [
      ...(before > 0 ? [`${seconds(before)} s before the recording`] : []),
      ...(after > 0 ? [`${seconds(after)} s beyond its end`] : []),
    ];
    const text = `it reaches ${parts.join(" and ")}: what lies there was not observed`;
    return [observed("window-unobserved", text)];
  }
}

const seconds = (ns: number): string =>
  ns < 100e9 ? (ns / 1e9).toPrecision(3) : (ns / 1e9).toFixed(0);

/** Sorted by their ends' running maximum, so that the first that may touch is found by halves. */
class Stretches {
  readonly #list: readonly Stretch[];
  readonly #reach: Float64Array;

  constructor(list: readonly Stretch[]) {
    this.#list = [...list].sort((a, b) => a[0] - b[0]);
    let reach = -Infinity;
    this.#reach = Float64Array.from(this.#list, ([, to]) => (reach = Math.max(reach, to)));
  }

  touch(t0Ns: SessionNs, t1Ns: SessionNs): boolean {
    // The first whose reach comes so far is itself the one that reaches.
    const first = this.#list[firstWhere(0, this.#reach.length, (i) => this.#reach[i]! >= t0Ns)];
    return first !== undefined && first[0] <= t1Ns;
  }
}
