// A log file → the bytes asked for, counted, so that a test can say what reading a hostile log costs.

import { createHash, type Hash } from "node:crypto";
import { closeSync, readSync, statSync } from "node:fs";
import { inputError } from "../schema/errors.ts";
import { openRegular } from "./regular-file.ts";
import { stampOf } from "./unchanged.ts";

export class FileBytes {
  readonly path: string;
  readonly size: number;
  /** Of the file as it was opened. */
  readonly stamp: string;
  /** Bytes read so far. */
  bytesRead = 0;
  readonly #fd: number;
  /** Of the bytes before #hashed, as they were read. */
  readonly #hash: Hash | undefined;
  #hashed = 0;

  /** @param hashed whether {@link sha256} will be asked for. @throws InputError when there is no file. */
  constructor(path: string, hashed = false) {
    this.path = path;
    if (isAbsent(path))
      throw inputError("no capture log", path, "a run folder made by record or import");
    const { fd, size } = openRegular(path, "a capture log");
    this.#fd = fd;
    this.size = size;
    this.stamp = stampOf(fd);
    if (hashed) this.#hash = createHash("sha256");
  }

  /** Fills `into` from an offset on. @returns what there was of it. */
  read(at: number, into: Buffer): Buffer {
    let n = 0;
    while (n < into.length) {
      const got = readSync(this.#fd, into, n, into.length - n, at + n);
      if (got === 0) break;
      n += got;
    }
    this.bytesRead += n;
    const bytes = into.subarray(0, n);
    if (this.#hash && at <= this.#hashed && at + n > this.#hashed) {
      this.#hash.update(bytes.subarray(this.#hashed - at));
      this.#hashed = at + n;
    }
    return bytes;
  }

  /** Of the whole file, hex: what was not read in its order yet is read now. Once. */
  sha256(): string {
    if (!this.#hash) throw new Error("the file was not opened to be hashed");
    const piece = Buffer.alloc(1 << 20);
    while (this.read(this.#hashed, piece).length > 0);
    return this.#hash.digest("hex");
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** What may not be looked at is not absent. */
function isAbsent(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false; // openRegular says why
  }
}
