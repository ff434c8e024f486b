// Bytes of a PPK2's stream → samples. A sample is a word of 32 bits, little-endian, without sync or checksum;
// its counter, modulo 64, goes up by one. A sample is told when the three after it are those that must follow.
// After a break, samples begin where eight words in a row do, less the first, which may be pieced together
// across the break; the last three before it are left out. Words that are those before the break once more, up to
// the last of them, were sent again on the way and are left out; but words that are all alike say too little for
// that, unless it is the last one alone. Holds: some words, in a buffer of fixed size, and those of the last turn.

import { StreamBuffer } from "../../ports/stream-buffer.ts";
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
  /** By counter, the last that was told. */
  readonly #last: (number | undefined)[] = [];
  #told = 0;
  #inStep = false;
  /** What is done with of the buffer, and words from there on that follow one another and the last that was told. */
  #at = 0;
  #ahead = 0;
  #between = 0;
  #range: number | null = null;

  constructor(onWord: OnWord) {
    this.#onWord = onWord;
  }

  push(chunk: Uint8Array): void {
    this.#buffer.push(chunk, this.#take);
  }

  /** The stream starts again. */
  reset(): void {
    this.#buffer.clear();
    this.#last.length = this.#between = this.#ahead = 0;
    this.#inStep = false;
    this.#range = null;
  }

  /** @returns bytes that are done with. */
  readonly #take = (): number => {
    this.#at = 0;
    while (this.#inStep ? this.#run() : this.#search());
    return this.#at;
  };

  /** Tells words for as long as each is vouched for. @returns whether there may be more to find. */
  #run(): boolean {
    let [at, ahead, last] = [
      this.#at,
      this.#ahead,
      this.#ahead > 0 ? this.#word(this.#ahead - 1) : this.#told,
    ];
    let goesOn = true;
    for (let to = at + ahead * WORD_BYTES; goesOn && to + WORD_BYTES <= this.#buffer.length;) {
      const next = this.#view.getUint32(to, true);
      goesOn = follows(last, next);
      if (!goesOn) break;
      last = next;
      to += WORD_BYTES;
      if (ahead < VOUCHERS) ahead++;
      else {
        this.#tell(this.#view.getUint32(at, true));
        at += WORD_BYTES;
      }
    }
    [this.#at, this.#ahead] = [at, ahead];
    return !goesOn && this.#break(last);
  }

  /** What follows `last` is no word that must: is it those that end there once more? */
  #break(last: number): boolean {
    const again = this.#again(last);
    if (again === null) return false;
    if (again === 0) {
      this.#inStep = false;
      this.#skip(1);
    } else {
      for (let i = 0; i < this.#ahead; i++) this.#tell(this.#word(i));
      this.counts.repeated += again;
      this.#at += (this.#ahead + again) * WORD_BYTES;
    }
    this.#ahead = 0;
    return true;
  }

  /** How many words behind those ahead are the ones that end with `last`; null: more must come. */
  #again(last: number): number | null {
    const ahead = this.#ahead;
    if (!this.#has(ahead)) return null;
    const count = ((counterOf(last) - counterOf(this.#word(ahead))) & COUNTER_MASK) + 1;
    let alike = true;
    for (let i = 0; i < count; i++) {
      if (!this.#has(ahead + i)) return null;
      const word = this.#word(ahead + i);
      const back = ahead + i - count;
      if (word !== (back < 0 ? this.#last[counterOf(word)] : this.#word(back))) return 0;
      alike &&= valueOf(word) === valueOf(last);
    }
    return alike && count > 1 ? 0 : count;
  }

  #search(): boolean {
    if (!this.#has(STEADY_WORDS - 1)) return false;
    let word = this.#word(0);
    for (let i = 1; i < STEADY_WORDS; i++) {
      const next = this.#word(i);
      if (!follows(word, next)) return this.#skip(1);
      word = next;
    }
    this.#inStep = true;
    this.#ahead = 1;
    return this.#between > 0 ? this.#skip(WORD_BYTES) : true;
  }

  /** The word so many after the first that is not done with, and whether it is there. */
  #word(i: number): number {
    return this.#view.getUint32(this.#at + i * WORD_BYTES, true);
  }

  #has(i: number): boolean {
    return this.#at + (i + 1) * WORD_BYTES <= this.#buffer.length;
  }

  #skip(bytes: number): true {
    this.#between += bytes;
    this.counts.bytesSkipped += bytes;
    this.#at += bytes;
    return true;
  }

  #tell(word: number): void {
    const range = rangeOf(word);
    if (range !== this.#range && this.#range !== null) this.counts.rangeChanges++;
    this.#range = range;
    const between = this.#between;
    this.#between = 0;
    this.#told = this.#last[counterOf(word)] = word;
    this.#onWord(word, counterOf(word), between);
  }
}
