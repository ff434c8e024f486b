// A scan → what there is to tell the DAQ's clock by, segment by segment: the rig's word, trigger edges,
// exchanges, arrivals, the power trace. Device times of a later segment are counted from its own first row,
// so that whatever fits them knows nothing of the segments before.

import { toSession } from "../../schema/session.ts";
import { type ClockModel, type ClockPairing, type ClockPrior, toSessionNs } from "./clock.ts";
import { firstAtOrAfter } from "../../stats/search.ts";
import type { SegmentScan, StreamScan, TracedScan } from "../scanned.ts";
import type { Rig } from "../../schema/rig.ts";

/** Type B: a USB frame and a scheduler's wake-up between a block and its arrival. */
export const ARRIVAL_U_NS = 1e6;

/** `device` lies within ± `halfNs`. */
export interface DeviceEdge {
  readonly device: number;
  readonly level: 0 | 1 | null;
  readonly halfNs: number;
}

export interface Evidence {
  /** The clock's name, and the distance of rows by the rig, ns. */
  readonly clock: string;
  readonly rowNs: number;
  /** Device time of the stream that the others here count from. */
  readonly originDevice: number;
  readonly prior: ClockPrior;
  /** First and last row. */
  readonly observed: readonly [number, number];
  readonly edges: readonly DeviceEdge[];
  readonly exchanges: readonly ClockPairing[];
  readonly arrivals: SegmentScan["arrivals"];
  /** By so much the least delayed block came late, ns, already taken off; null where nobody knows. */
  readonly delayNs: number | null;
  readonly trace: { readonly t: Float64Array; readonly powerW: Float64Array };
}

export function evidenceOf(scan: TracedScan): Evidence[] {
  const { stream, rig } = scan;
  const edges = deviceEdges(scan);
  return stream.segments.map((own, k) => {
    const before = stream.segments[k - 1];
    const place = { own, before, next: stream.segments[k + 1] };
    const originDevice = before ? own.firstDevice : 0;
    const segment = before ? countedFrom(originDevice, own) : own;
    return {
      clock: `daq:${stream.layout.stream}`,
      rowNs: 1e9 / rig.device.rowHz,
      originDevice,
      prior: before
        ? segmentPrior(scan, segment, [before.lastDevice, own.firstDevice])
        : streamPrior(scan),
      observed: [segment.firstDevice, segment.lastDevice],
      edges: within(edges, rig, place).map((e) => ({ ...e, device: e.device - originDevice })),
      exchanges: exchangesOf(scan, place, segment),
      arrivals: segment.arrivals,
      delayNs: null,
      trace: traceOf(stream, own, originDevice),
    };
  });
}

/** A segment among its neighbours, where it has any. */
interface Neighbourhood {
  readonly own: SegmentScan;
  readonly before: SegmentScan | undefined;
  readonly next: SegmentScan | undefined;
}

/** The same with what blocks take from the device to the host known, as it is where edges or exchanges tie a clock. */
export function withDelay(e: Evidence, delayNs: number): Evidence {
  if (e.arrivals.length === 0) return e;
  const arrivals = e.arrivals.map((a) => ({ ...a, sessionNs: a.sessionNs - delayNs }));
  const startNs = earliest(arrivals, 1e9 / e.prior.hz);
  const startUNs = Math.min(e.prior.startUNs, ARRIVAL_U_NS);
  return { ...e, arrivals, delayNs, prior: { ...e.prior, startNs, startUNs } };
}

/** Session time of device time 0 by the least delayed block. */
function earliest(arrivals: Evidence["arrivals"], nsPerUnit: number): number {
  let startNs = Infinity;
  for (const a of arrivals) startNs = Math.min(startNs, a.sessionNs - a.device * nsPerUnit);
  return startNs;
}

/** By how much blocks came late at least, by a clock that does not rest on them. */
export function leastDelayNs(e: Evidence, model: ClockModel): number {
  let delay = Infinity;
  for (const a of e.arrivals) delay = Math.min(delay, a.sessionNs - toSessionNs(model, a.device));
  return delay;
}

function countedFrom(origin: number, s: SegmentScan): SegmentScan {
  const from = <T extends { readonly device: number }>(x: T): T => ({
    ...x,
    device: x.device - origin,
  });
  return {
    firstDevice: s.firstDevice - origin,
    lastDevice: s.lastDevice - origin,
    startStamp: s.startStamp,
    arrivals: s.arrivals.map(from),
    blockTicks: s.blockTicks.map(from),
  };
}

/** The rig's declared clock and the host's stamp of the stream's start. */
function streamPrior({ rig, stream, session }: TracedScan): ClockPrior {
  const { hz, uRel, startU } = rig.device.clock;
  if (startU === 0 && stream.firstTick !== null) {
    // The device counts on the host's clock: its first tick says where it starts.
    const startNs = Number(stream.firstTick - session.hostEpoch);
    return { hz, uRel: 0, startNs, startUNs: 0 };
  }
  // Otherwise the trace itself is the session's clock, from its first row.
  if (session.hostClock === "trace") return { hz, uRel: 0, startNs: 0, startUNs: 0 };
  const stamp = stream.segments[0]?.startStamp;
  const startNs = (stamp?.ns ?? 0) - (stream.firstDevice / hz) * 1e9;
  return { hz, uRel, startNs, startUNs: Math.max(startU * 1e9, stamp?.halfNs ?? 0) };
}

