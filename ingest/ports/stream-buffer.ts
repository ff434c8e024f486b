// What of a stream is not done with yet, in a buffer of fixed size. In: chunks of any length. Out: the bytes to
// a decoder, which says how many from the start it needs no more.

export class StreamBuffer {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  length = 0;

  /** @param size at least twice what the decoder waits for. */
  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  /** @param take looks at all there is; @returns bytes that are done with. */
  push(chunk: Uint8Array, take: () => number): void {
    for (let from = 0; from < chunk.length;) {
      const n = Math.min(chunk.length - from, this.bytes.length - this.length);
      this.bytes.set(chunk.subarray(from, from + n), this.length);
      this.length += n;
      from += n;
      const used = take();
      this.bytes.copyWithin(0, used, this.length);
      this.length -= used;
    }
  }

  clear(): void {
    this.length = 0;
  }
}
