// Telemetry reads as they come → per channel a ring of the last reads and, for power and energy, its
// running Joules, so that a window can be asked what each channel claims of it.
// Holds: a failed read is NaN and adds nothing; nothing is allocated per read.

import type { TelemetryChannel } from "../../schema/records.ts";
import type { SessionNs } from "../../schema/time.ts";
import { firstWhere } from "../../stats/search.ts";
import { Ring } from "./ring.ts";

/** 160 s at 100 Hz; a longer view of a page opened late misses older reads, a page that was open has them. */
export const READS = 16384;

export class Channel {
  readonly about: TelemetryChannel;
  readonly tNs = new Ring(READS);
  readonly value = new Ring(READS);
  readonly #joules: Ring | null;
  readonly #wrapsAt: number;
  #count = 0;
  #failed = 0;
  #lastGood = -1;

  constructor(about: TelemetryChannel) {
    this.about = about;
    const counts = about.quantity === "power" || about.quantity === "energy";
    this.#joules = counts ? new Ring(READS) : null;
    this.#wrapsAt = about.wrapsAt ?? NaN;
  }

  /** Reads so far; the last READS of them are held. */
  get count(): number {
    return this.#count;
  }

  get failed(): number {
    return this.#failed;
  }

  /** A read out of order (a driver's buffer harvested late) is drawn and adds no Joules. */
  add(tNs: SessionNs, value: number): void {
    const i = this.#count;
    this.tNs.put(i, tNs);
    this.value.put(i, value);
    this.#joules?.put(i, i === 0 ? 0 : this.#joules.at(i - 1) + this.#growth(tNs, value));
    if (value === value) this.#lastGood = i;
    else this.#failed++;
    this.#count++;
  }

  /** Joules that a read adds. */
  #growth(tNs: SessionNs, value: number): number {
    const last = this.#lastGood;
    if (last < 0 || last <= this.#count - READS || !(value === value)) return 0;
    const before = this.value.at(last);
    if (this.about.quantity === "energy") {
      const step = value - before;
      return step < 0 && this.#wrapsAt > 0 ? step + this.#wrapsAt : step;
    }
    // A mean over a failed read between would be a guess.
    if (last !== this.#count - 1) return 0;
    return ((value + before) / 2) * Math.max(0, (tNs - this.tNs.at(last)) / 1e9);
  }

  /** Joules claimed up to an instant; NaN where unknown, undefined where the read after it is yet to come. */
  joulesAt(tNs: SessionNs): number | undefined {
    if (!this.#joules || this.#count === 0) return NaN;
    if (this.tNs.at(this.#count - 1) < tNs) return undefined;
    const first = Math.max(0, this.#count - READS);
    const i = this.#lastAtOrBefore(tNs, first);
    if (i < first) return NaN;
    const [fromNs, fromJ] = [this.tNs.at(i), this.#joules.at(i)];
    const step = this.tNs.at(i + 1) - fromNs;
    const share = step > 0 ? (tNs - fromNs) / step : 0;
    return fromJ + share * (this.#joules.at(i + 1) - fromJ);
  }

  #lastAtOrBefore(tNs: SessionNs, first: number): number {
    // The last one's time is at or after tNs.
    return firstWhere(first, this.#count - 1, (i) => this.tNs.at(i) > tNs) - 1;
  }
}

/** Claims on the energy of a GPU, which a window sets beside the rails; `nvml.0.…` where there are several. */
export const CLAIM = /^(nvml|rocm)\.(\d+\.)?(power_(usage|average|instant|input)|energy_counter)$/;
