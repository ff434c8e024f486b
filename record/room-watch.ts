// How much room a recording has left, and whether the rest of it and its fuse will fit: told once, and in time to do
// something about it.

import { freeBytes, shortage } from "./disk.ts";
import type { RecordingPlan, RecordingState } from "./plan.ts";

/** Below this the disk is taken as full: other programs need some too. */
const MIN_FREE_BYTES = 256 << 20;
/** Before, its rate says little of the rest, s. */
const SETTLED_S = 5;

export class RoomWatch {
  readonly #plan: Pick<RecordingPlan, "paths" | "durationS" | "fuse">;
  readonly #fuseBytes: (of: Pick<RecordingState, "rows" | "reads">) => number;
  #free = Infinity;
  #told = false;

  /** @param fuseBytes what fusing so much will take. */
  constructor(
    plan: Pick<RecordingPlan, "paths" | "durationS" | "fuse">,
    fuseBytes: (of: Pick<RecordingState, "rows" | "reads">) => number,
  ) {
    this.#plan = plan;
    this.#fuseBytes = fuseBytes;
  }

  /** When it was looked last; Infinity before. */
  get freeBytes(): number {
    return this.#free;
  }

  get full(): boolean {
    return this.#free <= MIN_FREE_BYTES;
  }

  /** @throws the system's error where the folder is gone. */
  look(): void {
    this.#free = freeBytes(this.#plan.paths.dir);
  }

  /** What is wrong, in words, the first time that it is; else null. */
  news({ elapsedS, bytes, rows, reads }: RecordingState): string | null {
    if (this.#told || elapsedS < SETTLED_S) return null;
    const { durationS, fuse } = this.#plan;
    const longer = Number.isFinite(durationS) ? Math.max(0, durationS / elapsedS - 1) : 0;
    const all = { rows: rows * (1 + longer), reads: reads * (1 + longer) };
    const text = shortage(this.#free, {
      logBytes: bytes * longer + MIN_FREE_BYTES,
      fuseBytes: fuse === true ? this.#fuseBytes(all) : 0,
    });
    this.#told = text !== null;
    return text;
  }
}
