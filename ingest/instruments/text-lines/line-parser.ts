// Bytes → lines, at byte level and bounded: a line longer than the limit is counted and skipped to its
// end, so a wrong baud rate costs nothing. (The usual readline parser is quadratic there: 32 MB without
// a newline took 81 s.) What comes first, up to the first line end, is the tail of a line: nobody knows how much
// of it is missing, so it is left out. Holds at most one unfinished line.

const LF = 0x0a;
const CR = 0x0d;

/** `bytes[from..to)` is the line without its end; valid only during the call. Empty lines are not told. */
export type OnLine = (bytes: Uint8Array, from: number, to: number) => void;

export class LineParser {
  /** Lines longer than the limit. */
  overlong = 0;
  readonly #onLine: OnLine;
  readonly #onOverlong: () => void;
  readonly #held: Uint8Array;
  #length = 0;
  #skipping = false;
  /** Bytes of the first, cut line so far; null once it has ended. */
  #cut: number | null = 0;

  constructor(onLine: OnLine, onOverlong: () => void = () => undefined, maxBytes = 256) {
    this.#onLine = onLine;
    this.#onOverlong = onOverlong;
    this.#held = new Uint8Array(maxBytes);
  }

  push(chunk: Uint8Array): void {
    let from = this.#cut === null ? 0 : this.#afterCut(chunk);
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, from)) {
      this.#end(chunk, from, end);
      from = end + 1;
    }
    this.#hold(chunk, from);
  }

  /** The stream starts again, somewhere in a line. */
  reset(): void {
    this.#forget();
    this.#cut = 0;
  }

  #forget(): void {
    this.#length = 0;
    this.#skipping = false;
  }

  /** Skips the first line. @returns where the second begins, or the chunk's end. */
  #afterCut(chunk: Uint8Array): number {
    const end = chunk.indexOf(LF);
    const before = this.#cut!;
    const bytes = before + (end < 0 ? chunk.length : end);
    if (before <= this.#held.length && bytes > this.#held.length) this.#tooLong();
    this.#cut = end < 0 ? bytes : null;
    return end < 0 ? chunk.length : end + 1;
  }

  #tooLong(): void {
    this.overlong++;
    this.#onOverlong();
  }

  #end(chunk: Uint8Array, from: number, end: number): void {
    if (this.#skipping) {
      this.#skipping = false;
    } else if (this.#length > 0) {
      this.#hold(chunk.subarray(0, end), from);
      if (!this.#skipping) this.#tell(this.#held, 0, this.#length);
      this.#forget();
    } else if (end - from > this.#held.length) {
      this.#tooLong();
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
      this.#length = 0;
      this.#skipping = true;
      this.#tooLong();
      return;
    }
    this.#held.set(chunk.subarray(from), this.#length);
    this.#length += n;
  }
}
