// The numbers of trigger edges, line by line → how many were lost on the way or inside the device. Holds: edges used
// + edges disbelieved + edges lost are as many as the device made, up to the last one believed.

import type { WireEdge } from "../../../schema/wire/frame-records.ts";
import type { Arrival } from "./gap-tracker.ts";

interface Line {
  /** The last number believed, and the first that counts: none before it is lost. */
  last: number;
  first: number;
  /** Edges since the last one that were not believed. */
  wrong: number;
  isAstray: boolean;
}

export class EdgeNumbers {
  #lost = 0;
  readonly #lines = new Map<number, Line>();
  /** Whoever listens came later: the first number on a line is taken as it comes. */
  #isJoined = false;

  /** Numbers skipped so far. */
  get lost(): number {
    return this.#lost;
  }

  /** A new run numbers its edges again. @param isAstray or goes on with them: the next edge says which. */
  begin(isAstray: boolean): void {
    if (isAstray) for (const known of this.#lines.values()) known.isAstray = true;
    else {
      this.#lines.clear();
      this.#isJoined = false;
    }
  }

  join(): void {
    this.#isJoined = true;
  }

  /**
   * Counts what an edge's number skipped, or gives one back. Of an edge that is not believed the number is not
   * either: the next one's says how many there were.
   * @returns false where it is of no use: not believed, or a fresh frame's number does not go on.
   */
  count({ line, count }: WireEdge, arrival: Arrival, isBelieved: boolean): boolean {
    const first = this.#isJoined ? count : 1;
    const known = this.#lines.get(line) ?? { last: first - 1, first, wrong: 0, isAstray: false };
    if (isBelieved || !this.#isJoined) this.#lines.set(line, known);
    if (known.isAstray && isBelieved) {
      if (aheadOf(count, known.last) <= 0) [known.last, known.first] = [0, 1];
      known.isAstray = false;
    }
    const ahead = aheadOf(count, known.last);
    if (arrival === "late" && ahead <= 0) {
      if (aheadOf(count, known.first) >= 0) this.#lost = Math.max(0, this.#lost - 1);
      return isBelieved;
    }
    if (!isBelieved) {
      known.wrong++;
      return false;
    }
    const skipped = Math.max(0, ahead - 1);
    const disbelieved = Math.min(known.wrong, skipped);
    this.#lost += skipped - disbelieved;
    known.last = count;
    // Behind a late one may stand some that came before it.
    known.wrong = arrival === "late" ? known.wrong - disbelieved : 0;
    return ahead > 0;
  }
}

/** Modulo 2^32, signed. */
const aheadOf = (count: number, last: number): number => (count - last) | 0;
