// The kernel's edge events as read from a line request → edges of one line, and what is missing between
// them (docs/gpio.md, "How a lost input edge shows"). Pure.

import type { Mark } from "../schema/records.ts";
import { EVENT_BYTES, GPIO_V2_LINE_EVENT_RISING_EDGE, lineEvent } from "./uapi.ts";

/** Where edges end: the recorder writes them to the log. */
export interface EdgeSink {
  onMark(mark: Mark): void;
  onLoss(count: number, why: string): void;
}

export class EdgeDecoder {
  readonly #name: string;
  readonly #offset: number;
  readonly #sink: EdgeSink;
  #seqno = 0;
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
      const lost = (event.seqno - this.#seqno - 1) >>> 0;
      this.#seqno = event.seqno;
      if (lost > 0)
        this.#lose(lost, "numbered by the kernel but not delivered: its buffer overflowed");
      if (event.offset !== this.#offset) continue;
      const level = event.id === GPIO_V2_LINE_EVENT_RISING_EDGE ? 1 : 0;
      if (lost === 0 && level === this.#level)
        this.#lose(1, "two edges of the same direction: at least one between them was never seen");
      this.#level = level;
      this.#sink.onMark({
        name: this.#name,
        phase: "instant",
        clock: "host",
        t: event.timestampNs,
        fields: { kind: "edge_in", level, seqno: event.seqno },
      });
    }
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
