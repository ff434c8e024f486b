// A text file that programs append to → marks. Polled: what was appended since the last look is read, a slice a
// look. Holds: what was in the file at the close is read or counted, whatever was done to it: cut, written over,
// replaced by another file, removed.

import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, readSync } from "node:fs";
import { MAX_LINE_BYTES } from "./line.ts";
import { LineReader } from "./line-reader.ts";
import { openRegular } from "./ring-file.ts";
import type { MarkSink } from "./to-marks.ts";

/** Of reading a look, ms: the DAQ waits meanwhile; the file keeps the rest. */
const SLICE_MS = 5;
/** Read at the close, some three million marks; the lines of the rest are counted. */
const LAST_BYTES = 64 << 20;
/** Looked through for lines to count; of a file with more (a sparse one) the count is a least one. */
const COUNTED_BYTES = 2 ** 31;
/** Before where reading goes on: they are still there unless the file was written over. */
const REMEMBERED_BYTES = 64;
const NEWLINE = 10;

export class TextFile {
  readonly path: string;
  readonly #sink: MarkSink;
  readonly #buffer = Buffer.alloc(1 << 16);
  #fd: number;
  #lines: LineReader;
  #offset: number;
  /** The last bytes before `#offset`. */
  #last = Buffer.alloc(0);
  /** Of the file, and how far it was read, when it was last read to its end. */
  #mtimeNs: bigint;
  #readTo: number;
  /** When it was last read to its end: a line may have been written at any time since. */
  #endNs = process.hrtime.bigint();
  /** What stands in the file's place and cannot be read, by its change time: inodes are used again. */
  #refused = -1n;

  /** Creates the file if it is missing. Lines already in it belong to somebody else's run and are skipped. */
  constructor(path: string, sink: MarkSink) {
    this.path = path;
    this.#sink = sink;
    this.#fd = openRegular(path, constants.O_RDONLY | constants.O_CREAT);
    this.#lines = new LineReader(path, sink);
    const now = this.#stat();
    this.#offset = this.#readTo = Number(now.size);
    this.#mtimeNs = now.mtimeNs;
  }

