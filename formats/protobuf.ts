// Protocol Buffers wire format, writing only (protobuf.dev/programming-guides/encoding): fields are appended to
// one growing buffer. Lengths of nested messages are written as four-byte varints, padded, so that they can
// be filled in afterwards; every decoder reads those.

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const LENGTH_BYTES = 4;

export class ProtoBuffer {
  #bytes = new Uint8Array(1 << 16);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  get length(): number {
    return this.#at;
  }

  /** What was written; valid until the next write. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  clear(): void {
    this.#at = 0;
  }

  /** @param value whole, 0 ≤ value < 2^53. */
  uint(field: number, value: number): void {
    this.#varint(8 * field + VARINT);
    this.#varint(value);
  }

  /** @param value 0 ≤ value < 2^64. */
  uint64(field: number, value: bigint): void {
    this.#varint(8 * field + VARINT);
    this.#room(10);
    let [low, high] = [Number(value & 0xffffffffn), Number(value >> 32n)];
    while (high > 0 || low > 0x7f) {
      this.#bytes[this.#at++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.#bytes[this.#at++] = low;
  }

  double(field: number, value: number): void {
    this.#varint(8 * field + FIXED64);
    this.#room(8);
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  text(field: number, text: string): void {
    const utf8 = Buffer.from(text);
    this.#varint(8 * field + BYTES);
    this.#varint(utf8.length);
    this.#room(utf8.length);
    this.#bytes.set(utf8, this.#at);
    this.#at += utf8.length;
  }

  /** Opens a nested message of less than 2^28 bytes. @returns what {@link end} wants. */
  begin(field: number): number {
    this.#varint(8 * field + BYTES);
    this.#room(LENGTH_BYTES);
    this.#at += LENGTH_BYTES;
    return this.#at;
  }

  end(begun: number): void {
    const length = this.#at - begun;
    for (let i = 0; i < LENGTH_BYTES; i++) {
      const more = i < LENGTH_BYTES - 1 ? 0x80 : 0;
      this.#bytes[begun - LENGTH_BYTES + i] = ((length >>> (7 * i)) & 0x7f) | more;
    }
  }

  #varint(value: number): void {
    this.#room(10);
    while (value > 0x7f) {
      this.#bytes[this.#at++] = (value % 128) | 0x80;
      value = Math.floor(value / 128);
    }
    this.#bytes[this.#at++] = value;
  }

  #room(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const bigger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at + more));
    bigger.set(this.bytes);
    this.#bytes = bigger;
    this.#view = new DataView(bigger.buffer);
  }
}
