// Places in a log where marks lie → their fields, read when somebody wants them: kept for millions of marks
// they would take more memory than all else together. One stretch of the file is in memory.

import type { Mark } from "../schema/records.ts";
import { FileBytes } from "./file-bytes.ts";
import * as wire from "./wire.ts";

/** A hundred marks where they stand close; where they stand far apart the rest is read in vain. */
const STRETCH = 1 << 14;
/** From the beginning of a message's record to its data, and to the record's length (MCAP, op=0x05). */
const BEFORE_DATA = 31;

export class MarkFields {
  readonly #file: FileBytes;
  /** Two places are read side by side: where windows begin, and where they end. */
  readonly #stretches: { at: number; bytes: Buffer }[] = [];
  #oldest = 0;

  constructor(path: string) {
    this.#file = new FileBytes(path);
  }

  /** Of the mark whose JSON lies at this byte of the log; undefined where it has none. */
  at(offset: number): Mark["fields"] {
    const head = this.#read(offset - BEFORE_DATA, BEFORE_DATA);
    const length = head.readUInt32LE(1) - (BEFORE_DATA - 9);
    return wire.decodeMark(this.#read(offset, length))?.fields;
  }

  close(): void {
    this.#file.close();
  }

  #read(at: number, length: number): Buffer {
    let found = this.#stretches.find((s) => at >= s.at && at + length <= s.at + s.bytes.length);
    if (!found) {
      const bytes = this.#file.read(at, Buffer.allocUnsafe(Math.max(STRETCH, length)));
      found = { at, bytes };
      this.#stretches[this.#oldest] = found;
      this.#oldest = (this.#oldest + 1) % 2;
    }
    return found.bytes.subarray(at - found.at, at - found.at + length);
  }
}
