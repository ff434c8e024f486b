// Unix stamps → session time, by the host's own readings of both clocks. Holds: a wall clock that was set
// during the recording is followed, so that what carries Unix stamps stays where it belongs.

import type { ClockPair } from "../../schema/records.ts";
import { type Session, toSession } from "../../schema/session.ts";
import { type Instant, instant, type SessionNs } from "../../schema/time.ts";

/** A driver's buffer holds a few seconds; its newest sample cannot lie after it was fetched. */
const OLDEST_NS = 60e9;
const NEWEST_NS = 1e9;

/**
 * How far the wall clock was set between two readings, ns; 0 where it only ran: NTP slews by at most
 * 500 ppm, and a reading takes less than a millisecond.
 */
function steppedNs(a: Reading, b: Reading): number {
  const stepped = Number(b.unix - a.unix - (b.mono - a.mono));
  return Math.abs(stepped) > 1e6 + 500e-6 * Number(b.mono - a.mono) ? stepped : 0;
}

/** Boot time is read to 10 ms. */
const LEAST_SLEEP_NS = 0.1e9;

/** How long the machine slept between two readings, ns: boot time goes on then, the monotonic clock does not. */
function sleptNs(a: ClockPair, b: ClockPair): number {
  const slept = Number(b.boot - a.boot - (b.mono - a.mono));
  return slept > LEAST_SLEEP_NS ? slept : 0;
}

type Reading = Pick<ClockPair, "unix" | "mono">;

/** The wall clock was set between the reading at `mono` and the one before it. */
export interface WallStep {
  readonly mono: ClockPair["mono"];
  readonly byNs: number;
  /** Of that, how long the machine slept. */
  readonly sleptNs: number;
}

export class WallClock {
  /** The first reading of the log. */
  first: ClockPair | undefined;
  readonly steps: WallStep[] = [];
  readonly #session: Session;
  /** The last reading of each stretch between steps, newest first. */
  readonly #readings: Reading[];
  #last: ClockPair | undefined;

  constructor(session: Session) {
    this.#session = session;
    const { startUnix: unix, hostEpoch: mono } = session;
    this.#readings = unix === null ? [] : [{ unix, mono }];
  }

  read(pair: ClockPair): void {
    const last = this.#readings[0];
    const byNs = last ? steppedNs(last, pair) : 0;
    if (last && byNs === 0) this.#readings[0] = pair;
    else this.#readings.unshift(pair);
    // The session's own start is known to a millisecond or two.
    const slept = this.#last ? sleptNs(this.#last, pair) : 0;
    if (byNs !== 0 && this.first) this.steps.push({ mono: pair.mono, byNs, sleptNs: slept });
    this.first ??= pair;
    this.#last = pair;
  }

  /** @param fetchedNs when the stamp was read. @returns undefined where no reading places it before that. */
  place(stamp: Instant<"unix">, fetchedNs: SessionNs): SessionNs | undefined {
    for (const { unix, mono } of this.#readings) {
      const t = toSession(this.#session, instant<"host">(mono + (stamp - unix)));
      if (t > fetchedNs - OLDEST_NS && t < fetchedNs + NEWEST_NS) return t;
    }
    return undefined;
  }
}
