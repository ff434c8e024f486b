// Naive local times → UTC, by the zone the user named. Node's own time-zone database (Intl) does the
// work. A local time that a clock change repeats means two instants: the one nearest to what the caller
// knows (the row before, say), else the first.

import { UsageError } from "../../../schema/errors.ts";
import { type Instant, instant } from "../../../schema/time.ts";
import type { LocalTime } from "../importer.ts";

export interface Zone {
  readonly name: string;
  /** @param near what the caller knows of when it was. */
  toUnix(local: LocalTime, near?: Instant<"unix">): Instant<"unix">;
}

const QUARTER_MS = 15 * 60_000;
const DAY_MS = 86_400_000;

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
  const known = new Map<number, number>();
  /** What local clocks are ahead of UTC, ms. Zones change it on quarters of an hour, so these are kept. */
  const ahead = (utcMs: number): number => {
    const quarter = Math.floor(utcMs / QUARTER_MS);
    let ms = known.get(quarter);
    if (ms === undefined) {
      const at = quarter * QUARTER_MS;
      const p = Object.fromEntries(format.formatToParts(at).map((x) => [x.type, Number(x.value)]));
      ms =
        Date.UTC(p["year"]!, p["month"]! - 1, p["day"], p["hour"], p["minute"], p["second"]) - at;
      known.set(quarter, ms);
    }
    return ms;
  };
  return {
    name,
    toUnix([y, mo, d, h, mi, s, ns], near) {
      const local = Date.UTC(y, mo - 1, d, h, mi, s);
      // By the clock of the day before and of the day after; a time that is skipped fits neither.
      const meanings = [local - DAY_MS, local + DAY_MS].map((at) => local - ahead(at));
      const real = meanings.filter((utc) => utc + ahead(utc) === local);
      const [first, second] = real.length > 0 ? real : meanings;
      const nearMs = near === undefined ? first! : Number(near / 1_000_000n);
      const utc =
        second !== undefined && Math.abs(second - nearMs) < Math.abs(first! - nearMs)
          ? second
          : first!;
      return instant<"unix">(BigInt(utc) * 1_000_000n + BigInt(Math.round(ns)));
    },
  };
}
