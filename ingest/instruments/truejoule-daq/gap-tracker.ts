// Frame numbers and row indices → what was lost, doubled or came late (docs/wire.md: sequence, index).
// Two witnesses: the sequence counts frames of every type, the index counts rows. Nothing is patched;
// a frame that comes late is taken off the losses again.

import { BlockFlag } from "../../../schema/records.ts";
import { Echoes, REMEMBERED } from "./echoes.ts";
import { RowHoles } from "./row-holes.ts";

/** `broken`: a number that cannot follow the ones before: the device restarted, or its numbers slipped. */
export type Arrival = "new" | "late" | "duplicate" | "broken";

/** So many echoes in a row are none, and so many blocks that cannot be no slip: the device restarted. */
const STALE_LIMIT = 16;

export interface GapCounts {
  framesLost: number;
  rowsLost: number;
  duplicates: number;
  reordered: number;
  /** Breaks in the frames' numbers where the rows went on: a fault in the device. */
  numberFaults: number;
  /** Blocks whose index or tick cannot be of their run (docs/wire.md, What can be): a fault in the device. */
  indexFaults: number;
}

export class GapTracker {
  readonly counts: GapCounts = {
    framesLost: 0,
    rowsLost: 0,
    duplicates: 0,
    reordered: 0,
    numberFaults: 0,
    indexFaults: 0,
  };
  /** Position of the next frame and of the first: sequence numbers unwrapped; null before the first. */
  #next: number | null = null;
  #first = 0;
  /** Of the frames just before the first so many are counted as lost. */
  #ahead = 0;
  #nextIndex: number | null = 0;
  readonly #holes = new RowHoles(REMEMBERED);
  /** Rows before this one are none that were lost. */
  #firstIndex = 0;
  #stale = 0;
  /** Of the blocks refused since the last one that was used. */
  #refused = { blocks: 0, rows: 0 };
  readonly #echoes = new Echoes();
  /** By number modulo their length, a power of 2: the number of the frame seen last since the numbers began. */
  readonly #seen = new Float64Array(REMEMBERED).fill(NaN);

  /** More old numbers in a row than echoes explain, or more blocks that cannot be than slips do. */
  get stale(): boolean {
    return this.#stale > STALE_LIMIT || this.#refused.blocks > STALE_LIMIT;
  }

  /** Rows refused since the last block that was used. */
  get rowsRefused(): number {
    return this.#refused.rows;
  }

  /** Numbers start again, wherever they are; rows go on. @param first late ones that will be given again. */
  renumber(first: readonly { readonly crc: number }[] = []): void {
    for (const { crc } of first) this.#echoes.forget(crc);
    this.#next = null;
    this.#ahead = 0;
    this.#stale = this.#refused.blocks = 0;
    this.#seen.fill(NaN);
  }

  /** Another run's first frame comes: numbers start again, unless they can go on; then those between are lost. */
  cross(sequence: number, most: number): void {
    const ahead = this.#next === null ? 0 : positionOf(sequence, this.#next) - this.#next;
    this.renumber();
    if (ahead < 0 || ahead > most) return;
    this.#ahead = ahead;
    this.counts.framesLost += ahead;
  }

  /** Rows start again; `firstIndex` null: the first index is taken as it comes. */
  begin(firstIndex: number | null): void {
    this.#nextIndex = firstIndex;
    this.#firstIndex = 0;
    this.#holes.forget();
  }

  /** Whether none of these rows came: a block that is late fills a hole, or is the last so far. */
  isMissing(firstIndex: number, rows: number): boolean {
    const next = this.#nextIndex;
    return next === null || firstIndex >= next || this.#holes.has(firstIndex, rows);
  }

  /** Whoever listens came later: the rows before this one are not missed. */
  join(firstIndex: number): void {
    this.#firstIndex = firstIndex;
  }

  /** Whether a frame of another run is of the one before: an echo to the byte, or (`isLate`) just ahead of this one. */
  isPast(sequence: number, crc: number, isLate: boolean): boolean {
    if (this.#echoes.has(sequence, crc)) {
      this.counts.duplicates++;
      return true;
    }
    const isAhead =
      this.#next === null ||
      (this.#next - this.#first <= REMEMBERED && follows(this.#first, sequence));
    if (!isLate || !isAhead) return false;
    this.counts.reordered++;
    return true;
  }

  /**
   * Classifies a frame by its number, u32, and its CRC. One whose number is broken changes nothing here, and one that
   * is late is counted only when it turns out to be ({@link late}).
   * @param most frames that can have been made since the one before.
   * @param canBeLate whether it can be of this run, should it be none that was seen.
   */
  frame(sequence: number, crc: number, most = Infinity, canBeLate = (): boolean => true): Arrival {
    if (this.#next === null) {
      this.#first = sequence;
      return this.#take(sequence, sequence, crc);
    }
    const position = positionOf(sequence, this.#next);
    const ahead = position - this.#next;
    if (ahead !== 0 && this.#echoes.has(sequence, crc)) {
      this.#stale++;
      this.counts.duplicates++;
      return "duplicate";
    }
    if (ahead >= 0 && ahead <= most) {
      this.counts.framesLost += ahead;
      return this.#take(position, sequence, crc);
    }
    const isSeen = this.#seen[slotOf(sequence)] === sequence;
    if (ahead > most || ahead < -REMEMBERED || isSeen || !canBeLate()) return "broken";
    this.#remember(sequence, crc);
    return "late";
  }

  /** A frame that was missed came after all. */
  late(sequence: number): void {
    if (positionOf(sequence, this.#next!) >= this.#first - this.#ahead) this.counts.framesLost--;
    this.counts.reordered++;
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
    if (isLate && this.#holes.fill(firstIndex, rows)) {
      const filled = firstIndex >= this.#firstIndex ? rows : 0;
      this.counts.rowsLost = Math.max(0, this.counts.rowsLost - filled);
      return BlockFlag.reordered;
    }
    if (ahead < 0 || ahead > most) {
      this.counts.indexFaults++;
      this.#refused.blocks++;
      this.#refused.rows += rows;
      return BlockFlag.duplicate;
    }
    this.#refused = { blocks: 0, rows: 0 };
    this.counts.rowsLost += ahead;
    this.#holes.open(this.#nextIndex ?? 0, firstIndex);
    this.#nextIndex = firstIndex + rows;
    return ahead > 0 ? BlockFlag.gapBefore : 0;
  }

  #take(position: number, sequence: number, crc: number): Arrival {
    this.#next = position + 1;
    this.#stale = 0;
    this.#remember(sequence, crc);
    return "new";
  }

  #remember(sequence: number, crc: number): void {
    this.#seen[slotOf(sequence)] = sequence;
    this.#echoes.add(sequence, crc);
  }
}

/** Whether a number can be of a frame made a while after one of the other number. */
export const follows = (sequence: number, other: number): boolean => {
  const ahead = (sequence - other) | 0;
  return ahead > 0 && ahead <= REMEMBERED;
};

const slotOf = (sequence: number): number => sequence & (REMEMBERED - 1);

/** Unwrapped: of all positions with this number the one that lies nearest. */
const positionOf = (sequence: number, near: number): number => near + ((sequence - near) | 0);
