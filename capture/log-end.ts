// The end of a log → where its footer says that the data ended, and what is wrong with what stands behind
// them. Nothing there is evidence; but it tells a true end of the data from bytes that only look like one.

import { crc32 } from "node:zlib";
import type { FileBytes } from "./file-bytes.ts";
import { MAGIC, Op, PREFIX } from "./mcap-records.ts";

const FOOTER_BYTES = 20;
/** Of the footer: up to its CRC, which covers the summary and these. */
const FOOTER_UNDER_CRC = PREFIX + 16;
const DATA_END = PREFIX + 4;
const WINDOW = 1 << 20;

/** What the footer at the end of the file, if there is one, says of the rest. */
export class EndMarks {
  /** Where the footer begins; undefined in a log that was cut. */
  readonly footer: number | undefined;
  /** Where what the summary's CRC covers ends, and that CRC; undefined where it states none. */
  readonly summary: { readonly end: number; readonly crc: number } | undefined;
  readonly #summaryStart: number = 0;

  constructor(file: FileBytes) {
    const b = Buffer.alloc(PREFIX + FOOTER_BYTES + MAGIC.length);
    const at = file.size - b.length;
    if (at < MAGIC.length || file.read(at, b).length < b.length || !isFooter(b)) return;
    this.footer = at;
    this.#summaryStart = Number(b.readBigUInt64LE(PREFIX));
    const crc = b.readUInt32LE(FOOTER_UNDER_CRC);
    if (crc !== 0) this.summary = { end: at + FOOTER_UNDER_CRC, crc };
  }

  /** Whether the footer says that the data end here, DataEnd included. */
  isEnd(at: number): boolean {
    return this.#dataEnds === at;
  }

  /** Where the footer says that DataEnd begins; undefined without one. */
  get dataEnd(): number | undefined {
    return this.#dataEnds === undefined ? undefined : this.#dataEnds - DATA_END;
  }

  get #dataEnds(): number | undefined {
    return this.footer === undefined ? undefined : this.#summaryStart || this.footer;
  }
}

function isFooter(b: Buffer): boolean {
  return (
    b[0] === Op.footer &&
    b.readBigUInt64LE(1) === BigInt(FOOTER_BYTES) &&
    b.subarray(PREFIX + FOOTER_BYTES).equals(MAGIC)
  );
}

/** What is wrong behind the end of the data, and from where on; undefined for nothing. */
export function endProblem(
  file: FileBytes,
  marks: EndMarks,
  from: number,
): { readonly at: number; readonly text: string } | undefined {
  const end = summaryEnd(file, from);
  if (end !== undefined && end < file.size) {
    const text = `${file.size - end} bytes behind the end of the log (another log?) are not read`;
    return { at: end, text };
  }
  if (marks.footer === undefined || marks.footer < from || end === undefined) {
    const text = `the log ends at byte ${file.size} without its footer, though all data are there`;
    return { at: from, text };
  }
  const { summary } = marks;
  if (!summary || crcOf(file, from, summary.end) === summary.crc) return undefined;
  return { at: from, text: "wrong CRC of the summary, though all data are there" };
}

/** Where the footer of the summary that begins at `from` ends, magic included; undefined where there is none. */
function summaryEnd(file: FileBytes, from: number): number | undefined {
  const window = Buffer.alloc(1 << 16);
  let [base, bytes] = [from, file.read(from, window)];
  for (let at = from; ;) {
    if (at + PREFIX + FOOTER_BYTES + MAGIC.length > file.size) return undefined;
    if (at + PREFIX + FOOTER_BYTES + MAGIC.length > base + bytes.length)
      [base, bytes] = [at, file.read(at, window)];
    const head = bytes.subarray(at - base);
    if (head[0] === Op.footer)
      return isFooter(head.subarray(0, PREFIX + FOOTER_BYTES + MAGIC.length))
        ? at + PREFIX + FOOTER_BYTES + MAGIC.length
        : undefined;
    if (head[0] === 0) return undefined; // no record
    at += PREFIX + Number(head.readBigUInt64LE(1));
  }
}

/** CRC-32 of a stretch of the file. */
export function crcOf(file: FileBytes, from: number, to: number, before = 0): number {
  const window = Buffer.allocUnsafe(Math.max(0, Math.min(WINDOW, to - from)));
  let crc = before;
  for (let at = from; at < to;) {
    const bytes = file.read(at, window.subarray(0, Math.min(window.length, to - at)));
    if (bytes.length === 0) break;
    crc = crc32(bytes, crc);
    at += bytes.length;
  }
  return crc;
}
