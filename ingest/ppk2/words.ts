// Bytes of a PPK2's stream → samples. A sample is a word of 32 bits, little-endian, without sync or checksum;
// its counter, modulo 64, goes up by one. A sample is told when the three after it are those that must follow.
// After a break, samples begin where eight words in a row do, less the first, which may be pieced together
// across the break; the last three before it are left out. Words that are those before the break once more, up to
// the last of them, were sent again on the way and are left out; but words that are all alike say too little for
// that, unless it is the last one alone. Holds: some words, in a buffer of fixed size, and those of the last turn.

import { StreamBuffer } from "../stream-buffer.ts";
import { COUNT_BITS, RANGES } from "./metadata.ts";

/** @param between bytes of no sample, since the one before. */
export type OnWord = (word: number, counter: number, between: number) => void;

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
const valueOf = (word: number): number => word & ~(COUNTER_MASK << COUNTER_BIT);
const rangeOf = (word: number): number => (word >>> COUNT_BITS) & 7;
const follows = (word: number, next: number): boolean =>
  counterOf(next) === ((counterOf(word) + 1) & COUNTER_MASK) && rangeOf(next) < RANGES;

export class WordDecoder {
  readonly counts = {
    /** Bytes of no sample that was told. */
    bytesSkipped: 0,
    /** Samples in another range than the one before. */
    rangeChanges: 0,
    /** Samples left out: each was told before. */
    repeated: 0,
  };
  readonly #onWord: OnWord;
  readonly #buffer = new StreamBuffer(BUFFER_BYTES);
  readonly #view = this.#buffer.view;
  /** By counter, the last that was told; null before. */
  readonly #last: (number | null)[] = [];
  #inStep = false;
  #between = 0;
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
    this.#last.length = this.#between = 0;
    this.#inStep = false;
    this.#range = null;
  }

  /** @returns bytes that are done with. */
  readonly #take = (): number => {
    let at = 0;
    for (let next: number | null = at; next !== null; next = this.#next(at)) at = next;
    return at;
  };

  /** From where to go on; null: more must come. */
  #next(at: number): number | null {
    const there = this.#buffer.length - at;
    if (there < (this.#inStep ? RUN_BYTES : STEADY_BYTES)) return null;
    return this.#inStep ? this.#run(at) : this.#search(at);
  }

  /** Tells words for as long as each is vouched for; of those ahead, all but the last are known to follow. */
  #run(from: number): number | null {
    const ahead = VOUCHERS * WORD_BYTES;
    let at = from;
    let last = this.#view.getUint32(at + ahead - WORD_BYTES, true);
    for (; this.#buffer.length - at >= RUN_BYTES; at += WORD_BYTES) {
      const next = this.#view.getUint32(at + ahead, true);
      if (!follows(last, next)) return this.#break(at, from);
      this.#tell(this.#view.getUint32(at, true));
      last = next;
    }
    return at;
  }

  /** What follows the words ahead of `at` is none that must: is it those before once more? */
  #break(at: number, from: number): number | null {
    const ends = at + VOUCHERS * WORD_BYTES;
    const again = this.#again(ends);
    if (again === null) return at > from ? at : null;
    this.#inStep = false;
    if (again === 0) return this.#skip(at, 1);
    for (let told = at; told < ends; told += WORD_BYTES)
      this.#tell(this.#view.getUint32(told, true));
    this.counts.repeated += again;
    return ends + again * WORD_BYTES;
  }

  /** How many words from `at` on are those that end just before it; null: more must come. */
  #again(at: number): number | null {
    const word = (i: number): number => this.#view.getUint32(at + i * WORD_BYTES, true);
    const count = ((counterOf(word(-1)) - counterOf(word(0))) & COUNTER_MASK) + 1;
    let alike = true;
    for (let i = 0; i < count; i++) {
      if (at + (i + 1) * WORD_BYTES > this.#buffer.length) return null;
      const back = i - count;
      const before = back < -VOUCHERS ? this.#last[counterOf(word(i))] : word(back);
      if (word(i) !== before) return 0;
      alike &&= valueOf(word(i)) === valueOf(word(0));
    }
    return alike && count > 1 ? 0 : count;
  }

  #search(at: number): number {
    let word = this.#view.getUint32(at, true);
    for (let i = 1; i < STEADY_WORDS; i++) {
      const next = this.#view.getUint32(at + i * WORD_BYTES, true);
      if (!follows(word, next)) return this.#skip(at, 1);
      word = next;
    }
    this.#inStep = true;
    return this.#between > 0 ? this.#skip(at, WORD_BYTES) : at;
  }

  #skip(at: number, bytes: number): number {
    this.#between += bytes;
    this.counts.bytesSkipped += bytes;
    return at + bytes;
  }

  #tell(word: number): void {
    const range = rangeOf(word);
    if (range !== this.#range && this.#range !== null) this.counts.rangeChanges++;
    this.#range = range;
    const between = this.#between;
    this.#between = 0;
    this.#last[counterOf(word)] = word;
    this.#onWord(word, counterOf(word), between);
  }
}
