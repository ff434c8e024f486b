// The pace of a device's clock against the host's. In: clock exchanges, any number of them. Out: how far the tick's
// rate is off, with a bound that holds: of each stretch of the stream the quickest exchange alone is kept, and each
// says only that the device read its clock somewhere between question and answer (docs/wire.md, Clock exchange).

import type { ClockExchange } from "../../schema/records.ts";

/** Stretches of a short stream; longest stretch of a long one, ns. */
const PARTS = 8;
const LONGEST_NS = 60e9;

export interface Pace {
  /** Device fast: positive. */
  readonly ppm: number;
  /** How far that may be off, by the exchanges; the host's own clock comes on top. */
  readonly boundPpm: number;
  /** Between the exchanges that tell it. */
  readonly seconds: number;
}

interface Placed {
  readonly tick: bigint;
  readonly fromNs: bigint;
  readonly toNs: bigint;
}

export class PaceWatch {
  readonly #stretchNs: number;
  #zeroNs: bigint | null = null;
  #first: { readonly stretch: number; quickest: Placed } | null = null;
  #last: { readonly stretch: number; quickest: Placed } | null = null;

  /** @param seconds that the stream is to last. */
  constructor(seconds: number) {
    this.#stretchNs = Math.min(LONGEST_NS, (seconds * 1e9) / PARTS);
  }

  see({ sent, received, deviceReceived }: ClockExchange): void {
    const placed = { tick: deviceReceived, fromNs: sent, toNs: received };
    this.#zeroNs ??= sent;
    const stretch = Math.floor(Number(sent - this.#zeroNs) / this.#stretchNs);
    this.#first ??= { stretch, quickest: placed };
    if (this.#first.stretch === stretch) keepQuicker(this.#first, placed);
    else if (this.#last?.stretch === stretch) keepQuicker(this.#last, placed);
    else this.#last = { stretch, quickest: placed };
  }

  /** What the device's clock did meanwhile nobody knows. */
  restart(): void {
    this.#zeroNs = this.#first = this.#last = null;
  }

  /** Null where no two stretches of the stream had an exchange, or too slow ones. */
  against(tickHz: number): Pace | null {
    if (!this.#first || !this.#last) return null;
    const [a, z] = [this.#first.quickest, this.#last.quickest];
    const hostNs = Number(z.fromNs + z.toNs - a.fromNs - a.toNs) / 2;
    const deviceNs = (Number(z.tick - a.tick) * 1e9) / tickHz;
    const shortestNs = hostNs - (width(a) + width(z)) / 2;
    if (shortestNs <= 0) return null;
    const longestNs = deviceNs + 1e9 / tickHz; // a tick read is up to one old
    return {
      ppm: 1e6 * (deviceNs / hostNs - 1),
      boundPpm: 1e6 * (longestNs / shortestNs - deviceNs / hostNs),
      seconds: hostNs / 1e9,
    };
  }
}

const width = ({ fromNs, toNs }: Placed): number => Number(toNs - fromNs);

function keepQuicker(kept: { quickest: Placed }, placed: Placed): void {
  if (width(placed) < width(kept.quickest)) kept.quickest = placed;
}
