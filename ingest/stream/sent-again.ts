// The last frames that were told, and whether another is one of them byte for byte. A frame that holds a counter
// is never sent twice within a turn of it: one that says what was said already was sent again on the way.

export class LastFrames {
  readonly #bytes: Uint8Array;
  readonly #size: number;
  #next = 0;
  /** Bytes that hold a frame. */
  #held = 0;

  /** @param frames fewer than come in a turn of their counter. */
  constructor(frames: number, size: number) {
    this.#bytes = new Uint8Array(Math.max(1, Math.floor(frames)) * size);
    this.#size = size;
  }

  /** `frame` is copied. */
  told(frame: Uint8Array): void {
    const at = this.#next % this.#bytes.length;
    for (let i = 0; i < this.#size; i++) this.#bytes[at + i] = frame[i]!; // for so few faster than set()
    this.#next = at + this.#size;
    if (this.#held < this.#bytes.length) this.#held += this.#size;
  }

  has(frame: Uint8Array): boolean {
    for (let at = 0; at < this.#held; at += this.#size) if (this.#is(frame, at)) return true;
    return false;
  }

  forget(): void {
    this.#next = this.#held = 0;
  }

  #is(frame: Uint8Array, at: number): boolean {
    for (let i = 0; i < this.#size; i++) if (this.#bytes[at + i] !== frame[i]) return false;
    return true;
  }
}