  poll(): void {
    this.#checkWhole();
    const until = performance.now() + SLICE_MS;
    while (this.#take(this.#buffer.length) > 0) if (performance.now() > until) break;
    const now = this.#stat();
    if (Number(now.size) === this.#offset) {
      this.#atEnd(now);
      if (this.#isReplaced(now)) this.#reopen();
    }
    this.#lines.tell();
  }

  close(): void {
    this.#checkWhole();
    this.#drain();
    // The file that replaced it has not been looked at yet.
    if (this.#isReplaced(this.#stat()) && this.#reopen()) this.#drain();
    closeSync(this.#fd);
  }

  /** To the end that it has now, and of a line that is being written to the line's. */
  #drain(): void {
    const end = Number(this.#stat().size);
    const until = Math.min(end, this.#offset + LAST_BYTES);
    while (this.#offset < until)
      if (this.#take(Math.min(until - this.#offset, this.#buffer.length)) === 0) break;
    if (this.#offset < end) return this.#countTo(end);
    if (this.#lines.inLine) this.#takeLine();
    this.#lines.end();
  }

  #stat(): BigIntStats {
    return fstatSync(this.#fd, { bigint: true });
  }

  #take(most: number): number {
    const n = readSync(this.#fd, this.#buffer, 0, most, this.#offset);
    if (n > 0) this.#push(this.#buffer.subarray(0, n));
    return n;
  }

  #push(bytes: Buffer): void {
    const now = process.hrtime.bigint();
    this.#lines.push(bytes, now, Number(now - this.#endNs));
    this.#offset += bytes.length;
    this.#last = Buffer.concat([this.#last, bytes.subarray(-REMEMBERED_BYTES)]).subarray(
      -REMEMBERED_BYTES,
    );
  }

  /** The rest of a line that was half there. */
  #takeLine(): void {
    const n = readSync(this.#fd, this.#buffer, 0, MAX_LINE_BYTES, this.#offset);
    const end = this.#buffer.subarray(0, n).indexOf(NEWLINE);
    if (end >= 0) this.#push(this.#buffer.subarray(0, end + 1));
  }

  /** Whatever was done to it but appending. */
  #checkWhole(): void {
    const now = this.#stat();
    const size = Number(now.size);
    if (size < this.#offset) return this.#restart(`shrank from ${this.#offset} bytes`);
    if (now.mtimeNs === this.#mtimeNs) return;
    const there = Buffer.alloc(this.#last.length);
    readSync(this.#fd, there, 0, there.length, this.#offset - there.length);
    if (!there.equals(this.#last)) this.#restart("was written over");
  }

  #restart(what: string): void {
    this.#sink.onLoss(0, `${this.path}: ${what}; read again from its beginning. Append to it (>>)`);
    this.#lines.tell();
    this.#begin();
  }

  #begin(): void {
    this.#lines = new LineReader(this.path, this.#sink);
    this.#last = Buffer.alloc(0);
    this.#offset = 0;
  }

  /** All is read. A file that was written a second ago and has not grown was written over with what it held. */
  #atEnd(now: BigIntStats): void {
    this.#endNs = process.hrtime.bigint();
    if (now.mtimeNs === this.#mtimeNs) return;
    const grown = this.#offset > this.#readTo;
    if (!grown && BigInt(Date.now()) * 1_000_000n - now.mtimeNs < 1_000_000_000n) return;
    if (!grown)
      this.#sink.onLoss(0, `${this.path}: was written and did not grow. Append to it (>>)`);
    this.#mtimeNs = now.mtimeNs;
    this.#readTo = this.#offset;
  }

  #isReplaced(own: BigIntStats): boolean {
    const there = lstatSync(this.path, { bigint: true, throwIfNoEntry: false });
    if (!there || there.ctimeNs === this.#refused) return false;
    return there.ino !== own.ino || there.dev !== own.dev;
  }

  /** Goes on with the file that has the name now. @returns whether that is one. */
  #reopen(): boolean {
    let fd: number;
    try {
      fd = openRegular(this.path, constants.O_RDONLY);
    } catch (error) {
      this.#refused = lstatSync(this.path, { bigint: true, throwIfNoEntry: false })?.ctimeNs ?? -1n;
      this.#sink.onLoss(
        0,
        `${(error as Error).message}; lines of the file that was there are still read`,
      );
      return false;
    }
    this.#sink.onLoss(0, `${this.path}: another file has its name now; read from its beginning`);
    this.#lines.end();
    closeSync(this.#fd);
    this.#fd = fd;
    this.#begin();
    this.#readTo = 0;
    this.#mtimeNs = -1n;
    return true;
  }

  /** Lines from here to `end`, each of which may have been a mark. */
  #countTo(end: number): void {
    const limit = Math.min(end, this.#offset + COUNTED_BYTES);
    const from = this.#offset;
    let lines = 0;
    let last = NEWLINE;
    const buffer = Buffer.alloc(1 << 20);
    while (this.#offset < limit) {
      const n = readSync(
        this.#fd,
        buffer,
        0,
        Math.min(buffer.length, limit - this.#offset),
        this.#offset,
      );
      if (n === 0) break;
      for (let i = 0; i < n; i++) if (buffer[i] === NEWLINE) lines++;
      last = buffer[n - 1]!;
      this.#offset += n;
    }
    if (last !== NEWLINE) lines++;
    const what =
      limit < end ? `at least; of ${end - from} bytes ${COUNTED_BYTES} were looked at` : "all";
    this.#sink.onLoss(
      lines,
      `${this.path}: lines that were written too late to be read before the end (${what})`,
    );
    this.#lines.tell();
  }
}
