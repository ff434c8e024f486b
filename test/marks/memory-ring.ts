// A ring in ordinary memory, and a writer that takes the protocol one step at a time, so that a test can
// stop it anywhere.

import { HEADER_BYTES, Header, Kind, SLOT_BYTES, Slot } from "../../marks/layout.ts";
import type { RingBytes } from "../../marks/ring-file.ts";
import { encodeSlot, slotBuffer, type SlotMark } from "../../marks/slot.ts";

export interface MemoryRing extends RingBytes {
  readonly bytes: Buffer;
  readonly longs: BigInt64Array;
}

/** @param between called before each 64 bytes of a copy: writers may run there, as they do beside a real one. */
export function memoryRing(capacity: number, between = (): void => undefined): MemoryRing {
  const memory = new ArrayBuffer(HEADER_BYTES + capacity * SLOT_BYTES);
  const bytes = Buffer.from(memory);
  return {
    path: "memory",
    capacity,
    namesBytes: 0,
    bytes,
    longs: new BigInt64Array(memory),
    read(into, at) {
      for (let i = 0; i < into.length; i += 64) {
        between();
        bytes.copy(into, i, at + i, Math.min(at + i + 64, at + into.length));
      }
    },
    write: (from, at) => bytes.set(from, at),
  };
}

const BODY_BYTES = SLOT_BYTES - Slot.t;
/** Bytes of the mark that one step copies: small, so that a reader can come in between. */
const PIECE = 62;

/** One mark on its way into a ring. */
export class SteppedMark {
  index = -1;
  readonly #ring: MemoryRing;
  readonly #slot = slotBuffer();
  #copied = 0;
  #done = false;

  constructor(ring: MemoryRing, mark: Partial<SlotMark>) {
    this.#ring = ring;
    const whole = {
      kind: Kind.instant,
      name: "m",
      t: 1n,
      aux: 0n,
      id: 0n,
      pid: 1,
      tid: 1,
      fields: {},
    };
    encodeSlot({ ...whole, ...mark }, this.#slot);
  }

  /** Draws a number, claims, copies piece by piece, completes. @returns whether there is nothing left to do. */
  step(): boolean {
    if (this.#done) return true;
    if (this.index < 0) this.index = Number(Atomics.add(this.#ring.longs, Header.head / 8, 1n));
    else if (this.#copied === 0 && !this.#claim()) this.#done = true;
    else if (this.#copied < BODY_BYTES) this.#copy();
    else this.#complete();
    return this.#done;
  }

  finish(): void {
    while (!this.step());
  }

  get #at(): number {
    return HEADER_BYTES + (this.index & (this.#ring.capacity - 1)) * SLOT_BYTES;
  }

  #claim(): boolean {
    const seq = this.#ring.longs[this.#at / 8]!;
    if (seq & 1n || seq > BigInt(2 * this.index)) return false;
    this.#ring.longs[this.#at / 8] = BigInt(2 * this.index + 1);
    return true;
  }

  #copy(): void {
    const from = Slot.t + this.#copied;
    this.#slot.bytes.copy(
      this.#ring.bytes,
      this.#at + from,
      from,
      Math.min(from + PIECE, SLOT_BYTES),
    );
    this.#copied = Math.min(this.#copied + PIECE, BODY_BYTES);
  }

  #complete(): void {
    this.#ring.longs[this.#at / 8] = BigInt(2 * this.index + 2);
    this.#done = true;
  }
}
