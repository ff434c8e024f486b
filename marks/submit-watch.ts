// Sees launches in a session's shared ring as they are written, beside the reader that keeps them. In: the
// ring, by copies. Out: how many were seen since the last look. It takes nothing, tells the writers nothing, and
// misses what the ring has already overwritten: it is for reacting, not for counting. Holds: no ring, sound or
// not, keeps it for longer than a lap, and none makes it throw.

import { completeSeq, Header, HEADER_BYTES, Kind, Slot, SLOT_BYTES } from "./layout.ts";
import type { RingBytes } from "./ring-file.ts";

/** How long an unfinished slot is looked at before it is passed over, ms: its writer was interrupted, or is dead. */
const PATIENCE_MS = 2;

export class SubmitWatch {
  readonly #ring: RingBytes;
  readonly #nowMs: () => number;
  readonly #headBytes = Buffer.alloc(4);
  readonly #slot = Buffer.alloc(Slot.kind + 1);
  #tail: number;
  #waitingSinceMs = -1;
  /** Places passed over, with the seq that they then had: one that still has it is not waited for again. */
  readonly #dead = new Map<number, number>();

  constructor(ring: RingBytes, nowMs: () => number = () => performance.now()) {
    this.#ring = ring;
    this.#nowMs = nowMs;
    this.#tail = this.#head();
  }

  /** @returns launches since the last look. A look at an unchanged ring is one read of four bytes. */
  look(): number {
    try {
      return this.#look();
    } catch {
      return 0; // the ring was cut short: its reader says so, and there is nothing to react to
    }
  }

  #look(): number {
    const head = this.#head();
    if (head === this.#tail) return 0;
    const { capacity } = this.#ring;
    // A distance that is none (a head that went back) is a lap at the most, too.
    const behind = (head - this.#tail) | 0;
    if (behind > capacity || behind < 0) this.#tail = (head - capacity) | 0;
    let submits = 0;
    for (; this.#tail !== head; this.#tail = (this.#tail + 1) | 0) {
      const place = this.#tail & (capacity - 1);
      this.#ring.read(this.#slot, HEADER_BYTES + place * SLOT_BYTES);
      const seq = this.#slot.readInt32LE();
      const ahead = (seq - completeSeq(this.#tail)) | 0;
      if (ahead < 0 && !this.#passesOver(place, seq)) break;
      this.#waitingSinceMs = -1;
      if (ahead === 0 && this.#slot[Slot.kind] === Kind.submit) submits++;
    }
    return submits;
  }

  #passesOver(place: number, seq: number): boolean {
    if (this.#dead.get(place) === seq) return true;
    const now = this.#nowMs();
    if (this.#waitingSinceMs < 0) this.#waitingSinceMs = now;
    if (now - this.#waitingSinceMs < PATIENCE_MS) return false;
    this.#dead.set(place, seq);
    return true;
  }

  /** Low word: a ring's laps are far shorter. */
  #head(): number {
    this.#ring.read(this.#headBytes, Header.head);
    return this.#headBytes.readInt32LE();
  }
}
