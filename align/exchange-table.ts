// Exchanges of stamps with clocks beside the host's, as a run of days holds them: columns, 36 bytes each, and the
// names of their streams once. In: exchanges in log order. Out: the same, one at a time, as often as asked.

import type { ClockExchange } from "../schema/records.ts";
import { instant } from "../schema/time.ts";
import { valueAt } from "../stats/places.ts";
import { Names } from "./mark-table.ts";

/** Exchanges that are held together. */
const BLOCK = 1 << 12;

class Block {
  count = 0;
  readonly streams = new Uint32Array(BLOCK);
  /** Sent and received. */
  readonly host = new BigInt64Array(2 * BLOCK);
  /** Received and sent. */
  readonly device = new BigUint64Array(2 * BLOCK);
}

export class ExchangeTable implements Iterable<ClockExchange> {
  count = 0;
  readonly #streams = new Names();
  readonly #blocks: Block[] = [];
  #last: Block | undefined;

  add(e: ClockExchange): void {
    if (!this.#last || this.#last.count === BLOCK) this.#blocks.push((this.#last = new Block()));
    const i = this.#last.count++;
    this.count++;
    this.#last.streams[i] = this.#streams.of(e.stream);
    this.#last.host.set([e.sent, e.received], 2 * i);
    this.#last.device.set([e.deviceReceived, e.deviceSent], 2 * i);
  }

  *[Symbol.iterator](): Generator<ClockExchange> {
    for (const { count, streams, host, device } of this.#blocks)
      for (let i = 0; i < count; i++)
        yield {
          stream: this.#streams.text(valueAt(streams, i)),
          sent: instant<"host">(valueAt(host, 2 * i)),
          deviceReceived: valueAt(device, 2 * i),
          deviceSent: valueAt(device, 2 * i + 1),
          received: instant<"host">(valueAt(host, 2 * i + 1)),
        };
  }
}
