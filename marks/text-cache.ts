// Bytes in a ring → their text. Names and keys of marks repeat without end; decoding one costs more than
// finding it again. Direct-mapped and bounded: an unlucky text is decoded again, never wrong.

const ENTRIES = 1024;
const MAX_CACHED_BYTES = 96;

interface Entry {
  readonly bytes: Buffer;
  readonly text: string;
}

export class TextCache {
  readonly #entries = new Array<Entry | undefined>(ENTRIES).fill(undefined);
  readonly #toText: (utf8: string) => string;

  /** @param toText applied once to each text that enters the cache. */
  constructor(toText: (utf8: string) => string = (utf8) => utf8) {
    this.#toText = toText;
  }

  get(memory: Uint8Array, at: number, length: number): string {
    if (length > MAX_CACHED_BYTES) return this.#toText(copy(memory, at, length).toString());
    const slot = hash(memory, at, length) % ENTRIES;
    const known = this.#entries[slot];
    if (known && isAt(known.bytes, memory, at, length)) return known.text;
    // The caller's buffer will be filled again.
    const bytes = copy(memory, at, length);
    const entry = { bytes, text: this.#toText(bytes.toString()) };
    this.#entries[slot] = entry;
    return entry.text;
  }
}

const copy = (memory: Uint8Array, at: number, length: number) =>
  Buffer.from(memory.subarray(at, at + length));

/** FNV-1a, 32 bits. */
function hash(memory: Uint8Array, at: number, length: number): number {
  let h = 0x811c9dc5;
  for (let i = at; i < at + length; i++) h = Math.imul(h ^ memory[i]!, 0x01000193);
  return h >>> 0;
}

function isAt(bytes: Uint8Array, memory: Uint8Array, at: number, length: number): boolean {
  if (bytes.length !== length) return false;
  for (let i = 0; i < length; i++) if (bytes[i] !== memory[at + i]) return false;
  return true;
}
