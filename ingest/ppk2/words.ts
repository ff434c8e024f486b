// Bytes of a PPK2's stream → samples. A sample is a word of 32 bits, little-endian, without sync or checksum;
// its counter, modulo 64, goes up by one. A sample is told when the three after it are those that must follow.
// After a break, samples begin where eight words in a row do, less the first, which may be pieced together
// across the break; the last three before it are left out. Holds: some words, in a buffer of fixed size.

import { StreamBuffer } from "../stream-buffer.ts";
import { COUNT_BITS, RANGES } from "./metadata.ts";

/** `word` is valid during the call. @param damaged bytes before it were lost or foreign. */
export type OnWord = (word: number, counter: number, damaged: boolean) => void;

export const WORD_BYTES = 4;
export const COUNTER_BIT = 18;
export const COUNTER_BITS = 6;
const COUNTER_MASK = 2 ** COUNTER_BITS - 1;
const BUFFER_BYTES = 4096;
/** Words after one that must follow for it to be told: a word of foreign bytes passes once in 10⁸ breaks. */
const VOUCHERS = 3;
/** By chance, (1/64 · 5/8)^7 at any byte: 10⁻¹⁴. */
const STEADY_WORDS = 8;
const STEADY_BYTES = STEADY_WORDS * WORD_BYTES;
const RUN_BYTES = (1 + VOUCHERS) * WORD_BYTES;

const counterOf = (word: number): number => (word >>> COUNTER_BIT) & COUNTER_MASK;
const rangeOf = (word: number): number => (word >>> COUNT_BITS) & 7;
const follows = (word: number, next: number): boolean =>
  counterOf(next) === ((counterOf(word) + 1) & COUNTER_MASK) && rangeOf(next) < RANGES;

export class WordDecoder {
  readonly counts = {
    /** Bytes of no sample that was told. */
    bytesSkipped: 0,
    /** Samples in another range than the one before. */
    rangeChanges: 0,
  };
  readonly #onWord: OnWord;
  readonly #buffer = new StreamBuffer(BUFFER_BYTES);
  readonly #view = this.#buffer.view;
  #inStep = false;
  #damaged = false;
  #range: number | null = null;

  constructor(onWord: OnWord) {
    this.#onWord = onWord;
  }

  push(chunk: Uint8Array): void {
    this.#buffer.push(chunk, this.#take);
  }

  /** The stream begins anew. */
  reset(): void {
    this.#buffer.clear();
    this.#inStep = this.#damaged = false;
    this.#range = null;
  }

  /** @returns bytes that are done with. */
  readonly #take = (): number => {
    let at = 0;
    while (this.#buffer.length - at >= (this.#inStep ? RUN_BYTES : STEADY_BYTES))
      at = this.#inStep ? this.#run(at) : this.#search(at);
    return at;
  };

  /** Tells words for as long as each is vouched for; of those ahead, all but the last are known to follow. */
  #run(from: number): number {
    const ahead = VOUCHERS * WORD_BYTES;
    let at = from;
    let last = this.#view.getUint32(at + ahead - WORD_BYTES, true);
    for (; this.#buffer.length - at >= RUN_BYTES; at += WORD_BYTES) {
      const next = this.#view.getUint32(at + ahead, true);
      if (!follows(last, next)) {
        this.#inStep = false;
        return this.#skip(at, 1);
      }
      this.#tell(this.#view.getUint32(at, true));
      last = next;
    }
    return at;
  }

  #search(at: number): number {
    let word = this.#view.getUint32(at, true);
    for (let i = 1; i < STEADY_WORDS; i++) {
      const next = this.#view.getUint32(at + i * WORD_BYTES, true);
      if (!follows(word, next)) return this.#skip(at, 1);
      word = next;
    }
    this.#inStep = true;
    return this.#damaged ? this.#skip(at, WORD_BYTES) : at;
  }

  #skip(at: number, bytes: number): number {
    this.#damaged = true;
    this.counts.bytesSkipped += bytes;
    return at + bytes;
  }

  #tell(word: number): void {
    const range = rangeOf(word);
    if (range !== this.#range && this.#range !== null) this.counts.rangeChanges++;
    this.#range = range;
    const damaged = this.#damaged;
    this.#damaged = false;
    this.#onWord(word, counterOf(word), damaged);
  }
}
