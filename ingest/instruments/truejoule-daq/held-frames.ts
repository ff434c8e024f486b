// Frames that wait for others to say what they are: side records for the first rows of their run, late frames for
// the next number. In: frames whose payload is valid during the call. Out: copies, in the order in which they came.

import type { Frame } from "../../../schema/wire/frame.ts";
import type { Stamp } from "../../../schema/wire/frame-splitter.ts";
import type { Arrival } from "./gap-tracker.ts";

export interface Arrived {
  readonly frame: Frame;
  readonly arrival: Arrival;
  readonly before: Stamp;
  readonly after: Stamp;
}

/** More do not come before a block: the slowest lasts 3 s on the RP2040, the wire takes 3,000 edge frames a second. */
const MOST = 4096;

export class HeldFrames {
  #held: Arrived[] = [];

  /** @returns the oldest one, which has waited long enough. */
  hold(a: Arrived): Arrived | undefined {
    const { buffer, byteOffset, byteLength } = a.frame.payload;
    const payload = new DataView(buffer.slice(byteOffset, byteOffset + byteLength));
    this.#held.push({ ...a, frame: { ...a.frame, payload } });
    return this.#held.length > MOST ? this.#held.shift() : undefined;
  }

  /** All of them; none is held any more. */
  take(): Arrived[] {
    return this.#held.splice(0);
  }
}
