// The reading side of the ring protocol (docs/marks.md, "Reading"). In: a mapped ring. Out: slots, one at
// a time, each verified. Holds: received + overrun + abandoned = head once drained, exactly.

import { Header, HEADER_BYTES, SLOT_WORDS, busySeq, completeSeq } from "./layout.ts";

/** A mapped ring file. `words` and `longs` are the same memory as `bytes`. */
export interface Ring {
  readonly path: string;
  readonly capacity: number;
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly longs: BigInt64Array;
  /** Name by reference into the names area; undefined when there is none at it. */
  readonly name: (reference: number) => string | undefined;
  /** Unmaps; the views must not be touched afterwards. */
  close(): void;
}

/** How long a reserved slot may stay incomplete: far beyond any preemption seen, short against a ring's lap. */
const GIVE_UP_MS = 100;

export class RingReader {
  /** Marks passed, received or lost. */
  tail = 0;
  /** Lost: overwritten before they were read. */
  overrun = 0;
  /** Lost: reserved, never completed. */
  abandoned = 0;

  readonly #ring: Ring;
  readonly #nowMs: () => number;
  #head = 0;
  #waitingSinceMs = 0;
  /** Head when the wait began: everything before it has waited as long. */
  #waitingHead = 0;
  /** Slots left busy by a writer already given up, by word offset: their later laps need no wait. */
  readonly #dead = new Map<number, number>();

  constructor(ring: Ring, nowMs: () => number = () => performance.now()) {
    this.#ring = ring;
    this.#nowMs = nowMs;
  }

  /**
   * @param last nothing will be completed any more: do not wait for anything
   * @returns byte offset of the next complete slot, or −1 when there is none now.
   *   Decode it, then ask {@link accept}.
   */
  peek(last = false): number {
    for (;;) {
      if (this.tail >= this.#head && !this.#refresh()) return -1;
      const word = this.#word();
      const seq = Atomics.load(this.#ring.words, word);
      const ahead = (seq - completeSeq(this.tail)) | 0;
      if (ahead === 0) return word * 4;
      if (ahead > 0) this.overrun++;
      else if (last || this.#isHopeless(word, seq)) this.#abandon(word, seq);
      else return -1;
      this.tail++;
    }
  }

  /** @returns whether the slot of the last {@link peek} held still since; if not it counts as overrun. */
  accept(): boolean {
    const want = completeSeq(this.tail);
    // Exchanging the value for itself orders the payload's reads before it on every architecture; a load would not.
    const still = Atomics.compareExchange(this.#ring.words, this.#word(), want, want) === want;
    if (!still) this.overrun++;
    this.tail++;
    return still;
  }

  /** Tells writers how far the reader is. */
  publish(): void {
    Atomics.store(this.#ring.longs, Header.tail / 8, BigInt(this.tail));
  }

  #word(): number {
    return HEADER_BYTES / 4 + (this.tail & (this.#ring.capacity - 1)) * SLOT_WORDS;
  }

  /** Looks at head again; skips what has been overwritten for certain. @returns whether there is anything. */
  #refresh(): boolean {
    this.#head = this.#readHead();
    const behind = this.#head - this.tail - this.#ring.capacity;
    if (behind > 0) {
      this.overrun += behind;
      this.tail += behind;
    }
    return this.tail < this.#head;
  }

  #readHead(): number {
    return Number(Atomics.load(this.#ring.longs, Header.head / 8));
  }

  #isHopeless(word: number, seq: number): boolean {
    if (this.#dead.get(word) === seq && seq !== busySeq(this.tail)) return true;
    this.#head = this.#readHead();
    if (this.tail >= this.#waitingHead) {
      this.#waitingSinceMs = this.#nowMs();
      this.#waitingHead = this.#head;
    }
    const crowded = this.#head - this.tail > 0.75 * this.#ring.capacity;
    return crowded || this.#nowMs() - this.#waitingSinceMs >= GIVE_UP_MS;
  }

  #abandon(word: number, seq: number): void {
    this.abandoned++;
    if (seq & 1) this.#dead.set(word, seq);
  }
}
