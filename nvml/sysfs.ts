// One number in one kernel file, read again and again through a descriptor that stays open.
// A failure is its errno, as a positive number; nothing is thrown and nothing allocated per read.

import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { constants } from "node:os";

const NO_NUMBER = constants.errno.EILSEQ;

export class NumberFile {
  /** 0, or the errno of the last read. */
  code = 0;
  readonly #path: string;
  readonly #text = Buffer.alloc(32);
  #fd = -1;

  constructor(path: string) {
    this.#path = path;
  }

  /** The file's decimal integer; NaN when `code` is not 0. */
  read(): number {
    try {
      if (this.#fd < 0) this.#fd = openSync(this.#path, "r");
      const value = parseDecimal(this.#text, readSync(this.#fd, this.#text, 0, 32, 0));
      this.code = Number.isNaN(value) ? NO_NUMBER : 0;
      return value;
    } catch (error) {
      this.code = Math.abs((error as NodeJS.ErrnoException).errno ?? constants.errno.EIO);
      return NaN;
    }
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}

const PERMANENT: ReadonlySet<number> = new Set(
  (["ENOENT", "EACCES", "EPERM", "ENXIO", "ENODEV", "EOPNOTSUPP", "EISDIR", "EILSEQ"] as const).map(
    (name) => constants.errno[name],
  ),
);

/** Refusals that stay while the machine runs: worth leaving a channel out for. A busy or sleeping chip is none. */
export function isPermanentErrno(errno: number): boolean {
  return PERMANENT.has(errno);
}

/** Optional minus and digits, up to the first other byte. */
function parseDecimal(text: Uint8Array, length: number): number {
  const negative = text[0] === 45;
  let value = 0;
  let i = negative ? 1 : 0;
  const first = i;
  for (; i < length && text[i]! >= 48 && text[i]! <= 57; i++) value = value * 10 + text[i]! - 48;
  return i === first ? NaN : negative ? -value : value;
}

/** A small text file without its newline; undefined when it cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
