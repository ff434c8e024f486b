// A FIFO that programs write lines to → marks. Polled, never blocking.

import { closeSync, constants, openSync, readSync } from "node:fs";
import { libc } from "../host/libc.ts";
import { inputError } from "../schema/errors.ts";
import { LineReader } from "./line-reader.ts";
import type { MarkSink } from "./to-marks.ts";

/** A writer that never stops must not keep the recorder here: 4 MiB a look. */
const MAX_READS = 64;

export class Fifo {
  readonly path: string;
  readonly #fd: number;
  readonly #lines: LineReader;
  readonly #buffer = Buffer.alloc(1 << 16);
  #lookedNs = process.hrtime.bigint();

  /** Creates the FIFO. @throws InputError when something is there already. */
  constructor(path: string, sink: MarkSink) {
    this.path = path;
    const c = libc();
    if (c.mkfifo(path, 0o600) !== 0)
      throw inputError(`mkfifo failed with errno ${c.errno()}`, path);
    // Open for writing too: otherwise every writer that closes would leave an end of file behind.
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    this.#lines = new LineReader(path, sink);
  }

  poll(): void {
    for (let reads = 0; reads < MAX_READS; reads++) {
      const n = this.#read();
      if (n === 0) break;
      const now = process.hrtime.bigint();
      this.#lines.push(this.#buffer.subarray(0, n), now, Number(now - this.#lookedNs));
    }
    this.#lookedNs = process.hrtime.bigint();
  }

  close(): void {
    this.poll();
    this.#lines.end();
    closeSync(this.#fd);
  }

  #read(): number {
    try {
      return readSync(this.#fd, this.#buffer);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
      throw error;
    }
  }
}
