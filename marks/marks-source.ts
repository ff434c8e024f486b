// The folder of marks of one session: made here, handed to the program in TRUEJOULE_MARKS, polled by the
// recorder. In: rings, FIFO and text file of that folder. Out: Mark records, exchanges and losses to a sink.
// Holds: whatever programs do to the folder and its files costs marks, and that is reported; nothing of it is thrown,
// and no look takes longer than what was there when it began.

import { existsSync, lstatSync, opendirSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "../host/temporary.ts";
import { type OwnFolder, ownFolder } from "../host/own-folder.ts";
import { Fifo } from "./fifo.ts";
import { ENVIRONMENT_VARIABLE, SHARED_RING } from "./names.ts";
import { createRing } from "./ring-file.ts";
import { RingSource } from "./ring-source.ts";
import { TextFile } from "./text-file.ts";
import { type MarkSink, Programs } from "./to-marks.ts";

/** How often to ask whether a private ring's writer still lives, ms. */
const LIVENESS_MS = 1000;
/** A folder that changed this long ago holds what it held at the last look, ms: far above a time stamp's step. */
const SETTLED_MS = 100;
/** Files of the folder that are looked at, and private rings that are read at once: a descriptor each. */
const MAX_FILES = 4096;
const MAX_RINGS = 1024;

const PREFIX = "truejoule-marks-";
const isOurs = (name: string): boolean =>
  name === "fifo" || name === "text" || /\.ring(\.tmp)?$/.test(name);

/** What came and what did not: received + lost = marks that clients began. */
export interface MarkTotals {
  readonly received: number;
  readonly lost: number;
  /** Whether a program ever opened a ring; lines are the sink's to see. */
  readonly opened: boolean;
}

export class MarksSource {
  readonly folder: string;
  readonly #own: OwnFolder;
  readonly #sink: MarkSink;
  readonly #programs = new Programs();
  readonly #shared: RingSource;
  readonly #private = new Map<string, RingSource>();
  readonly #fifo: Fifo;
  readonly #text: TextFile;
  readonly #refused = new Set<string>();
  readonly #told = new Set<string>();
  readonly #begunMs = performance.now();
  #rings = 0;
  #past = { received: 0, lost: 0 };
  #askedMs = 0;
  #changedMs = -1;

  /**
   * @param capacity slots of the shared ring, a power of two
   * @throws InputError when there is no room, SourceError where marks are not supported
   */
  constructor(sink: MarkSink, capacity?: number) {
    this.#sink = sink;
    const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
    const kind = { parent, prefix: PREFIX, lock: SHARED_RING, isOurs };
    this.#own = ownFolder(kind, (path) => createRing(path, capacity));
    this.folder = this.#own.path;
    try {
      this.#shared = this.#open(SHARED_RING);
      this.#fifo = new Fifo(join(this.folder, "fifo"), sink);
      this.#text = new TextFile(join(this.folder, "text"), sink);
    } catch (error) {
      this.#own.remove();
      throw error;
    }
  }

  /** For the child's environment. */
  get environment(): Record<string, string> {
    return { [ENVIRONMENT_VARIABLE]: this.folder };
  }

  /** Ring marks so far (lines are counted by the sink). */
  get totals(): MarkTotals {
    const sum = { ...this.#past, opened: this.#rings > 1 || this.#shared.opened };
    for (const ring of [this.#shared, ...this.#private.values()]) {
      sum.received += ring.received;
      sum.lost += ring.lost;
    }
    return sum;
  }

  /** Takes everything that is there; call it every 10 ms or so. Never blocks. */
  poll(): void {
    this.#shared.poll();
    this.#findRings();
    for (const ring of this.#private.values()) ring.poll();
    this.#fifo.poll();
    this.#text.poll();
    if (performance.now() - this.#askedMs >= LIVENESS_MS) this.#retireRings();
  }

  /** Last look, whether the program ended or goes on: its writers are told. Then the folder is gone. */
  close(): MarkTotals {
    this.#findRings();
    for (const ring of [this.#shared, ...this.#private.values()]) ring.close();
    this.#fifo.close();
    this.#text.close();
    if (!this.#own.remove())
      this.#sink.onLoss(0, `${this.folder} is kept: it holds something that no recorder made`);
    return this.totals;
  }

  #open(name: string): RingSource {
    const path = join(this.folder, name);
    const ring = new RingSource(path, this.#rings, this.#programs, this.#sink, this.#begunMs);
    this.#rings++;
    return ring;
  }

  #findRings(): void {
    try {
      const changedMs = lstatSync(this.folder).mtimeMs;
      if (changedMs === this.#changedMs) return;
      // A change within a time stamp's step of this look may not show in it.
      if (Date.now() - changedMs > SETTLED_MS) this.#changedMs = changedMs;
      for (const name of this.#names())
        if (name.endsWith(".ring") && name !== SHARED_RING) this.#take(name);
    } catch (error) {
      this.#tellOnce(`${this.folder} cannot be looked at for new rings`, error);
    }
  }

  #names(): string[] {
    const names: string[] = [];
    const folder = opendirSync(this.folder);
    try {
      for (let entry = folder.readSync(); entry !== null; entry = folder.readSync())
        if (names.push(entry.name) > MAX_FILES) {
          this.#tellOnce(
            `${this.folder} holds more than ${MAX_FILES} files; rings beyond are not seen`,
          );
          break;
        }
    } finally {
      folder.closeSync();
    }
    return names;
  }

  #take(name: string): void {
    if (this.#private.has(name) || this.#refused.has(name)) return;
    if (this.#private.size >= MAX_RINGS) {
      this.#changedMs = -1; // asked again: rings of processes that ended make room
      return this.#tellOnce(`more than ${MAX_RINGS} processes mark at once; the others wait`);
    }
    try {
      this.#private.set(name, this.#open(name));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") return;
      if (code === "EMFILE" || code === "ENFILE" || code === "ENOMEM") {
        this.#changedMs = -1;
        return this.#tellOnce("a ring cannot be opened now and is tried again", error);
      }
      this.#refused.add(name);
      this.#sink.onLoss(1, (error as Error).message);
    }
  }

  /** Nothing is known to be lost by it, and it may go on for hours. */
  #tellOnce(what: string, error?: unknown): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    this.#sink.onLoss(0, error === undefined ? what : `${what} (${(error as Error).message})`);
  }

  /** Short-lived processes leave rings behind; in /dev/shm they are memory. */
  #retireRings(): void {
    this.#askedMs = performance.now();
    for (const [name, ring] of this.#private) {
      if (!ring.orphaned()) continue;
      ring.close();
      this.#private.delete(name);
      this.#past = {
        received: this.#past.received + ring.received,
        lost: this.#past.lost + ring.lost,
      };
    }
  }
}
