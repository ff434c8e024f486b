// A damaged place in a log → the next record that can be believed, with each byte looked at once. A running
// CRC-32 of the file meets the end of every record that might have begun before; whether that record is whole
// follows from the CRCs at its two ends (crc-range.ts), so that a false beginning costs a glance, not a read.
// Holds: a window, and the candidates whose end is not reached yet.

import { crc32 } from "node:zlib";
import { crcThrough } from "./crc-range.ts";
import type { FileBytes } from "./file-bytes.ts";
import type { EndMarks } from "./log-end.ts";
import { Op, PREFIX, type Shape, shapeAt } from "./mcap-records.ts";

/** A place to go on at, and the CRC-32 of everything before it. */
export interface Foothold {
  readonly at: number;
  readonly crc: number;
}

/** A record that is whole if the CRC of the file up to `end` is `through`. */
interface Candidate extends Foothold {
  readonly end: number;
  readonly through: number;
}

const WINDOW = 1 << 20;
/** More at once than any log has by chance; of a hostile one, those beyond are not believed. 20 MB. */
const MAX_CANDIDATES = 1 << 18;

/** One for a file: what one search has read is not read again by the next. */
export class Search {
  readonly #file: FileBytes;
  readonly #marks: EndMarks;
  #pending: Candidate[] = []; // a heap, the one that ends first on top
  #buffer: Buffer | undefined;
  #window: Buffer = Buffer.alloc(0);
  /** Offset of the window. */
  #base = 0;
  #crcAt = 0;
  #crc = 0;

  constructor(file: FileBytes, marks: EndMarks) {
    this.#file = file;
    this.#marks = marks;
  }

  /**
   * @param start where the last record ended, with the CRC-32 up to there.
   * @param from first offset to consider.
   * @returns undefined when nothing more can be used.
   */
  nextWhole(start: Foothold, from: number): Foothold | undefined {
    this.#pending = [];
    this.#crcAt = start.at;
    this.#crc = start.crc;
    for (let at = from; at < this.#file.size;) {
      this.#load(this.#crcAt);
      const end = this.#base + this.#window.length;
      for (; at < end; at++) {
        const ended = this.#ended(at);
        if (ended) return ended;
        if (!this.#mightBegin(at)) continue;
        const found = this.#consider(at);
        if (found) return found;
      }
      const ended = this.#ended(end);
      if (ended) return ended;
      this.#advance(end);
    }
    return undefined;
  }

  #load(at: number): void {
    if (at >= this.#base && at < this.#base + this.#window.length) return;
    this.#buffer ??= Buffer.allocUnsafe(WINDOW);
    this.#base = at;
    this.#window = this.#file.read(at, this.#buffer);
  }

  /** By opcode and the high half of the length; a prefix that the window cuts is looked at by its opcode alone. */
  #mightBegin(at: number): boolean {
    const [i, w] = [at - this.#base, this.#window];
    const opcode = w[i]!;
    const known =
      opcode === Op.chunk ||
      opcode === Op.attachment ||
      opcode === Op.dataEnd ||
      opcode === Op.metadata;
    return known && (i + PREFIX > w.length || w.readUInt32LE(i + 5) === 0);
  }

  /** The first candidate that ends at or before an offset and is whole. */
  #ended(at: number): Foothold | undefined {
    const pending = this.#pending;
    while (pending.length > 0 && pending[0]!.end <= at) {
      const c = takeFirst(pending);
      this.#advance(c.end);
      if (this.#crc === c.through) return c;
    }
    return undefined;
  }

  #advance(to: number): void {
    const w = this.#window.subarray(this.#crcAt - this.#base, to - this.#base);
    this.#crc = crc32(w, this.#crc);
    this.#crcAt = to;
  }

  #consider(at: number): Foothold | undefined {
    const shape = shapeAt(this.#peek, at, this.#file.size);
    if (typeof shape === "string") return undefined;
    this.#advance(at);
    const here = { at, crc: this.#crc };
    if (shape.opcode === Op.metadata) return this.#pending.length === 0 ? here : undefined;
    if (shape.opcode === Op.dataEnd && this.#marks.isEnd(at + shape.bytes)) return here;
    const stretch = this.#stretch(shape, at);
    if (!stretch || this.#pending.length >= MAX_CANDIDATES) return undefined;
    const [first, end] = [at + stretch.from, at + stretch.to];
    const before = crc32(this.#peek(at, stretch.from), this.#crc);
    const through = crcThrough(before, stretch.stated, end - first);
    const candidate = { ...here, end, through };
    if (end === first) return before === through ? here : undefined;
    insert(this.#pending, candidate);
    return undefined;
  }

  /** What vouches for a record: its own CRC, or for an end of data that of the summary behind it. */
  #stretch(shape: Shape, at: number): Shape["crc"] {
    if (shape.opcode !== Op.dataEnd) return shape.crc;
    const { summary } = this.#marks;
    if (!summary || summary.end < at + shape.bytes) return undefined;
    return { from: shape.bytes, to: summary.end - at, stated: summary.crc };
  }

  readonly #peek = (at: number, length: number): Buffer => {
    const i = at - this.#base;
    if (i >= 0 && i + length <= this.#window.length) return this.#window.subarray(i, i + length);
    return this.#file.read(at, Buffer.allocUnsafe(length));
  };
}

function insert(heap: Candidate[], c: Candidate): void {
  let i = heap.length;
  heap.push(c);
  for (let up = (i - 1) >> 1; i > 0 && heap[up]!.end > c.end; up = (i - 1) >> 1) {
    heap[i] = heap[up]!;
    i = up;
  }
  heap[i] = c;
}

function takeFirst(heap: Candidate[]): Candidate {
  const first = heap[0]!;
  const last = heap.pop()!;
  if (heap.length === 0) return first;
  let i = 0;
  for (let down = 1; down < heap.length; down = 2 * i + 1) {
    if (down + 1 < heap.length && heap[down + 1]!.end < heap[down]!.end) down++;
    if (heap[down]!.end >= last.end) break;
    heap[i] = heap[down]!;
    i = down;
  }
  heap[i] = last;
  return first;
}
