// Unix stamps → session time, by the host's own readings of both clocks. Holds: a wall clock that was set
// during the recording is followed, so that what carries Unix stamps stays where it belongs.

import type { ClockPair } from "../schema/records.ts";
import { type Session, toSession } from "../schema/session.ts";
import { type Instant, instant, type SessionNs } from "../schema/time.ts";

/** NTP slews by at most 500 ppm; between two readings more than this is a step. */
const STEP_NS = 100_000_000n;
/** A driver's buffer holds a few seconds; its newest sample cannot lie after it was fetched. */
const OLDEST_NS = 60e9;
const NEWEST_NS = 1e9;

export class WallClock {
  readonly #session: Session;
  /** Unix time less host clock, newest first: one for each stretch between steps. */
  readonly #ahead: bigint[];

  constructor(session: Session) {
    this.#session = session;
    this.#ahead = session.startUnix === null ? [] : [session.startUnix - session.hostEpoch];
  }

  read({ unix, mono }: ClockPair): void {
    const ahead = unix - mono;
    const last = this.#ahead[0];
    const isStep = last === undefined || ahead - last > STEP_NS || last - ahead > STEP_NS;
    if (isStep) this.#ahead.unshift(ahead);
    else this.#ahead[0] = ahead;
  }

  /** @param fetchedNs when the stamp was read. @returns undefined where no reading places it before that. */
  place(stamp: Instant<"unix">, fetchedNs: SessionNs): SessionNs | undefined {
    for (const ahead of this.#ahead) {
      const t = toSession(this.#session, instant<"host">(stamp - ahead));
      if (t > fetchedNs - OLDEST_NS && t < fetchedNs + NEWEST_NS) return t;
    }
    return undefined;
  }
}
