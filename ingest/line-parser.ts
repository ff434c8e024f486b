// Bytes → lines, at byte level and bounded: a line longer than the limit is counted and skipped to its
// end, so a wrong baud rate costs nothing. (The usual readline parser is quadratic there: 32 MB without
// a newline took 81 s.) Holds at most one unfinished line.

const LF = 0x0a;
const CR = 0x0d;

/** `bytes[from..to)` is the line without its end; valid only during the call. Empty lines are not told. */
export type OnLine = (bytes: Uint8Array, from: number, to: number) => void;

export class LineParser {
  /** Lines longer than the limit. */
  overlong = 0;
  readonly #onLine: OnLine;
  readonly #held: Uint8Array;
  #length = 0;
  #skipping = false;

  constructor(onLine: OnLine, maxBytes = 256) {
    this.#onLine = onLine;
    this.#held = new Uint8Array(maxBytes);
  }

  push(chunk: Uint8Array): void {
    let from = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, from)) {
      this.#end(chunk, from, end);
      from = end + 1;
    }
    this.#hold(chunk, from);
  }

  /** Forgets an unfinished line: the stream began anew. */
  reset(): void {
    this.#length = 0;
    this.#skipping = false;
  }

  #end(chunk: Uint8Array, from: number, end: number): void {
    if (this.#skipping) {
      this.#skipping = false;
    } else if (this.#length > 0) {
      this.#hold(chunk.subarray(0, end), from);
      if (!this.#skipping) this.#tell(this.#held, 0, this.#length);
      this.reset();
    } else if (end - from > this.#held.length) {
      this.overlong++;
    } else this.#tell(chunk, from, end);
  }

  #tell(bytes: Uint8Array, from: number, to: number): void {
    const end = to > from && bytes[to - 1] === CR ? to - 1 : to;
    if (end > from) this.#onLine(bytes, from, end);
  }

  /** Keeps the beginning of a line, or starts skipping it. */
  #hold(chunk: Uint8Array, from: number): void {
    const n = chunk.length - from;
    if (this.#skipping || n === 0) return;
    if (this.#length + n > this.#held.length) {
      this.overlong++;
      this.#length = 0;
      this.#skipping = true;
      return;
    }
    this.#held.set(chunk.subarray(from), this.#length);
    this.#length += n;
  }
}
