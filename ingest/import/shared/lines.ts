// A text file as lines: a path enters, numbered lines leave, one at a time, of bounded length.

import { inputError } from "../../../schema/errors.ts";
import { openBytes } from "./file-bytes.ts";

const CHUNK = 1 << 20;
/** Longer than any line of a measurement log; a file without line ends is not read into memory whole. */
const MAX_LINE = 1 << 20;

export interface Line {
  /** Without its line end. */
  readonly text: string;
  /** From 1. */
  readonly number: number;
  /** False for a last line without a line end: the file may have been cut inside it. */
  readonly ended: boolean;
}

/**
 * Lines of a UTF-8 file; a byte order mark and carriage returns are dropped. `progress` hears of bytes.
 * @throws InputError when the file is missing, empty, holds NUL bytes or a line beyond 1 MiB.
 */
export function* readLines(
  path: string,
  what: string,
  progress?: (done: number, total: number) => void,
): Generator<Line> {
  const file = openBytes(path, what);
  try {
    let rest = Buffer.alloc(0);
    let number = 0;
    for (let at = 0; at < file.size;) {
      const chunk = file.at(at, CHUNK);
      if (chunk.length === 0) break;
      if (chunk.includes(0))
        throw inputError("holds NUL bytes", `${path}:${number + 1}`, what, "binary data");
      at += chunk.length;
      progress?.(at, file.size);
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let from = 0;
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
        yield { text: toText(bytes.subarray(from, end), ++number), number, ended: true };
        from = end + 1;
      }
      rest = Buffer.from(bytes.subarray(from));
      if (rest.length > MAX_LINE)
        throw inputError(
          "line too long",
          `${path}:${number + 1}`,
          what,
          `${rest.length} bytes without an end`,
        );
    }
    if (rest.length > 0) yield { text: toText(rest, ++number), number, ended: false };
  } finally {
    file.close();
  }
}

function toText(bytes: Buffer, number: number): string {
  const text = bytes.toString("utf8").replace(/\r$/, "");
  return number === 1 ? text.replace(/^\uFEFF/, "") : text;
}

/** 10^9 s, September 2001: times from here on are Unix time, earlier ones count from some start. */
export const UNIX_FROM_NS = 1_000_000_000_000_000_000n;

/** Times are 64-bit signed on disk; beyond 146 years from zero something else is wrong. */
export const MAX_NS = 2n ** 62n;

/** A number written in decimal, `nan` included, else undefined: `Number` alone takes "" and "0x1". */
export function toNumber(text: string): number | undefined {
  const n = Number(text);
  // What Number takes beyond decimals: "", "0x1", "0b1", "0o1", "Infinity".
  if (Number.isFinite(n) && !/[xob]/i.test(text) && (n !== 0 || text.includes("0"))) return n;
  return /^\s*[+-]?nan\s*$/i.test(text) ? NaN : undefined;
}

/** Beyond any time that a log states; whole numbers of a million digits cost seconds. */
const LONGEST_NUMBER = 64;

/** Decimal seconds → whole nanoseconds without passing through a float: "1.5" → 1500000000n. */
export function secondsToNs(text: string): bigint | undefined {
  return decimalToNs(text, 9);
}

/**
 * Decimal number of a unit of 10^(power − 9) s → whole nanoseconds, digits beyond rounded away:
 * power 9 for seconds, 6 for milliseconds, 3 for microseconds. Undefined when the text is no number or
 * lies beyond {@link MAX_NS}.
 */
export function decimalToNs(text: string, power: number): bigint | undefined {
  const short = shortDecimalToNs(text, power);
  if (short !== undefined) return short;
  if (text.length > LONGEST_NUMBER) return undefined;
  const m = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?\s*$/.exec(text);
  if (!m || (!m[2] && !m[3])) return undefined;
  const scale = power + Number(m[4] ?? 0);
  if (Math.abs(scale) > 40) return undefined;
  const fraction = m[3] ?? "";
  const digits = BigInt((m[2] ?? "") + fraction);
  const shift = scale - fraction.length;
  const ns =
    shift >= 0 ? digits * 10n ** BigInt(shift) : roundedQuotient(digits, 10n ** BigInt(-shift));
  if (ns >= MAX_NS) return undefined;
  return m[1] === "-" ? -ns : ns;
}

/** The common case, several times faster: digits and one point, exact in a float64 (below 2^53 ns). */
function shortDecimalToNs(text: string, power: number): bigint | undefined {
  let digits = 0;
  let scale = power;
  let point = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === POINT && !point) point = true;
    else if (c >= ZERO && c <= NINE) {
      digits = digits * 10 + (c - ZERO);
      if (point) scale--;
    } else return undefined;
  }
  if (scale < 0 || text.length < 2) return undefined;
  const ns = digits * 10 ** scale;
  return ns <= Number.MAX_SAFE_INTEGER ? BigInt(ns) : undefined;
}

const [POINT, ZERO, NINE] = [46, 48, 57];

function roundedQuotient(a: bigint, b: bigint): bigint {
  return (a + b / 2n) / b;
}
