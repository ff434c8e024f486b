// Records on their way into a chunk → what of them stands in the file. A record counts once the chunk that
// holds it is wholly with the operating system: what a reader of the log will find, neither more nor less.

import { BlockFlag, type SampleBlock, type TelemetryRead } from "../schema/records.ts";

/** What a reader finds in a log as far as it is written. */
export interface Written {
  /** Rows of each stream, without those of duplicates. */
  readonly rows: ReadonlyMap<string, number>;
  /** Rows of blocks flagged as duplicates, all streams together. */
  readonly duplicateRows: number;
  /** Telemetry reads, and those among them that failed. */
  readonly reads: number;
  readonly failedReads: number;
  readonly marks: number;
}

/** Holds the counts of the open chunk and of those before it. */
export class WrittenCount implements Written {
  readonly rows = new Map<string, number>();
  duplicateRows = 0;
  reads = 0;
  failedReads = 0;
  marks = 0;
  #open: Counts = none();

  addBlock({ stream, rows, flags }: SampleBlock): void {
    const open = this.#open;
    if (flags & BlockFlag.duplicate) open.duplicateRows += rows;
    else open.rows.set(stream, (open.rows.get(stream) ?? 0) + rows);
  }

  addRead({ code }: TelemetryRead): void {
    this.#open.reads++;
    if (code !== 0) this.#open.failedReads++;
  }

  addMark(): void {
    this.#open.marks++;
  }

  /** The open chunk has come to its end: in the file, or lost with it. */
  close(inFile: boolean): void {
    const open = this.#open;
    this.#open = none();
    if (!inFile) return;
    for (const [stream, rows] of open.rows)
      this.rows.set(stream, (this.rows.get(stream) ?? 0) + rows);
    this.duplicateRows += open.duplicateRows;
    this.reads += open.reads;
    this.failedReads += open.failedReads;
    this.marks += open.marks;
  }
}

interface Counts {
  rows: Map<string, number>;
  duplicateRows: number;
  reads: number;
  failedReads: number;
  marks: number;
}

const none = (): Counts => ({
  rows: new Map(),
  duplicateRows: 0,
  reads: 0,
  failedReads: 0,
  marks: 0,
});
