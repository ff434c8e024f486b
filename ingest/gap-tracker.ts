// Frame numbers and row indices → what was lost, doubled or came late (docs/wire.md: sequence, index).
// Two witnesses: the sequence counts frames of every type, the index counts rows. Nothing is patched;
// a frame that comes late is taken off the losses again.

import { BlockFlag } from "../schema/records.ts";

export type Arrival = "new" | "late" | "duplicate";

/** Gaps remembered for late frames; USB does not reorder, so this is for what stands between. */
const REMEMBERED_GAPS = 64;
/** So many old numbers in a row are no echo, and so many indices that cannot be no slip: the device counts anew. */
const STALE_LIMIT = 16;

export interface GapCounts {
  framesLost: number;
  rowsLost: number;
  duplicates: number;
  reordered: number;
  /** Blocks whose index contradicts a fresh sequence number or the time that went by: a fault in the device. */
  indexFaults: number;
}

export class GapTracker {
  readonly counts: GapCounts = {
    framesLost: 0,
    rowsLost: 0,
    duplicates: 0,
    reordered: 0,
    indexFaults: 0,
  };
  /** Next sequence number, unwrapped; null before the first frame. */
  #next: number | null = null;
  #nextIndex: number | null = 0;
  #stale = 0;
  #faultsInARow = 0;
  /** Missing sequence numbers, unwrapped, [from, to). */
  readonly #missing: [number, number][] = [];

  /** More old numbers in a row than echoes explain. */
  get stale(): boolean {
    return this.#stale > STALE_LIMIT || this.astray;
  }

  /** More impossible indices in a row than slips explain. */
  get astray(): boolean {
    return this.#faultsInARow > STALE_LIMIT;
  }

  /** A new run; `firstIndex` null: whoever listens came later, the first index is taken as it comes. */
  begin(firstIndex: number | null): void {
    this.#next = null;
    this.#nextIndex = firstIndex;
    this.#stale = this.#faultsInARow = 0;
    this.#missing.length = 0;
  }

  /** Classifies a frame by its number, u32. */
  frame(sequence: number): Arrival {
    if (this.#next === null) {
      this.#next = sequence + 1;
      return "new";
    }
    const ahead = (sequence - this.#next) | 0; // modulo 2^32, signed
    const position = this.#next + ahead;
    if (ahead >= 0) {
      if (ahead > 0) this.#lose(this.#next, position);
      this.#next = position + 1;
      this.#stale = 0;
      return "new";
    }
    this.#stale++;
    if (this.#recover(position)) return "late";
    this.counts.duplicates++;
    return "duplicate";
  }

  /**
   * Classifies a block of rows.
   * @param most rows that can have gone by since the block before.
   * @returns its block flags.
   */
  rows(firstIndex: number, rows: number, arrival: Arrival, most = Infinity): number {
    if (arrival === "duplicate") return BlockFlag.duplicate;
    const ahead = firstIndex - (this.#nextIndex ?? firstIndex);
    if (arrival === "late" && ahead < 0) {
      this.counts.rowsLost = Math.max(0, this.counts.rowsLost - rows);
      return BlockFlag.reordered;
    }
    if (ahead < 0 || ahead > most) {
      this.counts.indexFaults++;
      this.#faultsInARow++;
      return BlockFlag.duplicate;
    }
    this.#faultsInARow = 0;
    this.counts.rowsLost += ahead;
    this.#nextIndex = firstIndex + rows;
    return ahead > 0 ? BlockFlag.gapBefore : 0;
  }

  #lose(from: number, to: number): void {
    this.counts.framesLost += to - from;
    this.#missing.push([from, to]);
    if (this.#missing.length > REMEMBERED_GAPS) this.#missing.shift();
  }

  #recover(position: number): boolean {
    const i = this.#missing.findIndex(([from, to]) => position >= from && position < to);
    if (i < 0) return false;
    const [from, to] = this.#missing[i]!;
    this.#missing.splice(i, 1);
    if (position + 1 < to) this.#missing.splice(i, 0, [position + 1, to]);
    if (from < position) this.#missing.splice(i, 0, [from, position]);
    this.counts.framesLost--;
    this.counts.reordered++;
    return true;
  }
}
