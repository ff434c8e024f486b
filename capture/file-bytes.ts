// A log file → the bytes asked for, counted, so that a test can say what reading a hostile log costs.

import { closeSync, existsSync, readSync } from "node:fs";
import { inputError } from "../schema/errors.ts";
import { openRegular } from "./regular-file.ts";

export class FileBytes {
  readonly path: string;
  readonly size: number;
  /** Bytes read so far. */
  bytesRead = 0;
  readonly #fd: number;

  /** @throws InputError when there is no file. */
  constructor(path: string) {
    this.path = path;
    if (!existsSync(path))
      throw inputError("no capture log", path, "a run folder made by record or import");
    const { fd, size } = openRegular(path, "a capture log");
    this.#fd = fd;
    this.size = size;
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
    return into.subarray(0, n);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
