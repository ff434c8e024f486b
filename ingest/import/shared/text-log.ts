// What importers of text with a row a line share: whether the last row was cut, the session that the rows'
// own times make, and a read at a row's time.

import type { TelemetryRead } from "../../../schema/records.ts";
import { type Instant, instant } from "../../../schema/time.ts";
import type { ImportedSession } from "../importer.ts";
import type { Line } from "./lines.ts";

/** Tells a last row that may have been cut inside: it has no line end and is shorter than the row before it. */
export class RowTail {
  #before = 0;

  isCut({ text, ended }: Pick<Line, "text" | "ended">): boolean {
    return !ended && text.length < this.#before;
  }

  kept(row: Pick<Line, "text">): void {
    this.#before = row.text.length;
  }
}

/** @param start of the session on the rows' clock, ns. @param unix whether that is Unix time. @param clock if not. */
export const timedSession = (
  start: bigint,
  unix: boolean,
  labels: ImportedSession["labels"],
  clock: ImportedSession["hostClock"] = "trace",
): ImportedSession => ({
  hostClock: unix ? "unix" : clock,
  hostEpoch: instant<"host">(start),
  startUnix: unix ? instant<"unix">(start) : null,
  labels,
});

/** A value that is no number, where the file gives no code. */
const NOT_A_NUMBER = 1;

/** A read known by its row's time alone. @param code of a value that is no number. */
export function timedRead(
  channel: string,
  tNs: bigint,
  { value, stamp, code = NOT_A_NUMBER }: TimedValue,
): TelemetryRead {
  const t = instant<"host">(tNs);
  return { channel, before: t, after: t, stamp, value, code: Number.isNaN(value) ? code : 0 };
}

/** `value` in SI, NaN where it is no number. */
interface TimedValue {
  readonly value: number;
  readonly stamp: Instant<"unix"> | null;
  readonly code?: number;
}
