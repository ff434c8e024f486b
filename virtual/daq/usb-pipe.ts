// The way of frames from the device's buffer to the host, as USB full speed would take them: at most 19
// packets of 64 bytes in each 1 ms frame (USB 2.0, table 5-9), or as a UART does behind a bridge; nothing
// while the host stalls.

import type { Pty } from "./pty.ts";

export const FRAME_PERIOD_NS = 1e6;
const PACKET_BYTES = 64;
const FRAME_BYTES = 19 * PACKET_BYTES;
/** A stall counts in the status from this long on (docs/wire.md, status). */
const STALL_NS = 10e6;

export class UsbPipe {
  pty: Pty | null;
  /** Bytes that a millisecond can carry. */
  frameBytes = FRAME_BYTES;
  /** Nothing is taken before this instant, ns: a stall made on purpose. */
  stalledUntilNs = 0;
  stalls = 0;
  longestStallNs = 0;
  /** The line took nothing of what was offered to it last. */
  blocked = false;
  readonly #ring: Uint8Array;
  #head = 0;
  #size = 0;
  #takenNs = 0;
  #inStall = false;

  constructor(pty: Pty, capacityBytes: number) {
    this.pty = pty;
    this.#ring = new Uint8Array(capacityBytes);
  }

  get waiting(): number {
    return this.#size;
  }

  /** Takes a copy, or nothing when it does not fit. */
  put(bytes: Uint8Array): boolean {
    const { length } = this.#ring;
    if (bytes.length > length - this.#size) return false;
    const at = (this.#head + this.#size) % length;
    const first = Math.min(bytes.length, length - at);
    this.#ring.set(bytes.subarray(0, first), at);
    this.#ring.set(bytes.subarray(first), 0);
    this.#size += bytes.length;
    return true;
  }

  clear(): void {
    this.#size = 0;
    this.blocked = false;
  }

  /** Gives the host what one USB frame can carry. */
  frame(nowNs: number): void {
    const taken = nowNs < this.stalledUntilNs ? 0 : this.drain(this.frameBytes);
    if (taken > 0 || this.#size === 0) {
      this.#takenNs = nowNs;
      this.#inStall = false;
      return;
    }
    const stallNs = nowNs - this.#takenNs;
    if (stallNs < STALL_NS) return;
    if (!this.#inStall) this.stalls++;
    this.#inStall = true;
    this.longestStallNs = Math.max(this.longestStallNs, stallNs);
  }

  /** Gives the host up to `most` bytes, whole packets except the last. @returns bytes taken. */
  drain(most: number): number {
    let done = 0;
    while (this.pty && done < most && this.#size > 0) {
      const n = Math.min(most - done, this.#size, this.#ring.length - this.#head);
      const taken = this.pty.write(this.#ring, this.#head, this.#head + n);
      this.blocked = taken === 0;
      if (taken === 0) break;
      this.#head = (this.#head + taken) % this.#ring.length;
      this.#size -= taken;
      done += taken;
    }
    return done;
  }
}
