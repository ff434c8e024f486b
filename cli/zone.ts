// Naive local times → UTC, by the zone the user named. Node's own time-zone database (Intl) does the
// work; a local time that a clock change skips or repeats resolves to its first meaning.

import { UsageError } from "../schema/errors.ts";
import { type Instant, instant } from "../schema/time.ts";

export interface Zone {
  readonly name: string;
  toUnix(
    y: number,
    mo: number,
    d: number,
    h: number,
    mi: number,
    s: number,
    ns: number,
  ): Instant<"unix">;
}

/** @throws UsageError when the zone is not in the tz database. */
export function zone(name: string): Zone {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch {
    throw new UsageError(
      `--tz ${name}: no such time zone; name one as in Europe/London, America/New_York or UTC`,
    );
  }
  /** Local wall clock of a UTC instant, as if it were UTC itself, ms. */
  const wall = (utcMs: number): number => {
    const p = Object.fromEntries(format.formatToParts(utcMs).map((x) => [x.type, Number(x.value)]));
    return Date.UTC(p["year"]!, p["month"]! - 1, p["day"], p["hour"], p["minute"], p["second"]);
  };
  return {
    name,
    toUnix(y, mo, d, h, mi, s, ns) {
      const local = Date.UTC(y, mo - 1, d, h, mi, s);
      let utc = local;
      for (let k = 0; k < 2; k++) utc = local - (wall(utc) - utc);
      return instant<"unix">(BigInt(utc) * 1_000_000n + BigInt(Math.round(ns)));
    },
  };
}
