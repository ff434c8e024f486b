// A FIFO that programs write lines to → marks. Polled, never blocking. Holds: what was written before the close
// is read or counted; a writer that never stops keeps nobody here.

import { closeSync, constants, openSync, readSync } from "node:fs";
import { libc } from "../host/libc.ts";
import { inputError } from "../schema/errors.ts";
import { LineReader } from "./line-reader.ts";
import type { MarkSink } from "./to-marks.ts";

/** Of reading a look, ms: the DAQ waits meanwhile, and a full pipe holds its writer, not us. */
const SLICE_MS = 5;
/** asm-generic/ioctls.h: bytes that are there. */
const FIONREAD = 0x541b;

export class Fifo {
  readonly path: string;
  readonly #fd: number;
  readonly #lines: LineReader;
  readonly #buffer = Buffer.alloc(1 << 16);
  /** When it was last seen empty: a line may have been written at any time since. */
  #emptyNs = process.hrtime.bigint();

  /** Creates the FIFO. @throws InputError when something is there already. */
  constructor(path: string, sink: MarkSink) {
    this.path = path;
    const c = libc();
    if (c.mkfifo(path, 0o600) !== 0)
      throw inputError(`mkfifo failed with errno ${c.errno()}`, path);
    // Open for writing too: otherwise every writer that closes would leave an end of file behind.
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    this.#lines = new LineReader(path, sink);
  }

  poll(): void {
    const until = performance.now() + SLICE_MS;
    do if (this.#take(this.#buffer.length) === 0) break;
    while (performance.now() < until);
    this.#lines.tell();
  }

  /** Takes what is there now; what comes after belongs to no recording. */
  close(): void {
    for (let left = this.#waiting(); left > 0;) {
      const n = this.#take(Math.min(left, this.#buffer.length));
      if (n === 0) break;
      left -= n;
    }
    this.#lines.end();
    closeSync(this.#fd);
  }

  #waiting(): number {
    const bytes = new Int32Array(1);
    return libc().ioctl(this.#fd, FIONREAD, bytes) === 0 ? bytes[0]! : 0;
  }

  #take(most: number): number {
    const n = this.#read(most);
    const now = process.hrtime.bigint();
    if (n > 0) this.#lines.push(this.#buffer.subarray(0, n), now, Number(now - this.#emptyNs));
    else this.#emptyNs = now;
    return n;
  }

  #read(most: number): number {
    try {
      return readSync(this.#fd, this.#buffer, 0, most, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
      throw error;
    }
  }
}
