// Gaps as they pass by → the longest of them in a stretch of the run that ends now. Holds: of the gaps that are over
// only those that no later one outdoes, a few of millions, since whoever asks sees all that came after.

import { firstWhere } from "../stats/search.ts";
import { NS_PER_S, type SessionNs } from "../schema/time.ts";
import { mostOf } from "../stats/summary.ts";

interface Gap {
  readonly fromNs: SessionNs;
  readonly toNs: SessionNs;
}

const lengthNs = ({ fromNs, toNs }: Gap): number => toNs - fromNs;

export class Holes {
  /** Ascending in time, descending in length. */
  readonly #over: Gap[] = [];
  /** The one that time passes through. */
  #now: Gap | null = null;

  enter(fromNs: SessionNs, toNs: SessionNs): void {
    this.#now = { fromNs, toNs };
  }

  leave(): void {
    const gap = this.#now;
    this.#now = null;
    if (!gap) return;
    const outdone = this.#over.findIndex((g) => lengthNs(g) <= lengthNs(gap));
    if (outdone >= 0) this.#over.length = outdone;
    this.#over.push(gap);
  }

  /** Of the parts of gaps that lie in a window whose end is reached and not long past, s. */
  longestS(t0Ns: SessionNs, t1Ns: SessionNs): number {
    const over = this.#over;
    const first = firstWhere(0, over.length, (i) => over[i]!.toNs > t0Ns);
    // The first may lie in part before the window; the second is the longest of those that do not.
    const candidates = [...over.slice(first, first + 2), ...(this.#now ? [this.#now] : [])];
    const insideNs = candidates.map((g) => Math.min(g.toNs, t1Ns) - Math.max(g.fromNs, t0Ns));
    return Math.max(0, mostOf(insideNs, 0)) / NS_PER_S;
  }
}
