// Dates as logs write them → UTC. A text without a zone is local time, which only the caller can place.

import { type Instant, instant } from "../../../schema/time.ts";
import type { ImportContext } from "../importer.ts";
import { MAX_NS } from "./lines.ts";

const DATE =
  /^(\d{4})[/-](\d\d)[/-](\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s*(Z|[+-]\d\d:?\d\d)?$/;

/**
 * `YYYY-MM-DD HH:MM:SS.fff`, with `/` or `T` as they come, zone optional; undefined when it is not that.
 * @param near an instant close by, such as the row before: it decides in the hour that clocks repeat.
 */
export function parseDate(
  text: string,
  context: ImportContext,
  near?: Instant<"unix">,
): Instant<"unix"> | undefined {
  const m = DATE.exec(text.trim());
  if (!m) return undefined;
  const [y, mo, d, h, mi, s] = m.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const ns = Number((m[7] ?? "").padEnd(9, "0"));
  if (mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 || s > 60) return undefined;
  const zone = m[8];
  if (zone === undefined) return onDisk(context.localToUnix([y, mo, d, h, mi, s, ns], near));
  const utcMs = Date.UTC(y, mo - 1, d, h, mi, s) - zoneMinutes(zone) * 60_000;
  return onDisk(instant<"unix">(BigInt(utcMs) * 1_000_000n + BigInt(ns)));
}

/** A time that the log can hold, or undefined: the year 9999 does not fit. */
export function onDisk(t: Instant<"unix">): Instant<"unix"> | undefined {
  return t < MAX_NS && t > -MAX_NS ? t : undefined;
}

function zoneMinutes(zone: string): number {
  if (zone === "Z") return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return zone.startsWith("-") ? -minutes : minutes;
}
