// Bytes of a PowerSensor3 stream → sets. A set is nine words of two bytes, `1 iii aaaa`, `0 m bbbbbb`: sensor
// i, level aaaabbbbbb. The first has i = 7 and m = 1, and its level is the device's time, microseconds modulo
// 1,024; then sensors 0 to 7. m = 1 with sensor 0 is a mark (nlesc-recruit/PowerSensor3,
// device/PowerSensor/PowerSensor.ino). There is no checksum: where as many bytes are lost as a set has, or one
// less, two sets grow together unseen. So a set is told only when the next begins at once and a period later. A
// set that says what one of the last turn of the time said was sent again on the way, and is left out.
// Holds: two sets and one byte, and the sets of the last turn.

import { LastFrames } from "../../stream/sent-again.ts";

/**
 * One set: the device's time, then the eight levels. Valid during the call.
 * @param between bytes that were no set, since the one before.
 */
export type OnSet = (words: Uint16Array, marked: boolean, between: number) => void;

export const SET_BYTES = 18;

const SENSORS = 8;
const TIME_SENSOR = 7;
const TIME_MASK = 0x3ff;

export class SetDecoder {
  readonly counts = {
    /** Bytes that were no word where one was due, and words out of their place. */
    bytesSkipped: 0,
    /** Sets that broke off, or that nothing vouches for. */
    setsBroken: 0,
    /** Sets left out: each was told before. */
    repeated: 0,
  };
  readonly #onSet: OnSet;
  readonly #periodUs: number;
  readonly #words = new Uint16Array(1 + SENSORS);
  /** Words of the set at hand; 0 while none has begun. */
  #have = 0;
  /** A whole set that waits for the next one to vouch for it. */
  readonly #waiting = { words: new Uint16Array(1 + SENSORS), is: false, marked: false, begins: 0 };
  readonly #last: LastFrames;
  #head = -1;
  #marked = false;
  /** The set at hand does not begin a period after the one that waits. */
  #odd = false;
  /** Bytes of the stream so far; where the set at hand begins, and where one after the last told would. */
  #bytes = 0;
  #begins = 0;
  #due = 0;

  constructor(onSet: OnSet, periodUs: number) {
    this.#onSet = onSet;
    this.#periodUs = periodUs;
    this.#last = new LastFrames((TIME_MASK + 1) / periodUs - 1, SET_BYTES);
  }

  push(chunk: Uint8Array): void {
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      this.#bytes++;
      const isHead = byte >= 0x80;
      if (isHead) {
        if (this.#head >= 0) this.#skip(1);
        this.#head = byte;
      } else if (this.#head < 0) this.#skip(1);
      else {
        this.#word(
          (this.#head >> 4) & 7,
          (byte & 0x40) !== 0,
          ((this.#head & 15) << 6) | (byte & 63),
        );
        this.#head = -1;
      }
    }
  }

  /** The stream starts again. */
  reset(): void {
    this.#waiting.is = false;
    this.#last.forget();
    this.#have = 0;
    this.#head = -1;
    this.#bytes = this.#due = 0;
  }

  #word(sensor: number, marked: boolean, level: number): void {
    if (sensor === TIME_SENSOR && marked) {
      if (this.#have > 0) this.#break();
      this.#vouch(level);
      this.#begins = this.#bytes - 2;
      this.#words[0] = level;
      this.#have = 1;
      this.#marked = false;
    } else if (this.#have > 0 && sensor === this.#have - 1) {
      this.#words[this.#have++] = level;
      if (marked) this.#marked = true;
      if (this.#have > SENSORS) this.#whole();
    } else {
      if (this.#have > 0) this.#break();
      this.#skip(2);
    }
  }

  #whole(): void {
    this.#have = 0;
    if ((this.#odd || !this.#waiting.is) && this.#wasSaid()) return this.#again();
    if (this.#odd) this.#doubt();
    this.#waiting.words.set(this.#words);
    this.#waiting.marked = this.#marked;
    this.#waiting.begins = this.#begins;
    this.#waiting.is = true;
  }

  #wasSaid(): boolean {
    const { words, is } = this.#waiting;
    const repeats = is && this.#words.every((w, i) => w === words[i]);
    return repeats || this.#last.has(bytesOf(this.#words));
  }

  /** The one that waits goes on waiting, as if this one had not come. */
  #again(): void {
    this.counts.repeated++;
    this.#bytes -= SET_BYTES;
  }

  /** The next set begins: is it the one that must follow? */
  #vouch(time: number): void {
    const { words, is, marked, begins } = this.#waiting;
    const step = (time - words[0]!) & TIME_MASK;
    this.#odd = is && Math.abs(step - this.#periodUs) > this.#periodUs / 2;
    if (!is || this.#odd) return;
    const between = begins - this.#due;
    this.#due = begins + SET_BYTES;
    this.#waiting.is = false;
    this.#last.told(bytesOf(words));
    this.#onSet(words, marked, between);
  }

  /** The waiting set may have grown from two. */
  #doubt(): void {
    if (this.#waiting.is) this.counts.setsBroken++;
    this.#waiting.is = this.#odd = false;
  }

  #break(): void {
    this.counts.setsBroken++;
    this.#have = 0;
    this.#doubt();
  }

  #skip(bytes: number): void {
    this.counts.bytesSkipped += bytes;
    this.#doubt();
  }
}

const bytesOf = ({ buffer }: Uint16Array): Uint8Array => new Uint8Array(buffer);
