// Time on the emulated USB cable: full speed, frames of 1 ms, transactions one after the other. In: what is to be
// sent. Out: when it is over.

import type { SimulatedClock } from "./internals.ts";

export const FRAME_NS = 1e6;
const SOF_NS = 5_000;
/** 13 bytes of overhead and the data at 12 Mbit/s (USB 2.0, 5.8.4: 19 packets of 64 in a frame). */
const transactionNs = (bytes: number): number => ((13 + bytes) * 8 * 1000) / 12;

export class UsbBus {
  readonly #clock: SimulatedClock;
  #freeNs = 0;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  /** Takes the next free place for a transaction. @returns ns until it is over. */
  slot(bytes: number): number {
    const now = this.#clock.nanos;
    const length = transactionNs(bytes);
    let start = Math.max(now + 2_000, this.#freeNs);
    const frame = Math.floor(start / FRAME_NS) * FRAME_NS;
    if (start < frame + SOF_NS) start = frame + SOF_NS;
    if (start + length > frame + FRAME_NS) start = frame + FRAME_NS + SOF_NS;
    this.#freeNs = start + length;
    return start + length - now;
  }

  /** ns until the next frame begins. */
  get untilFrame(): number {
    return FRAME_NS - (this.#clock.nanos % FRAME_NS);
  }
}
