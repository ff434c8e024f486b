// The DAQ's clock over a whole stream: a model for each segment, that is from one start of the device to its
// next. A device that restarted counts on from nothing that the host knows, so its segments share a crystal
// and no offset. In: device time or session time. Out: the segment it falls in, and what its model says.

import type { SessionNs } from "../../schema/time.ts";
import { type ClockModel, mapEach, mapUNs, toSessionNs } from "./clock.ts";
import { firstWhere } from "../../stats/search.ts";
import { neighbours, valueAt } from "../../stats/places.ts";

export interface ClockSegment {
  readonly model: ClockModel;
  /** Its first and last row. */
  readonly fromDevice: number;
  readonly toDevice: number;
  readonly fromNs: SessionNs;
  readonly toNs: SessionNs;
}

export interface DaqClock {
  readonly clock: string;
  /** Ascending, at least one. */
  readonly segments: readonly ClockSegment[];
}

export function segmentFrom(model: ClockModel, from: number, to: number): ClockSegment {
  const [fromNs, toNs] = [toSessionNs(model, from), toSessionNs(model, to)];
  return { model, fromDevice: from, toDevice: to, fromNs, toNs };
}

/** One model for all of a stream. */
export function steadyClock(model: ClockModel, from = -Infinity, to = Infinity): DaqClock {
  return { clock: model.clock, segments: [segmentFrom(model, from, to)] };
}

/** The segment that a device time belongs to: the last that had begun by then, else the first. */
export const segmentOf = (c: DaqClock, device: number): ClockSegment =>
  lastBegun(c.segments, device, (s) => s.fromDevice);

/** The same by session time: what lies between two segments belongs to the one before. */
export const segmentAt = (c: DaqClock, tNs: SessionNs): ClockSegment =>
  lastBegun(c.segments, tNs, (s) => s.fromNs);

function lastBegun(
  segments: readonly ClockSegment[],
  at: number,
  begin: (s: ClockSegment) => number,
): ClockSegment {
  const next = firstWhere(1, segments.length, (i) => begin(valueAt(segments, i)) > at);
  return valueAt(segments, next - 1);
}

/** Session time of a device time. */
export const placeNs = (c: DaqClock, device: number): SessionNs =>
  toSessionNs(segmentOf(c, device).model, device);

/** Ascending device times → session times, ascending too where segments overlap by what is not known of them. */
export function placeColumn(c: DaqClock, device: Float64Array): Float64Array {
  const [first, ...later] = c.segments;
  if (first && later.length === 0) return mapEach(first.model, device);
  let least = -Infinity;
  return device.map((d) => (least = Math.max(least, placeNs(c, d))));
}

/** Standard uncertainty of an instant on the trace, ns. */
export const placeUNs = (c: DaqClock, tNs: SessionNs): number =>
  mapUNs(segmentAt(c, tNs).model, tNs);

/** Between two segments: no rows, and neither model says for certain when it began or ended. */
export interface Pause {
  readonly fromNs: SessionNs;
  readonly toNs: SessionNs;
  /** Standard uncertainty of its two ends and of its length, ns. */
  readonly fromUNs: number;
  readonly toUNs: number;
  readonly lengthUNs: number;
}

export function pausesOf({ segments }: DaqClock): Pause[] {
  return [...neighbours(segments)].map(([before, next]) => {
    const [fromUNs, toUNs] = [mapUNs(before.model, before.toNs), mapUNs(next.model, next.fromNs)];
    const lengthUNs = Math.hypot(fromUNs, toUNs);
    return { fromNs: before.toNs, toNs: next.fromNs, fromUNs, toUNs, lengthUNs };
  });
}

/** Over all segments; of residuals the root mean square. */
export function clockTotals({ segments }: DaqClock): {
  readonly edgesUsed: number;
  readonly edgesMissing: number;
  readonly edgesExtra: number;
  readonly residualRmsNs: number;
} {
  const models = segments.map((s) => s.model);
  const sum = (f: (m: ClockModel) => number): number => models.reduce((n, m) => n + f(m), 0);
  const residuals = sum((m) => m.residuals.length);
  const squares = sum((m) => m.residuals.length * m.residualRmsNs ** 2);
  return {
    edgesUsed: sum((m) => m.edgesUsed),
    edgesMissing: sum((m) => m.edgesMissing),
    edgesExtra: sum((m) => m.edgesExtra),
    residualRmsNs: Math.sqrt(squares / Math.max(1, residuals)),
  };
}
