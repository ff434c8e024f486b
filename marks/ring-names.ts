// The names area of a ring (docs/marks.md, "Names area"). In: references out of slots. Out: their text.
// Holds: an entry is read once; a reference that leads nowhere is undefined, never an error.

import { HEADER_BYTES, SLOT_BYTES } from "./layout.ts";
import { FIRST_NAME, type RingBytes } from "./ring-file.ts";

/** Of names kept: a program has thousands; a ring that lies may have any number, and is read again. */
const MAX_KNOWN = 1 << 16;
/** No compiler makes longer ones; what says so is no name. */
const MAX_LENGTH = 1 << 16;

export class RingNames {
  readonly #ring: RingBytes;
  readonly #known = new Map<number, string>();

  constructor(ring: RingBytes) {
    this.#ring = ring;
  }

  /** @throws RingFault when the ring was cut short. */
  at(reference: number): string | undefined {
    const hit = this.#known.get(reference);
    if (hit !== undefined) return hit;
    const { namesBytes, capacity } = this.#ring;
    if (reference < FIRST_NAME || reference % 8 !== 0 || reference + 4 > namesBytes)
      return undefined;
    const at = HEADER_BYTES + capacity * SLOT_BYTES + reference;
    const head = Buffer.alloc(4);
    this.#ring.read(head, at);
    const length = head.readUInt32LE();
    if (length === 0 || length > MAX_LENGTH || reference + 4 + length > namesBytes)
      return undefined;
    const bytes = Buffer.alloc(length);
    this.#ring.read(bytes, at + 4);
    const text = bytes.toString();
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(reference, text);
    return text;
  }
}
