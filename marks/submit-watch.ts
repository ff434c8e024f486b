// Sees launches in a session's shared ring as they are written, beside the reader that keeps them. In: the
// ring. Out: how many were seen since the last look. It takes nothing, tells the writers nothing, and misses
// what the ring has already overwritten: it is for reacting, not for counting.

import { completeSeq, Header, HEADER_BYTES, Kind, Slot, SLOT_WORDS } from "./layout.ts";
import type { Ring } from "./ring.ts";

/** Looks at an unfinished slot before it is passed over: its writer was interrupted, or is dead. */
const PATIENCE = 1000;

export class SubmitWatch {
  readonly #ring: Ring;
  #tail: number;
  #patience = PATIENCE;

  constructor(ring: Ring) {
    this.#ring = ring;
    this.#tail = this.#head();
  }

  /** @returns launches since the last look. A look at an unchanged ring is one load from memory. */
  look(): number {
    const head = this.#head();
    if (head === this.#tail) return 0;
    if (((head - this.#tail) | 0) > this.#ring.capacity) this.#tail = head - this.#ring.capacity;
    let submits = 0;
    for (; this.#tail !== head; this.#tail = (this.#tail + 1) | 0) {
      const word = HEADER_BYTES / 4 + (this.#tail & (this.#ring.capacity - 1)) * SLOT_WORDS;
      const behind = (Atomics.load(this.#ring.words, word) - completeSeq(this.#tail)) | 0;
      if (behind < 0 && this.#patience-- > 0) break;
      this.#patience = PATIENCE;
      if (behind === 0 && this.#ring.bytes[word * 4 + Slot.kind] === Kind.submit) submits++;
    }
    return submits;
  }

  /** Low word: a ring's laps are far shorter. */
  #head(): number {
    return Atomics.load(this.#ring.words, Header.head / 4);
  }
}
