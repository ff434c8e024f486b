// A text file that programs append to → marks. Polled: what was appended since the last look is read.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { LineReader } from "./line-reader.ts";
import type { MarkSink } from "./to-marks.ts";

/** A writer that never stops must not keep the recorder here: 4 MiB a look. */
const MAX_READS = 64;

export class TextFile {
  readonly path: string;
  readonly #fd: number;
  readonly #sink: MarkSink;
  #lines: LineReader;
  readonly #buffer = Buffer.alloc(1 << 16);
  #offset = 0;
  #lookedNs = process.hrtime.bigint();

  /** Creates the file if it is missing. Lines already in it belong to somebody else's run and are skipped. */
  constructor(path: string, sink: MarkSink) {
    this.path = path;
    this.#fd = openSync(path, "a+", 0o600);
    this.#sink = sink;
    this.#lines = new LineReader(path, sink);
    this.#offset = fstatSync(this.#fd).size;
  }

  poll(): void {
    if (fstatSync(this.#fd).size < this.#offset) this.#restart();
    for (let reads = 0; reads < MAX_READS; reads++) {
      const n = readSync(this.#fd, this.#buffer, 0, this.#buffer.length, this.#offset);
      const now = process.hrtime.bigint();
      if (n > 0) this.#lines.push(this.#buffer.subarray(0, n), now, Number(now - this.#lookedNs));
      this.#offset += n;
      if (n < this.#buffer.length) break;
    }
    this.#lookedNs = process.hrtime.bigint();
  }

  close(): void {
    this.poll();
    this.#lines.end();
    closeSync(this.#fd);
  }

  #restart(): void {
    this.#sink.onLoss(
      0,
      `${this.path}: shrank from ${this.#offset} bytes; read again from its beginning`,
    );
    this.#lines = new LineReader(this.path, this.#sink);
    this.#offset = 0;
  }
}
