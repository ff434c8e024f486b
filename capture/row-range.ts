// A stretch of a log that a reading found whole and undamaged, from one row block's message to the end of another
// of the same channel → the row blocks in it. Nothing else is decoded, and no checksum taken again: for a second
// look at a few rows of a large log, after which {@link assertUnchanged} is asked. Holds: the bytes of one stretch.

import type { RowLayout, SampleBlock } from "../schema/records.ts";
import { MESSAGE_HEAD } from "./chunk-contents.ts";
import { FileBytes } from "./file-bytes.ts";
import { CHUNK_RECORDS, Op, PREFIX } from "./mcap-records.ts";
import { logChanged } from "./unchanged.ts";
import { decodeBlock, uint64, viewOf } from "./wire.ts";

/** Rows of a stream that stand in the log from byte to byte. */
export interface RowRange {
  readonly firstIndex: number;
  readonly rows: number;
  /** Where the data of the first block's message begin. */
  readonly from: number;
  /** Where those of the last one end. */
  readonly to: number;
}

export class RowRanges {
  readonly #file: FileBytes;
  readonly #layout: RowLayout;
  #buffer = Buffer.alloc(1 << 16);

  /** @throws InputError when the file is missing. */
  constructor(path: string, layout: RowLayout) {
    this.#file = new FileBytes(path);
    this.#layout = layout;
  }

  /** Bytes of the file. */
  get size(): number {
    return this.#file.size;
  }

  /**
   * These rows and no others: of the first and the last block there may be a part.
   * @returns blocks whose bytes are valid until the next call.
   * @throws InputError when the log was changed meanwhile.
   */
  rows({ firstIndex, rows, from, to }: RowRange): SampleBlock[] {
    const { rowBytes } = this.#layout;
    const out: SampleBlock[] = [];
    let left = rows;
    for (const b of this.#blocks(from, to)) {
      const skipped = left === rows ? Math.max(0, firstIndex - b.firstIndex) : 0;
      const n = Math.min(b.rows - skipped, left);
      if (n <= 0) continue;
      left -= n;
      if (n === b.rows) {
        out.push(b);
        continue;
      }
      const bytes = b.bytes.subarray(skipped * rowBytes, (skipped + n) * rowBytes);
      const part = { ...b, firstIndex: b.firstIndex + skipped, rows: n, bytes };
      // What lies before a block does not lie before its later rows.
      out.push(skipped > 0 ? { ...part, deviceTick: null, flags: 0 } : part);
    }
    if (left > 0 || out[0]?.firstIndex !== firstIndex) throw logChanged(this.#file.path);
    return out;
  }

  #blocks(from: number, to: number): SampleBlock[] {
    const bytes = this.#read(from - MESSAGE_HEAD, to);
    const view = viewOf(bytes);
    const channel = view.getUint16(PREFIX, true);
    const { stream, rowBytes } = this.#layout;
    const out: SampleBlock[] = [];
    for (let at = 0; at < bytes.length;) {
      if (bytes.length - at < MESSAGE_HEAD) throw logChanged(this.#file.path);
      if (bytes[at] === Op.chunk) {
        at += CHUNK_RECORDS; // what follows are the records in it
        continue;
      }
      const end = at + PREFIX + uint64(view, at + 1);
      if (bytes[at] === Op.message && view.getUint16(at + PREFIX, true) === channel) {
        const from = at + MESSAGE_HEAD;
        const isWhole = end <= bytes.length;
        const block = isWhole ? decodeBlock(stream, rowBytes, view, from, end) : undefined;
        if (!block) throw logChanged(this.#file.path);
        out.push(block);
      }
      at = end;
    }
    return out;
  }

  close(): void {
    this.#file.close();
  }

  #read(from: number, to: number): Buffer {
    const length = to - from;
    if (this.#buffer.length < length) this.#buffer = Buffer.alloc(2 * length);
    const bytes = this.#file.read(from, this.#buffer.subarray(0, length));
    if (bytes.length < length || bytes[0] !== Op.message) throw logChanged(this.#file.path);
    return bytes;
  }
}
