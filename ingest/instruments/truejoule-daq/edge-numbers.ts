// The numbers of trigger edges, line by line → how many were lost on the way or inside the device. Holds: edges used
// + edges disbelieved + edges lost are as many as the device made, up to the last one believed.

import type { WireEdge } from "../../../schema/wire/frame-records.ts";
import type { Arrival } from "./gap-tracker.ts";

export class EdgeNumbers {
  #lost = 0;
  /** By line: the last number believed, and edges since then that were not. */
  readonly #lines = new Map<number, { last: number; wrong: number; isAstray: boolean }>();

  /** Numbers skipped so far. */
  get lost(): number {
    return this.#lost;
  }

  /** Whoever listens came later: the first number on a line is taken as it comes. */
  #isJoined = false;

  /** A new run numbers its edges anew. @param isAstray or goes on with them: the next edge says which. */
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
    const known = this.#lines.get(line) ?? {
      last: this.#isJoined ? count - 1 : 0,
      wrong: 0,
      isAstray: false,
    };
    if (isBelieved || !this.#isJoined) this.#lines.set(line, known);
    if (known.isAstray && isBelieved) {
      if (aheadOf(count, known.last) <= 0) known.last = 0;
      known.isAstray = false;
    }
    const ahead = aheadOf(count, known.last);
    if (arrival === "late" && (ahead <= 0 || !isBelieved)) {
      this.#lost = Math.max(0, this.#lost - 1);
      return isBelieved;
    }
    if (!isBelieved) {
      known.wrong++;
      return false;
    }
    this.#lost += Math.max(0, ahead - 1 - known.wrong);
    known.last = count;
    known.wrong = 0;
    return ahead > 0;
  }
}

/** Modulo 2^32, signed. */
const aheadOf = (count: number, last: number): number => (count - last) | 0;
