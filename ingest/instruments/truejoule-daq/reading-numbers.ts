// The numbers of a reference's readings, address by address → where each lies on its stream's own count, which goes on
// over restarts, and whether it is of use. Holds: the next number and the end of the last reading used.

import { BlockFlag } from "../../../schema/records.ts";
import type { Reading } from "../../../schema/wire/frame-records.ts";
import type { Arrival } from "./gap-tracker.ts";

interface Numbers {
  /** Readings of earlier runs. */
  base: number;
  /** In this run, counted on where they wrap; null where the first is taken as it comes. */
  next: number | null;
  end: bigint;
  /** Nobody knows yet whether the numbers go on or start again. */
  isAstray: boolean;
}

export interface NumberedReading {
  readonly index: number;
  readonly flags: number;
  /** It goes back, or its end cannot be of the run. */
  readonly isWrong: boolean;
}

export class ReadingNumbers {
  /** By I²C address. */
  readonly #of = new Map<number, Numbers>();
  /** Whoever listens came later: an address's first number is taken as it comes. */
  #isJoined = false;

  /** A new run numbers its readings again. @param isAstray or goes on with them: the next reading says which. */
  begin(isAstray: boolean): void {
    if (!isAstray) this.#isJoined = false;
    for (const n of this.#of.values()) {
      n.end = -1n;
      if (isAstray) n.isAstray = true;
      else numberAnew(n);
    }
  }

  join(): void {
    this.#isJoined = true;
  }

  isKnown(address: number): boolean {
    return this.#of.has(address);
  }

  /** @param canEnd its end can be of this run. */
  take(r: Reading, arrival: Arrival, canEnd: boolean): NumberedReading {
    const { address, endTick } = r;
    const first = this.#isJoined ? null : 0;
    const n = this.#of.get(address) ?? { base: 0, next: first, end: -1n, isAstray: false };
    this.#of.set(address, n);
    if (n.isAstray && canEnd) {
      n.isAstray = false;
      if (numberOf(r, n) < (n.next ?? 0)) numberAnew(n);
    }
    const number = numberOf(r, n);
    const next = n.next ?? number;
    const isBack = arrival === "late" && number < next;
    const ascends = isBack ? number >= 0 && endTick < n.end : number >= next && endTick > n.end;
    const isWrong = arrival !== "duplicate" && !(ascends && canEnd);
    const isUsed = arrival !== "duplicate" && !isWrong;
    const gap = number > next ? BlockFlag.gapBefore : 0;
    const flags = isBack ? BlockFlag.reordered : gap;
    if (isUsed && !isBack) [n.next, n.end] = [number + 1, endTick];
    const index = n.base + Math.max(0, number);
    return { index, flags: isUsed ? flags : BlockFlag.duplicate, isWrong };
  }
}

/** The wire counts modulo 2^32: of all numbers that it can mean the one nearest to the next. */
function numberOf({ number }: Reading, { next }: Numbers): number {
  return next === null ? number : next + ((number - next) | 0);
}

function numberAnew(n: Numbers): void {
  n.base += n.next ?? 0;
  n.next = 0;
}
