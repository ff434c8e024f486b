// One ring file → marks to a sink: reading, decoding, counting. In: a path. Out: marks and losses. Holds: a ring
// that is none any more is dropped and told; it costs the recording nothing else.

import { closeSync, constants, unlinkSync } from "node:fs";
import { libc, LOCK_EX, LOCK_NB } from "../host/libc.ts";
import { openRegular, openRing, type RingFile, RingFault } from "./ring-file.ts";
import { RingNames } from "./ring-names.ts";
import { RingReader } from "./ring.ts";
import { decodeSlot } from "./slot.ts";
import { emitSlot, type MarkSink, type Programs } from "./to-marks.ts";

/** Losses that follow each other are told together, ms. */
const TELL_MS = 1000;

const WHY = {
  overrun: "overwritten before they were read",
  abandoned: "begun but never completed by their writer",
  malformed: "not in the ring's format, without a name, or with impossible times",
} as const;
type Cause = keyof typeof WHY;

export class RingSource {
  readonly path: string;
  received = 0;
  malformed = 0;
  readonly #number: number;
  readonly #programs: Programs;
  readonly #sink: MarkSink;
  readonly #ring: RingFile;
  readonly #names: RingNames;
  readonly #reader: RingReader;
  /** A description of its own: a lock belongs to one. */
  #lockFd: number | undefined;
  /** Known to have been begun when the ring was dropped. */
  #dropped = 0;
  #isDropped = false;
  #told: Record<Cause, number> = { overrun: 0, abandoned: 0, malformed: 0 };
  #toldMs = -Infinity;

  /**
   * @param number of this ring in the session, @param sinceMs when the session began, of performance.now()
   * @throws InputError when the file is no ring.
   */
  constructor(
    path: string,
    number: number,
    programs: Programs,
    sink: MarkSink,
    sinceMs = performance.now(),
  ) {
    this.path = path;
    this.#programs = programs;
    this.#number = number;
    this.#sink = sink;
    this.#ring = openRing(path);
    this.#names = new RingNames(this.#ring);
    this.#reader = new RingReader(this.#ring, undefined, sinceMs);
  }

  /** Marks counted as lost so far; of a dropped ring those that are known. */
  get lost(): number {
    return this.#reader.overrun + this.#reader.abandoned + this.malformed + this.#dropped;
  }

  /** Whether a program ever mapped it. */
  get opened(): boolean {
    return this.#reader.opened;
  }

  /** Takes what was there when it began. @param last no writer is left: incomplete slots are given up at once. */
  poll(last = false): void {
    if (this.#isDropped) return;
    this.#reading(() => {
      this.#reader.poll(last, (slots, byte, index) => {
        const mark = decodeSlot(slots, byte, (reference) => this.#names.at(reference));
        const at = { ring: this.#number, index };
        if (mark && emitSlot(mark, at, this.#programs, this.#sink)) this.received++;
        else this.malformed++;
      });
      this.#reader.publish();
    });
    this.#tellLosses(last);
  }

  /** Whoever owns a ring holds a lock on it for life. @returns whether its owner is gone; the lock is ours then. */
  orphaned(): boolean {
    try {
      this.#lockFd ??= openRegular(this.path, constants.O_RDONLY);
    } catch {
      return false; // out of descriptors, or renamed: asked again
    }
    return libc().flock(this.#lockFd, LOCK_EX | LOCK_NB) === 0;
  }

  /** Says in its header that nobody reads any more, takes what was there then, and lets go of the file. */
  close(): void {
    if (!this.#isDropped) this.#reading(() => this.#reader.sayClosed());
    this.poll(true);
    this.#ring.close();
    if (this.#lockFd !== undefined) closeSync(this.#lockFd);
    try {
      unlinkSync(this.path);
    } catch {
      // Removed by its program, or something else by now.
    }
  }

  /** The sink's errors are not the ring's: they pass. */
  #reading(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof RingFault)) throw error;
      this.#drop(error.message);
    }
  }

  /** What it would say from now on nobody could believe. Its writers are not waited with. */
  #drop(why: string): void {
    this.#isDropped = true;
    this.#dropped = Math.max(1, this.#reader.waiting);
    const marks = `at least ${this.#dropped} of its marks and all that follow are lost`;
    this.#sink.onLoss(
      this.#dropped,
      `${this.path} is no valid ring any more and was dropped: ${why}; ${marks}`,
    );
  }

  #tellLosses(now: boolean): void {
    const { overrun, abandoned } = this.#reader;
    const counts: Record<Cause, number> = { overrun, abandoned, malformed: this.malformed };
    const causes = (Object.keys(WHY) as Cause[]).filter((c) => counts[c] > this.#told[c]);
    if (causes.length === 0 || (!now && performance.now() - this.#toldMs < TELL_MS)) return;
    for (const c of causes)
      this.#sink.onLoss(counts[c] - this.#told[c], `marks of ${this.path}: ${WHY[c]}`);
    this.#told = counts;
    this.#toldMs = performance.now();
  }
}
