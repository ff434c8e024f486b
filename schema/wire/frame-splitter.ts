// Bytes, cut anywhere and with anything between → whole frames with a right CRC (docs/wire.md,
// Resynchronising). Nothing is thrown: what is no frame is counted. Holds at most one unfinished frame.

import {
  crcFits,
  type Frame,
  frameAt,
  frameSize,
  HEAD_BYTES,
  MAX_FRAME,
  SYNC,
  VERSION,
} from "./frame.ts";
import type { Instant } from "../time.ts";

/** Host clock before and after the read that brought the last byte; null where bytes have no time. */
export type Stamp = Instant<"host"> | null;

/** The frame's payload is a view into the splitter's buffer: valid only during the call. */
export type OnFrame = (frame: Frame, before: Stamp, after: Stamp) => void;

export interface SplitterCounts {
  frames: number;
  /** Right sync and version, but an impossible length or a wrong CRC; none that the end of the bytes cut short. */
  badFrames: number;
  /** The first three sync bytes before another version. */
  otherVersion: number;
  /** Bytes that were part of no whole, right frame. */
  skippedBytes: number;
}

export class FrameSplitter {
  readonly counts: SplitterCounts = { frames: 0, badFrames: 0, otherVersion: 0, skippedBytes: 0 };
  readonly #onFrame: OnFrame;
  // Room for an unfinished frame and a good piece of what follows, so that compaction stays rare.
  readonly #buffer = Buffer.alloc(8 * MAX_FRAME);
  #start = 0;
  #end = 0;
  /** Of the last read. */
  #before: Stamp = null;
  #after: Stamp = null;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  push(chunk: Uint8Array, before: Stamp, after: Stamp): void {
    [this.#before, this.#after] = [before, after];
    for (let at = 0; at < chunk.length;) {
      if (this.#end === this.#buffer.length) this.#compact();
      const n = Math.min(chunk.length - at, this.#buffer.length - this.#end);
      this.#buffer.set(n === chunk.length ? chunk : chunk.subarray(at, at + n), this.#end);
      this.#end += n;
      at += n;
      this.#scan();
    }
  }

  /** The bytes ended or start again: what waits for the rest of a frame is refused, and what is behind it read. */
  cut(): void {
    for (let refused = 1; this.#start < this.#end; refused++) {
      const { frames } = this.counts;
      this.#start = this.#skip(this.#start);
      this.#scan();
      if (this.counts.frames === frames) continue;
      this.counts.badFrames += refused; // the bytes did not end in them
      refused = 0;
    }
  }

  #scan(): void {
    const [bytes, end] = [this.#buffer, this.#end];
    let at = this.#start;
    while (end - at >= HEAD_BYTES) {
      const size = frameSize(bytes, at);
      if (size > end - at) break;
      if (size > 0 && crcFits(bytes, at, size)) {
        this.counts.frames++;
        // The start moves first: a handler that throws must not see the same frame again.
        this.#start = at + size;
        this.#onFrame(frameAt(bytes, at, size), this.#before, this.#after);
        at += size;
      } else at = this.#refuse(at);
    }
    this.#start = at;
    if (at === end) this.#start = this.#end = 0;
  }

  /** Counts what stands at `at` and returns where to look next. */
  #refuse(at: number): number {
    const b = this.#buffer;
    if (b[at] === SYNC[0] && b[at + 1] === SYNC[1] && b[at + 2] === SYNC[2]) {
      if (b[at + 3] === VERSION) this.counts.badFrames++;
      else this.counts.otherVersion++;
    }
    return this.#skip(at);
  }

  /** @returns where the next frame may begin after this byte. */
  #skip(at: number): number {
    const found = this.#buffer.subarray(0, this.#end).indexOf(SYNC[0], at + 1);
    const next = found < 0 ? this.#end : found;
    this.counts.skippedBytes += next - at;
    return next;
  }

  #compact(): void {
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }
}
