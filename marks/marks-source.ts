// The folder of marks of one session: made here, handed to the program in TRUEJOULE_MARKS, polled by the
// recorder. In: rings, FIFO and text file of that folder. Out: Mark records, exchanges and losses to a sink.

import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { libc, LOCK_EX, LOCK_NB } from "../host/libc.ts";
import { Fifo } from "./fifo.ts";
import { ENVIRONMENT_VARIABLE, SHARED_RING } from "./names.ts";
import { createRing } from "./ring-file.ts";
import { RingSource } from "./ring-source.ts";
import { TextFile } from "./text-file.ts";
import type { MarkSink } from "./to-marks.ts";

/** How often to ask whether a private ring's writer still lives, ms. */
const LIVENESS_MS = 1000;

const PREFIX = "truejoule-marks-";
/** Younger folders may be about to be locked. */
const STALE_MS = 60_000;

/** A recorder that was killed leaves its folder, and in /dev/shm that is memory. A living one holds a lock. */
function removeStale(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(parent, name);
    try {
      if (Date.now() - statSync(folder).mtimeMs < STALE_MS) continue;
      if (isUnlocked(join(folder, SHARED_RING))) rmSync(folder, { recursive: true, force: true });
    } catch {
      // Gone meanwhile, or another user's: not ours to remove.
    }
  }
}

function isUnlocked(path: string): boolean {
  const fd = openSync(path, "r");
  try {
    return libc().flock(fd, LOCK_EX | LOCK_NB) === 0;
  } finally {
    closeSync(fd);
  }
}

/** What came and what did not: received + lost = marks that clients began. */
export interface MarkTotals {
  readonly received: number;
  readonly lost: number;
}

export class MarksSource {
  readonly folder: string;
  readonly #sink: MarkSink;
  readonly #shared: RingSource;
  readonly #private = new Map<string, RingSource>();
  readonly #fifo: Fifo;
  readonly #text: TextFile;
  readonly #refused = new Set<string>();
  #rings = 0;
  #past: MarkTotals = { received: 0, lost: 0 };
  #askedMs = 0;

  /**
   * @param capacity slots of the shared ring, a power of two
   * @throws InputError when there is no room, SourceError where marks are not supported
   */
  constructor(sink: MarkSink, capacity?: number) {
    this.#sink = sink;
    const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
    removeStale(parent);
    this.folder = mkdtempSync(join(parent, PREFIX));
    try {
      createRing(join(this.folder, SHARED_RING), capacity);
      this.#shared = this.#open(SHARED_RING);
      this.#shared.lock();
      this.#fifo = new Fifo(join(this.folder, "fifo"), sink);
      this.#text = new TextFile(join(this.folder, "text"), sink);
    } catch (error) {
      rmSync(this.folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** For the child's environment. */
  get environment(): Record<string, string> {
    return { [ENVIRONMENT_VARIABLE]: this.folder };
  }

  /** Ring marks so far (lines are counted by the sink). */
  get totals(): MarkTotals {
    const sum = { ...this.#past };
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

  /** Last look, after the program ended; then the folder is gone. */
  close(): MarkTotals {
    this.#findRings();
    for (const ring of [this.#shared, ...this.#private.values()]) ring.close();
    this.#fifo.close();
    this.#text.close();
    rmSync(this.folder, { recursive: true, force: true });
    return this.totals;
  }

  #open(name: string): RingSource {
    return new RingSource(join(this.folder, name), this.#rings++, this.#sink);
  }

  #findRings(): void {
    for (const name of readdirSync(this.folder)) {
      if (!name.endsWith(".ring") || name === SHARED_RING) continue;
      if (this.#private.has(name) || this.#refused.has(name)) continue;
      try {
        this.#private.set(name, this.#open(name));
      } catch (error) {
        this.#refused.add(name);
        this.#sink.onLoss(1, (error as Error).message);
      }
    }
  }

  /** Short-lived processes leave rings behind; in /dev/shm they are memory. */
  #retireRings(): void {
    this.#askedMs = performance.now();
    for (const [name, ring] of this.#private) {
      if (!ring.lock()) continue; // its writer lives
      ring.close();
      this.#private.delete(name);
      this.#past = {
        received: this.#past.received + ring.received,
        lost: this.#past.lost + ring.lost,
      };
    }
  }
}
