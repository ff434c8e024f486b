// The reading side of the ring protocol (docs/marks.md, "Reading"). In: a ring, by copies. Out: slots, each
// verified. Holds: received + overrun + abandoned = head once drained, exactly; one poll passes at most a ring's
// capacity, however fast writers are; a head that no writer can have left is a RingFault.
//
// A slot is copied three times. Its seq in the first copy says that the mark was complete before the second copy
// began, its seq in the third that it still was after the second had ended; so the second is one mark, whole.

import { Header, HEADER_BYTES, SLOT_BYTES, SLOT_WORDS, busySeq, completeSeq } from "./layout.ts";
import { type RingBytes, RingFault } from "./ring-file.ts";
import { type SlotBuffer, slotBuffer } from "./slot.ts";

/** How long a reserved slot may stay incomplete: beyond any preemption on a busy machine. */
const GIVE_UP_MS = 1000;
/** Slots copied at once: 64 KiB stay in a core's own cache. */
const BATCH = 256;
/** Marks a millisecond: one a nanosecond. An atomic addition takes longer on every machine. */
const MOST_PER_MS = 1e6;
/** Header bytes that never change: magic, version, sizes. */
const FIXED_BYTES = 24;

/** Takes the mark at byte `at` of the copy; it is number `index` of the ring. */
export type TakeSlot = (slots: SlotBuffer, at: number, index: number) => void;

export class RingReader {
  /** Marks passed, received or lost. */
  tail = 0;
  /** Lost: overwritten before they were read. */
  overrun = 0;
  /** Lost: reserved, never completed. */
  abandoned = 0;

  readonly #ring: RingBytes;
  readonly #nowMs: () => number;
  readonly #header = Buffer.alloc(Header.tail + 8);
  readonly #fixed = Buffer.alloc(FIXED_BYTES);
  readonly #before = slotBuffer(BATCH);
  readonly #slots = slotBuffer(BATCH);
  readonly #after = slotBuffer(BATCH);
  readonly #barrier = new Int32Array(1);
  readonly #published = Buffer.alloc(8);
  #head = 0;
  /** When the writers' `head` was last seen: what they can have added since has a bound. */
  #lookedMs: number;
  #waitingSinceMs = 0;
  /** Head when the wait began: everything before it has waited as long. */
  #waitingHead = 0;
  /** Slots left busy by a writer already given up, by place in the ring: their later laps need no wait. */
  readonly #dead = new Map<number, number>();

  /** @param sinceMs no writer can have begun before: a ring may be full of marks when it is found. */
  constructor(
    ring: RingBytes,
    nowMs: () => number = () => performance.now(),
    sinceMs: number = nowMs(),
  ) {
    this.#ring = ring;
    this.#nowMs = nowMs;
    this.#lookedMs = sinceMs;
    ring.read(this.#fixed, 0);
  }

  /** Marks that writers are known to have begun and that were neither received nor lost yet. */
  get waiting(): number {
    return this.#head - this.tail;
  }

  /** Whether a writer ever mapped the ring. */
  get opened(): boolean {
    return this.#header.readUInt32LE(Header.opened) > 0 || this.#head > 0;
  }

  /**
   * Takes what was there when it began.
   * @param last nothing will be completed any more: do not wait for anything
   * @throws RingFault when the ring is none any more
   */
  poll(last: boolean, take: TakeSlot): void {
    this.#look();
    const { capacity } = this.#ring;
    const overwritten = this.#head - this.tail - capacity;
    if (overwritten > 0) {
      this.overrun += overwritten;
      this.tail += overwritten;
    }
    const until = this.#head;
    while (this.tail < until) {
      const toWrap = capacity - (this.tail & (capacity - 1));
      if (!this.#batch(Math.min(until - this.tail, BATCH, toWrap), last, take)) return;
    }
  }

  /** Tells writers how far the reader is. */
  publish(): void {
    if (this.#published.readBigUInt64LE() === BigInt(this.tail)) return;
    this.#published.writeBigUInt64LE(BigInt(this.tail));
    this.#ring.write(this.#published, Header.tail);
  }

  /** Tells writers that nobody reads any more, so that they run on without marks. */
  sayClosed(): void {
    this.#ring.write(new Uint8Array([1, 0, 0, 0]), Header.closed);
  }

  /** Reads head, and believes it or not. */
  #look(): void {
    this.#ring.read(this.#header, 0);
    if (this.#fixed.compare(this.#header, 0, FIXED_BYTES) !== 0)
      throw new RingFault("its header was overwritten");
    const head = this.#header.readBigUInt64LE(Header.head);
    const nowMs = this.#nowMs();
    const ms = nowMs - this.#lookedMs;
    if (head < BigInt(this.#head))
      throw new RingFault(`its head went back from ${this.#head} to ${head}`);
    if (head > BigInt(Math.ceil(this.#head + (ms + 1) * MOST_PER_MS)))
      throw new RingFault(
        `its head went from ${this.#head} to ${head} within ${ms.toFixed(1)} ms, which no writer can`,
      );
    this.#head = Number(head);
    this.#lookedMs = nowMs;
  }

  /** @returns whether to go on from `tail`: not so at a slot that is being written. */
  #batch(n: number, last: boolean, take: TakeSlot): boolean {
    const first = this.tail & (this.#ring.capacity - 1);
    const at = HEADER_BYTES + first * SLOT_BYTES;
    for (const copy of [this.#before, this.#slots, this.#after]) {
      this.#ring.read(copy.bytes.subarray(0, n * SLOT_BYTES), at);
      // A system call is no barrier by itself; this keeps the copies in order on every architecture.
      Atomics.exchange(this.#barrier, 0, 1);
    }
    for (let k = 0; k < n; k++) {
      const want = completeSeq(this.tail);
      const before = (this.#before.words[k * SLOT_WORDS]! - want) | 0;
      const after = (this.#after.words[k * SLOT_WORDS]! - want) | 0;
      if (before === 0 && after === 0) take(this.#slots, k * SLOT_BYTES, this.tail);
      else if (after > 0) this.overrun++;
      else if (after === 0)
        return true; // completed meanwhile: the next copies have it
      else if (last || this.#isHopeless(first + k, this.#after.words[k * SLOT_WORDS]!))
        this.#abandon(first + k, this.#after.words[k * SLOT_WORDS]!);
      else return false;
      this.tail++;
    }
    return true;
  }

  #isHopeless(place: number, seq: number): boolean {
    if (this.#dead.get(place) === seq && seq !== busySeq(this.tail)) return true;
    if (this.tail >= this.#waitingHead) {
      this.#waitingSinceMs = this.#nowMs();
      this.#waitingHead = this.#head;
    }
    const crowded = this.#head - this.tail > 0.75 * this.#ring.capacity;
    return crowded || this.#nowMs() - this.#waitingSinceMs >= GIVE_UP_MS;
  }

  #abandon(place: number, seq: number): void {
    this.abandoned++;
    if (seq & 1) this.#dead.set(place, seq);
  }
}
