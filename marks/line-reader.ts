// Bytes as they come → marks to a sink, line by line; what both fallbacks (FIFO, text file) share.
// Holds: at most one unfinished line, bounded; the number of lines so far. Every line that is none is counted.

import type { MarkSink } from "./to-marks.ts";
import { type LineMark, MAX_LINE_BYTES, parseLine } from "./line.ts";
import { type FieldValue, fieldName } from "./slot.ts";

const NEWLINE = 10;
/** Lines a look that are told with their number; more are told as a sum. */
const TOLD_EACH = 10;

export class LineReader {
  readonly #where: string;
  readonly #sink: MarkSink;
  #carry = Buffer.alloc(0);
  #carryNs = 0n;
  #carryIntervalNs = 0;
  /** Inside an overlong line, which is counted already: skip to its end. */
  #skipping = false;
  #lines = 0;
  #rejected = 0;

  /** @param where names the source in loss notes. */
  constructor(where: string, sink: MarkSink) {
    this.#where = where;
    this.#sink = sink;
  }

  /** Whether the last line has no end yet. */
  get inLine(): boolean {
    return this.#carry.length > 0 || this.#skipping;
  }

  /** @param nowNs when the bytes were read, @param intervalNs how long before that they may have been written. */
  push(bytes: Buffer, nowNs: bigint, intervalNs: number): void {
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      this.#line(this.#joined(bytes.subarray(from, end)), nowNs, intervalNs);
      from = end + 1;
    }
    // Buffer.concat copies: the caller's buffer will be read into again.
    this.#carry = Buffer.concat([this.#carry, bytes.subarray(from)]);
    this.#carryNs = nowNs;
    this.#carryIntervalNs = intervalNs;
    if (this.#carry.length < MAX_LINE_BYTES) return;
    if (!this.#skipping) this.#reject("longer than 4096 bytes", this.#lines + 1);
    this.#skipping = true;
    this.#carry = Buffer.alloc(0);
  }

  /** After each look: tells how many lines more were none. */
  tell(): void {
    const more = this.#rejected - TOLD_EACH;
    if (more > 0)
      this.#sink.onLoss(
        more,
        `${this.#where}: as many more lines up to ${this.#lines} are not marks`,
      );
    this.#rejected = 0;
  }

  /** Takes a last line that has no newline. */
  end(): void {
    if (this.#carry.length > 0) this.#line(this.#carry, this.#carryNs, this.#carryIntervalNs);
    this.#carry = Buffer.alloc(0);
    this.tell();
  }

  #joined(bytes: Buffer): Buffer {
    if (this.#carry.length === 0) return bytes;
    const line = Buffer.concat([this.#carry, bytes]);
    this.#carry = Buffer.alloc(0);
    return line;
  }

  #line(bytes: Buffer, nowNs: bigint, intervalNs: number): void {
    this.#lines++;
    if (this.#skipping) {
      this.#skipping = false;
      return;
    }
    const mark =
      bytes.length < MAX_LINE_BYTES ? parseLine(bytes.toString()) : "longer than 4096 bytes";
    if (typeof mark === "string") this.#reject(mark, this.#lines);
    else if (mark) this.#emit(mark, nowNs, intervalNs);
  }

  #emit(mark: LineMark, nowNs: bigint, intervalNs: number): void {
    const fields: Record<string, FieldValue> = {};
    const stamped = mark.t !== null && mark.t <= nowNs;
    if (!stamped) fields["stamp_interval_ns"] = intervalNs;
    if (!stamped && mark.t !== null) fields["stamp_rejected"] = mark.t.toString();
    for (const [key, value] of Object.entries(mark.fields)) fields[fieldName(key)] = value;
    this.#sink.onMark({
      name: mark.name,
      phase: mark.phase,
      clock: "host",
      t: stamped ? mark.t : nowNs,
      fields,
    });
  }

  #reject(why: string, line: number): void {
    if (++this.#rejected <= TOLD_EACH)
      this.#sink.onLoss(1, `${this.#where}:${line}: not a mark: ${why}`);
  }
}
