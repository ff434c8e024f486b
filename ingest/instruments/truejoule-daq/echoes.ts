// The frames that came last, whatever they were numbered by: the same again, to the byte, is an echo.

/** USB does not reorder, so this is for what stands between. */
export const REMEMBERED = 4096;

export class Echoes {
  /** Number by CRC, which covers the number too; and the CRCs in the order in which they came. */
  readonly #numbers = new Map<number, number>();
  readonly #order = new Uint32Array(REMEMBERED);
  #came = 0;

  has(sequence: number, crc: number): boolean {
    return this.#numbers.get(crc) === sequence;
  }

  forget(crc: number): void {
    this.#numbers.delete(crc);
  }

  /** A frame that is none. */
  add(sequence: number, crc: number): void {
    const at = this.#came++ % REMEMBERED;
    if (this.#came > REMEMBERED) this.#numbers.delete(this.#order[at]!);
    this.#order[at] = crc;
    this.#numbers.set(crc, sequence);
  }
}
