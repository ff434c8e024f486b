// Bytes of a PMD-USB stream → frames. The stream has no sync word, sequence or checksum, so a frame is known
// by what follows: the next frame must come a plausible step later, with much the same supply voltages, or
// else be the first of many such. After a break, frames begin where
// eight in a row step plausibly and show the same supply voltages; the first of them may yet be pieced
// together across the break and is left out. A frame before a break is told only if what follows is still in
// step with it, or was told already: then it was sent again on the way, and is left out. Holds: some frames, in a
// buffer of fixed size, and those of the last turn of the tick.

import { LastFrames } from "../../stream/sent-again.ts";
import { StreamBuffer } from "../../ports/stream-buffer.ts";
import { FRAME_BYTES, TICK } from "./frame.ts";

/** `frame` is valid during the call. @param between bytes that were no frame, since the one before. */
export type OnFrame = (frame: Uint8Array, tick: number, between: number) => void;

/** By chance, (2.25 · 620 / 65536)^7 at any byte. */
const STEADY_FRAMES = 8;
const STEADY_BYTES = STEADY_FRAMES * FRAME_BYTES;
const BUFFER_BYTES = 64 * FRAME_BYTES;
/** A UART cannot be much faster than it is; beyond 2.5 periods frames are missing (schema/rig.ts). */
const SHORTEST_PERIODS = 0.25;
export const LONGEST_PERIODS = 2.5;
/** The frame at hand is told, or was told already. */
const [TELL, AGAIN] = [-1, -2];
const VOLT_OFFSETS = [2, 6, 10, 14];
/** 7.568 mV a count. */
const ONE_VOLT = 1 / 0.007568;
const VOLT_SHARE = 0.2;

export class FrameDecoder {
  readonly counts = {
    /** Bytes that belong to no frame that was told. */
    bytesSkipped: 0,
    /** Frames left out: each was told before. */
    repeated: 0,
  };
  readonly #onFrame: OnFrame;
  readonly #steps: readonly [shortest: number, longest: number];
  readonly #buffer = new StreamBuffer(BUFFER_BYTES);
  readonly #view = this.#buffer.view;
  readonly #last: LastFrames;
  #inStep = false;
  #between = 0;
  /** What comes next was told already. */
  #again = false;

  /** @param usualStep ticks from frame to frame, nominal. */
  constructor(onFrame: OnFrame, usualStep: number) {
    this.#onFrame = onFrame;
    this.#steps = [SHORTEST_PERIODS * usualStep, LONGEST_PERIODS * usualStep];
    this.#last = new LastFrames(2 ** TICK.bits / usualStep - 1, FRAME_BYTES);
  }

  push(chunk: Uint8Array): void {
    this.#buffer.push(chunk, this.#take);
  }

  /** The stream starts again. */
  reset(): void {
    this.#buffer.clear();
    this.#last.forget();
    this.#inStep = this.#again = false;
    this.#between = 0;
  }

  readonly #take = (): number => {
    let at = 0;
    for (let next = this.#next(at); next !== null; next = this.#next(at)) {
      if (next === TELL) this.#tell(at);
      else if (next === AGAIN) this.counts.repeated++;
      else {
        this.counts.bytesSkipped += next;
        this.#between += next;
      }
      at += next < 0 ? FRAME_BYTES : next;
    }
    return at;
  };

  /** Bytes to skip, {@link TELL} or {@link AGAIN}; null: more must come. */
  #next(at: number): number | null {
    const there = this.#buffer.length - at;
    if (!this.#inStep) {
      if (there < STEADY_BYTES) return null;
      this.#inStep = this.#again = this.#steady(at);
      if (!this.#inStep) return 1;
      return this.#between > 0 ? FRAME_BYTES : 0;
    }
    if (there < 2 * FRAME_BYTES) return null;
    this.#again &&= this.#last.has(this.#frame(at));
    if (this.#again) return AGAIN;
    if (this.#follows(at) && this.#sameVolts(at, at + FRAME_BYTES)) return TELL;
    if (there < FRAME_BYTES + STEADY_BYTES) return null;
    this.#again = this.#same(at, at + FRAME_BYTES) || this.#last.has(this.#frame(at + FRAME_BYTES));
    if (this.#again) return TELL;
    if (this.#steady(at + FRAME_BYTES)) return TELL; // whole frames are missing, which the ticks show
    this.#inStep = false;
    return 1;
  }

  #tell(at: number): void {
    const [frame, between] = [this.#frame(at), this.#between];
    this.#between = 0;
    this.#last.told(frame);
    this.#onFrame(frame, this.#tick(at), between);
  }

  #frame(at: number): Uint8Array {
    return this.#buffer.bytes.subarray(at, at + FRAME_BYTES);
  }

  #same(one: number, other: number): boolean {
    return this.#frame(one).every((byte, i) => byte === this.#buffer.bytes[other + i]);
  }

  #tick(at: number): number {
    return this.#view.getUint16(at, true);
  }

  /** Whether the frame after the one at `at` comes a plausible step later. */
  #follows(at: number): boolean {
    const step = (this.#tick(at + FRAME_BYTES) - this.#tick(at)) & 0xffff;
    return step >= this.#steps[0] && step <= this.#steps[1];
  }

  #steady(at: number): boolean {
    for (let i = 0; i < STEADY_FRAMES; i++) {
      const frame = at + i * FRAME_BYTES;
      if (i + 1 < STEADY_FRAMES && !this.#follows(frame)) return false;
      if (!this.#sameVolts(at, frame)) return false;
    }
    return true;
  }

  #sameVolts(one: number, other: number): boolean {
    for (const offset of VOLT_OFFSETS) {
      const usual = this.#view.getInt16(one + offset, true) >> 4;
      const off = Math.abs((this.#view.getInt16(other + offset, true) >> 4) - usual);
      if (off > Math.max(VOLT_SHARE * Math.abs(usual), ONE_VOLT)) return false;
    }
    return true;
  }
}
