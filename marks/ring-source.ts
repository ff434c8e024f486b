// One ring file → marks to a sink: reading, decoding, counting. In: a path. Out: marks and losses.

import { closeSync, openSync, rmSync } from "node:fs";
import { libc, LOCK_EX, LOCK_NB } from "../host/libc.ts";
import { openRing } from "./ring-file.ts";
import { type Ring, RingReader } from "./ring.ts";
import { decodeSlot } from "./slot.ts";
import { type MarkSink, emitSlot } from "./to-marks.ts";

/** Marks taken from one ring before the others get their turn. */
const MAX_PER_POLL = 1 << 16;

export class RingSource {
  readonly path: string;
  received = 0;
  malformed = 0;
  readonly #number: number;
  readonly #sink: MarkSink;
  readonly #ring: Ring;
  readonly #reader: RingReader;
  /** Open for the lock's sake. */
  readonly #lockFd: number;
  #told = { overrun: 0, abandoned: 0, malformed: 0 };

  /** @param number of this ring in the session. @throws InputError when the file is no ring. */
  constructor(path: string, number: number, sink: MarkSink) {
    this.path = path;
    this.#number = number;
    this.#sink = sink;
    this.#ring = openRing(path);
    this.#reader = new RingReader(this.#ring);
    this.#lockFd = openSync(path, "r");
  }

  /** Marks counted as lost so far. */
  get lost(): number {
    return this.#reader.overrun + this.#reader.abandoned + this.malformed;
  }

  /** Takes what is there. @param last no writer is left: incomplete slots are given up at once. */
  poll(last = false): void {
    const until = this.received + MAX_PER_POLL;
    while (this.received < until || last) {
      const at = this.#reader.peek(last);
      if (at < 0) break;
      const index = this.#reader.tail;
      const mark = decodeSlot(this.#ring, at);
      if (!this.#reader.accept()) continue;
      if (mark) {
        this.received++;
        emitSlot(mark, this.#number, index, this.#sink);
      } else this.malformed++;
    }
    this.#reader.publish();
    this.#tellLosses();
  }

  /** Whoever owns a ring holds a lock on it for life. @returns whether the lock is ours now. */
  lock(): boolean {
    return libc().flock(this.#lockFd, LOCK_EX | LOCK_NB) === 0;
  }

  /** Drains for good and lets go of the file. */
  close(): void {
    this.poll(true);
    closeSync(this.#lockFd);
    this.#ring.close();
    rmSync(this.path, { force: true });
  }

  #tellLosses(): void {
    const { overrun, abandoned } = this.#reader;
    const now = { overrun, abandoned, malformed: this.malformed };
    const why = {
      overrun: "overwritten before they were read",
      abandoned: "begun but never completed by their writer",
      malformed: "not in the ring's format",
    };
    for (const key of ["overrun", "abandoned", "malformed"] as const)
      if (now[key] > this.#told[key])
        this.#sink.onLoss(now[key] - this.#told[key], `marks of ${this.path}: ${why[key]}`);
    this.#told = now;
  }
}
