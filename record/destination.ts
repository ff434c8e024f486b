// Where a recording goes: the log, and a live page beside it. In: rows, reads, marks and notes, as they come. Out: the
// same in both, and counts of what came. Holds: nothing that the page does reaches the log; a log that takes nothing
// more takes nothing more, and that is reported once.

import type { LogWriter } from "../capture/log-writer.ts";
import type { DaqSink } from "../ingest/stream/sink.ts";
import { readAt, type ReadBatch } from "../nvml/batch.ts";
import type { Sampler } from "../nvml/sampler.ts";
import { BlockFlag, type Mark, type Note } from "../schema/records.ts";
import { instant } from "../schema/time.ts";
import type { RecordingPlan } from "./plan.ts";

type Page = NonNullable<RecordingPlan["tee"]>;

export interface Faults {
  /** The log takes nothing more: a full disk, say. */
  onLogFull(error: unknown): void;
  /** Something was refused, or the page failed; it goes on. @param subject `log`, `live page`, … */
  onFault(subject: string, error: unknown): void;
}

export class Destination {
  /** What came for the log; what it then holds is the log's to say. */
  readonly came = { rows: 0, reads: 0, marks: 0 };
  readonly #log: LogWriter;
  readonly #page: Page | undefined;
  readonly #faults: Faults;
  #full = false;

  constructor(log: LogWriter, page: Page | undefined, faults: Faults) {
    this.#log = log;
    this.#page = page;
    this.#faults = faults;
  }

  /** Whether the log takes nothing more. */
  get full(): boolean {
    return this.#full;
  }

  /** To the log alone. */
  write(work: (log: LogWriter) => void): void {
    if (this.#full) return;
    try {
      work(this.#log);
    } catch (error) {
      if (!isSourceError(error)) return this.#faults.onFault("log", error);
      this.#full = true;
      this.#faults.onLogFull(error);
    }
  }

  /** To the live page alone. */
  show(tell: (page: Page) => void): void {
    const page = this.#page;
    if (!page) return;
    try {
      tell(page);
    } catch (error) {
      this.#faults.onFault("live page", error);
    }
  }

  attach(name: string, document: object): void {
    const data = Buffer.from(JSON.stringify(document));
    this.write((log) => log.attach(name, "application/json", data));
  }

  /** @param stream whose rows are counted, those that came twice once. */
  sink(stream: string): DaqSink {
    const both = (to: (sink: DaqSink) => void): void => {
      this.write(to);
      this.show(to);
    };
    return {
      declareRows: (layout) => both((to) => to.declareRows(layout)),
      rows: (block) => {
        const twice = (block.flags & BlockFlag.duplicate) !== 0;
        if (block.stream === stream && !twice) this.came.rows += block.rows;
        both((to) => to.rows(block));
      },
      edge: (edge) => both((to) => to.edge(edge)),
      exchange: (e) => both((to) => to.exchange(e)),
      note: (n) => both((to) => to.note(n)),
    };
  }

  reads(batch: ReadBatch, sampler: Sampler): void {
    for (let i = 0; i < batch.count; i++) {
      const read = readAt(batch, i, sampler.channels);
      this.came.reads++;
      this.write((log) => log.read(read));
    }
    this.show((page) => page.reads(batch, sampler));
  }

  mark(mark: Mark): void {
    this.logMark(mark);
    this.show((page) => page.mark(mark));
  }

  /** The page has seen it already. */
  logMark(mark: Mark): void {
    this.came.marks++;
    this.write((log) => log.mark(mark));
  }

  /** Stamped now. */
  note(level: Note["level"], text: string, count?: number): void {
    const t = instant<"host">(process.hrtime.bigint());
    this.tell({ level, text, t, ...(count === undefined ? {} : { count }) });
  }

  tell(note: Note): void {
    this.write((log) => log.note(note));
    this.show((page) => page.note(note));
  }
}

/** By its tag: `instanceof` fails across realms. */
const isSourceError = (error: unknown): boolean =>
  (error as { tag?: string }).tag === "SourceError";
