// Exchanges of stamps with clocks beside the host's, as a run of days holds them: columns, 36 bytes each, and the
// names of their streams once. In: exchanges in log order. Out: the same, one at a time, as often as asked.

import type { ClockExchange } from "../schema/records.ts";
import { instant } from "../schema/time.ts";
import { Names } from "./mark-table.ts";

const BLOCK = 1 << 12;

export class ExchangeTable implements Iterable<ClockExchange> {
  count = 0;
  readonly #streams = new Names();
  readonly #stream: Uint32Array[] = [];
  /** Sent and received. */
  readonly #host: BigInt64Array[] = [];
  /** Received and sent. */
  readonly #device: BigUint64Array[] = [];

  add(e: ClockExchange): void {
    const i = this.count++ % BLOCK;
    if (i === 0) {
      this.#stream.push(new Uint32Array(BLOCK));
      this.#host.push(new BigInt64Array(2 * BLOCK));
      this.#device.push(new BigUint64Array(2 * BLOCK));
    }
    this.#stream.at(-1)![i] = this.#streams.of(e.stream);
    this.#host.at(-1)!.set([e.sent, e.received], 2 * i);
    this.#device.at(-1)!.set([e.deviceReceived, e.deviceSent], 2 * i);
  }

  *[Symbol.iterator](): Generator<ClockExchange> {
    for (const [b, streams] of this.#stream.entries()) {
      const [host, device] = [this.#host[b]!, this.#device[b]!];
      for (let i = 0; i < Math.min(BLOCK, this.count - b * BLOCK); i++)
        yield {
          stream: this.#streams.list[streams[i]!]!,
          sent: instant<"host">(host[2 * i]!),
          deviceReceived: device[2 * i]!,
          deviceSent: device[2 * i + 1]!,
          received: instant<"host">(host[2 * i + 1]!),
        };
    }
  }
}
