// A log file → the bytes asked for, counted, so that a test can say what reading a hostile log costs.
// Only regular files: a FIFO would hang whoever opens it.

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { inputError } from "../schema/errors.ts";

export class FileBytes {
  readonly path: string;
  readonly size: number;
  /** Bytes read so far. */
  bytesRead = 0;
  readonly #fd: number;

  /** @throws InputError when there is no file. */
  constructor(path: string) {
    this.path = path;
    this.#fd = openCapture(path);
    const stat = fstatSync(this.#fd);
    this.size = stat.size;
    if (stat.isFile()) return;
    this.close();
    throw inputError("not a capture log", path, "a regular file", "something else of that name");
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

function openCapture(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch {
    throw inputError("no capture log", path, "a run folder made by record or import");
  }
}
