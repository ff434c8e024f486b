// Reads of a telemetry channel from a function of time.

import { ReadColumn } from "../../align/read-column.ts";
import type { TelemetrySeries } from "../../align/scanned.ts";
import type { TelemetryChannel } from "../../schema/records.ts";

/** @param value at an instant, ns; NaN for a read that failed. */
export function readsOf(
  atNs: readonly number[],
  value: (tNs: number) => number,
  channel: Partial<TelemetryChannel> = {},
): TelemetrySeries {
  const column = (of: (t: number) => number): ReadColumn => ReadColumn.of(atNs.map(of));
  return {
    channel: { name: "nvml.power_usage", quantity: "power", unit: "W", ...channel },
    tNs: column((t) => t),
    halfNs: column(() => 0),
    value: column(value),
    code: column((t) => (Number.isNaN(value(t)) ? 1 : 0)),
  };
}

/** Instants from `fromNs` on, `stepNs` apart, before `toNs`. */
export const every = (stepNs: number, fromNs: number, toNs: number): number[] =>
  Array.from({ length: Math.ceil((toNs - fromNs) / stepNs) }, (_, i) => fromNs + i * stepNs);
