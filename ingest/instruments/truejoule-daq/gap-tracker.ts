// Frame numbers and row indices → what was lost, doubled or came late (docs/wire.md: sequence, index).
// Two witnesses: the sequence counts frames of every type, the index counts rows. Nothing is patched;
// a frame that comes late is taken off the losses again.

import { BlockFlag } from "../../../schema/records.ts";

/** `anew`: a number that lies back, of another frame than the one seen under it: the device counts anew. */
export type Arrival = "new" | "late" | "duplicate" | "anew";

/** Frames remembered of a run, a power of 2: USB does not reorder, so this is for what stands between. */
const REMEMBERED = 4096;
/** So many echoes in a row are none, and so many blocks that cannot be no slip: the device counts anew. */
const STALE_LIMIT = 16;

export interface GapCounts {
  framesLost: number;
  rowsLost: number;
  duplicates: number;
  reordered: number;
  /** Blocks whose index or tick cannot be of their run (docs/wire.md, What can be): a fault in the device. */
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
  /** First and next sequence number, unwrapped; null before the first frame. */
  #next: number | null = null;
  #first = 0;
  #nextIndex: number | null = 0;
  #stale = 0;
  #faultsInARow = 0;
  /** By number modulo their length: which frame was seen last, and its CRC. */
  readonly #seen = new Float64Array(REMEMBERED).fill(NaN);
  readonly #crcs = new Uint32Array(REMEMBERED);

  /** More old numbers in a row than echoes explain. */
  get stale(): boolean {
    return this.#stale > STALE_LIMIT || this.astray;
  }

  /** More blocks in a row that cannot be than slips explain. */
  get astray(): boolean {
    return this.#faultsInARow > STALE_LIMIT;
  }

  /** A new run; `firstIndex` null: whoever listens came later, the first index is taken as it comes. */
  begin(firstIndex: number | null): void {
    this.#next = null;
    this.#nextIndex = firstIndex;
    this.#stale = this.#faultsInARow = 0;
    this.#seen.fill(NaN);
  }

  /**
   * Classifies a frame by its number, u32, and its CRC. A frame that counts anew changes nothing here.
   * @param canBeLate whether it can be of this run, should it be none that was seen.
   */
  frame(sequence: number, crc: number, canBeLate = (): boolean => true): Arrival {
    if (this.#next === null) {
      this.#first = this.#next = sequence;
      return this.#take(sequence, crc);
    }
    const ahead = (sequence - this.#next) | 0; // modulo 2^32, signed
    const position = this.#next + ahead;
    if (ahead >= 0) {
      this.counts.framesLost += ahead;
      return this.#take(position, crc);
    }
    const slot = slotOf(position);
    const isSeen = this.#seen[slot] === position;
    if (ahead < -REMEMBERED || (isSeen ? this.#crcs[slot] !== crc : !canBeLate())) return "anew";
    if (isSeen) {
      this.#stale++;
      this.counts.duplicates++;
      return "duplicate";
    }
    this.#remember(slot, position, crc);
    if (position >= this.#first) this.counts.framesLost--;
    this.counts.reordered++;
    return "late";
  }

  /**
   * Classifies a block of rows.
   * @param most rows that can have gone by since the block before; less than none where its tick cannot be.
   * @returns its block flags.
   */
  rows(firstIndex: number, rows: number, arrival: Arrival, most = Infinity): number {
    if (arrival === "duplicate") return BlockFlag.duplicate;
    const ahead = firstIndex - (this.#nextIndex ?? firstIndex);
    const isLate = arrival === "late" && ahead < 0 && most >= 0;
    if (isLate) {
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

  #take(position: number, crc: number): Arrival {
    this.#next = position + 1;
    this.#stale = 0;
    this.#remember(slotOf(position), position, crc);
    return "new";
  }

  #remember(slot: number, position: number, crc: number): void {
    this.#seen[slot] = position;
    this.#crcs[slot] = crc;
  }
}

/** Positions may lie before 0: a number before the first one seen. */
const slotOf = (position: number): number => position & (REMEMBERED - 1);
