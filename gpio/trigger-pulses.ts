// When the trigger line goes up and down. In: the time, and whether work was submitted. Out: the level to
// set now, if any, and why. Pure: whoever calls it drives the line (docs/gpio.md, "The edge worker").

import { syncPattern } from "./sync-pattern.ts";

export type Cause = "pattern" | "submit";

const MS = 1e6;
/** Long against a row of the slowest DAQ that makes sense here (5 kHz), short against everything else. */
const HIGH_NS = 1 * MS;
/** Pulses keep this distance, so that edges stay apart by more than a busy host delays one. */
const LEAST_NS = 10 * MS;
/** Submit pulses keep this: 50 a second tell the clocks no more than the pattern's ten, but a scope shows them. */
const SUBMIT_NS = 20 * MS;

export class TriggerPulses {
  readonly #distanceMs = syncPattern();
  #patternNs: number;
  #roseNs = -Infinity;
  high = false;
  cause: Cause = "pattern";

  /** @param nowNs any clock's nanoseconds; all other times are of the same. */
  constructor(nowNs: number) {
    this.#patternNs = nowNs + this.#distanceMs() * MS;
  }

  /** @returns the level to set now, or −1. */
  next(nowNs: number, submitted: boolean): 0 | 1 | -1 {
    if (this.high) return nowNs - this.#roseNs >= HIGH_NS ? this.#fall() : -1;
    if (nowNs - this.#roseNs < LEAST_NS) return -1;
    if (nowNs >= this.#patternNs) {
      // Counted from when it was due: lateness must not add up.
      while (this.#patternNs <= nowNs) this.#patternNs += this.#distanceMs() * MS;
      return this.#rise(nowNs, "pattern");
    }
    // A submit that comes too early raises nothing later: an edge that is late tells of no launch.
    return submitted && nowNs - this.#roseNs >= SUBMIT_NS ? this.#rise(nowNs, "submit") : -1;
  }

  #rise(nowNs: number, cause: Cause): 1 {
    this.#roseNs = nowNs;
    this.high = true;
    this.cause = cause;
    return 1;
  }

  #fall(): 0 {
    this.high = false;
    return 0;
  }
}
