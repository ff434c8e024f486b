// The kernel's edge events as read from a line request → edges of one line, and what is missing between
// them (docs/gpio.md, "How a lost input edge shows"). Pure.

import type { Mark } from "../schema/records.ts";
import { EVENT_BYTES, GPIO_V2_LINE_EVENT_RISING_EDGE, lineEvent } from "./uapi.ts";

/** Where edges end: the recorder writes them to the log. */
export interface EdgeSink {
  onMark(mark: Mark): void;
  /** @param count 0 where something is wrong and nobody knows how many. */
  onLoss(count: number, why: string): void;
}

export class EdgeDecoder {
  readonly #name: string;
  readonly #offset: number;
  readonly #sink: EdgeSink;
  /** Highest number the kernel gave to an edge of this request, events delivered, losses told. */
  #numbered = 0;
  #delivered = 0;
  #told = 0;
  #level: 0 | 1 | null;

  /** @param offset of the line in its chip; events of its companion are skipped. @param level before the first event, if known. */
  constructor(name: string, offset: number, sink: EdgeSink, level: 0 | 1 | null) {
    this.#name = name;
    this.#offset = offset;
    this.#sink = sink;
    this.#level = level;
  }

  /** @param bytes whole events, as one read of the request returns them */
  push(bytes: Buffer): void {
    for (let at = 0; at + EVENT_BYTES <= bytes.length; at += EVENT_BYTES) {
      const event = lineEvent(bytes, at);
      const step = (event.seqno - this.#numbered) | 0;
      if (step > 0) this.#numbered += step;
      this.#delivered++;
      if (event.offset !== this.#offset) continue;
      const level = event.id === GPIO_V2_LINE_EVENT_RISING_EDGE ? 1 : 0;
      // The kernel reads the direction after the fact, so this is a doubt, not a count.
      const doubtful = level === this.#level;
      if (doubtful && step === 1)
        this.#lose(
          0,
          "two edges of the same direction: one between them was not seen, or one has the wrong direction",
        );
      this.#level = level;
      const doubt = doubtful ? { doubtful } : {};
      this.#sink.onMark({
        name: this.#name,
        phase: "instant",
        clock: "host",
        t: event.timestampNs,
        fields: { kind: "edge_in", level, seqno: event.seqno, ...doubt },
      });
    }
    this.#tellMissing();
  }

  /**
   * Told once a batch: an edge that comes while the kernel's thread reports the one before gives both its
   * number (seen on 6.1), so a jump can be made good by the event that follows it.
   */
  #tellMissing(): void {
    const missing = this.#numbered - this.#delivered - this.#told;
    if (missing <= 0) return;
    this.#told += missing;
    this.#lose(
      missing,
      "numbered by the kernel but not delivered: merged, or its buffer overflowed",
    );
  }

  /** Compares the line's level, read while no event was waiting, with what the events say. */
  settle(level: 0 | 1): void {
    if (this.#level !== null && level !== this.#level)
      this.#lose(1, "the line's level differs from its last edge: at least one was never seen");
    this.#level = level;
  }

  #lose(count: number, why: string): void {
    this.#sink.onLoss(count, `edges of ${this.#name}: ${why}`);
  }
}