/**
 * A later segment begins where the least delayed of its blocks puts it: no row arrives before it was sampled.
 * Where blocks carry no stamps, it begins where the log's own count puts it, give or take the whole pause.
 * @param pause device times of the last row before it and of its first.
 */
function segmentPrior(
  scan: TracedScan,
  { arrivals }: SegmentScan,
  [pausedAt, at]: readonly [number, number],
): ClockPrior {
  const { hz, uRel, startU } = scan.rig.device.clock;
  const ns = 1e9 / hz;
  const startNs = earliest(arrivals, ns);
  const ownUNs = Math.max(startU * 1e9, ARRIVAL_U_NS);
  if (startNs < Infinity) return { hz, uRel, startNs, startUNs: ownUNs };
  const first = streamPrior(scan);
  const pauseNs = (at - pausedAt) * ns;
  const sinceNs = (at - scan.stream.firstDevice) * ns;
  const startUNs = Math.hypot(ownUNs, first.startUNs, pauseNs, sinceNs * uRel);
  return { hz, uRel, startNs: first.startNs + at * ns, startUNs };
}

/** Edges that fell while the segment's rows were sampled; those in a pause between two are nobody's. */
function within(
  edges: readonly DeviceEdge[],
  { device: { clock, rowHz } }: Rig,
  { own, before, next }: Neighbourhood,
): readonly DeviceEdge[] {
  const row = clock.hz / rowHz;
  const from = before ? own.firstDevice - row : -Infinity;
  const to = next ? own.lastDevice + row : Infinity;
  return edges.filter((e) => e.device >= from && e.device <= to);
}

/**
 * Four stamps an exchange: the device's middle lies between the host's two, uniformly for all we know.
 * The shorter the round trip, the more it weighs. Those of a segment came after its first block.
 * @param counted the segment, its device times from its own first row.
 */
function exchangesOf(
  scan: TracedScan,
  { own, before, next }: Neighbourhood,
  counted: SegmentScan,
): ClockPairing[] {
  const device = tickToDevice(counted);
  if (!device) return [];
  const { hz } = scan.rig.device.clock;
  const begins = (s: SegmentScan | undefined): number => s?.arrivals[0]?.sessionNs ?? Infinity;
  const [from, to] = [before ? begins(own) : -Infinity, begins(next)];
  const pairings: ClockPairing[] = [];
  for (const e of scan.exchanges) {
    if (e.stream !== scan.stream.layout.stream) continue;
    const [sent, received] = [toSession(scan.session, e.sent), toSession(scan.session, e.received)];
    if (received < from || received >= to) continue;
    const inside = device(e.deviceSent) - device(e.deviceReceived);
    const roundTripNs = received - sent - (inside / hz) * 1e9;
    pairings.push({
      device: (device(e.deviceReceived) + device(e.deviceSent)) / 2,
      sessionNs: (sent + received) / 2,
      uNs: Math.max(1e3, roundTripNs / Math.sqrt(12)),
    });
  }
  return pairings;
}

/** Device ticks → rows, by the blocks that carry both; exact, as rows are paced by the same clock. */
function tickToDevice({ blockTicks }: SegmentScan): ((tick: bigint) => number) | undefined {
  const [first, last] = [blockTicks[0], blockTicks[blockTicks.length - 1]];
  if (!first || !last || last.tick <= first.tick) return undefined;
  const perTick = (last.device - first.device) / Number(last.tick - first.tick);
  return (tick) => first.device + Number(tick - first.tick) * perTick;
}

/** The outline's cells between the segment's first and last row. */
function traceOf(
  { outline, segments }: StreamScan,
  { firstDevice, lastDevice }: SegmentScan,
  origin: number,
): Evidence["trace"] {
  const { t, powerW } = outline;
  if (segments.length === 1) return { t, powerW };
  const from = firstAtOrAfter(t, firstDevice);
  const to = Math.max(from, firstAtOrAfter(t, lastDevice, from));
  return { t: t.slice(from, to).map((d) => d - origin), powerW: powerW.subarray(from, to) };
}

/** Edges of the trigger line: those the DAQ stamped itself, and changes of the one bit that rows may carry. */
export function deviceEdges({ rig, stream, edges }: TracedScan): readonly DeviceEdge[] {
  const rowNs = 1e9 / rig.device.rowHz;
  const tickNs = tickNsOf(stream.segments[0], rig.device.clock.hz);
  const line = rig.trigger && `line${rig.trigger.daqLine}`;
  const stamped = edges.flatMap((e) => {
    if (e.stream !== stream.layout.stream) return [];
    if (line !== undefined && e.line !== line) return []; // another input: a button, a second bench
    const device =
      e.index ?? (e.tick === undefined ? undefined : Number(e.tick - (stream.firstTick ?? 0n)));
    const halfNs = e.tick === undefined ? rowNs / 2 : Math.min(tickNs, rowNs / 2);
    return device === undefined ? [] : [{ device, level: e.level, halfNs }];
  });
  return [...stamped, ...stream.triggerEdges.map((e) => ({ ...e, halfNs: rowNs / 2 }))];
}

/** Length of the device's tick, from blocks that carry both counts; 1 s where nobody knows. */
function tickNsOf(segment: SegmentScan | undefined, hz: number): number {
  const [first, last] = [segment?.blockTicks[0], segment?.blockTicks.at(-1)];
  if (!first || !last || last.tick <= first.tick) return 1e9;
  return ((last.device - first.device) / hz / Number(last.tick - first.tick)) * 1e9;
}
