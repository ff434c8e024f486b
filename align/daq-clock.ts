// A scan → the DAQ's clock model. The best evidence at hand decides: trigger edges that the host raised
// itself, else exchanges of four stamps, else load marks against the power trace, else arrival times,
// else the host's stamp and the rig's declared rate alone.

import type { Mark } from "../schema/records.ts";
import { toSession } from "../schema/session.ts";
import { type ClockModel, type ClockPrior, fitLine, fixedModel, toSessionNs } from "./clock.ts";
import { boundClock } from "./daq-bounds.ts";
import { edgeList, matchedModel, modelOf } from "./fit-model.ts";
import { type EdgeList, type Match, matchEdges } from "./match.ts";
import { powerEdges } from "./power-edges.ts";
import type { Scan, StreamScan } from "./scan.ts";

/** Means over this long show a load's step above the noise; board power settles within a few milliseconds. */
const LONGEST_STRETCH_NS = 20e6;
/** Type B: launch and synchronise latency and the board's response between a load mark and its power edge. */
const LOAD_EDGE_U_NS = 2e6;
/** Stretches whose earliest arrival is taken, and type B: a USB frame and a scheduler's wake-up. */
const ENVELOPE_STRETCHES = 16;
const ARRIVAL_U_NS = 1e6;
/** Wider brackets say nothing, and reach to where other edges may be: the line stays high for a millisecond. */
export const WIDEST_BRACKET_NS = 0.2e6;
/** Edges follow each other by a millisecond at least (gpio/trigger-pulses.ts); contacts and long wires bounce for less. */
const DEBOUNCE_NS = 0.2e6;
/** A sync edge is stamped within a USB round trip. */
const SYNC_TOLERANCE_NS = 5e6;

/** The rig's declared clock and the host's stamp of the stream's start. */
function daqPrior(scan: Scan, stream: StreamScan): ClockPrior {
  const { hz, uRel, startU } = scan.rig!.device.clock;
  if (startU === 0 && stream.firstTick !== null) {
    // The device counts on the host's clock: its first tick says where it starts.
    const startNs = Number(stream.firstTick - scan.session.hostEpoch);
    return { hz, uRel: 0, startNs, startUNs: 0 };
  }
  // Otherwise the trace itself is the session's clock, from its first row.
  if (scan.session.hostClock === "trace") return { hz, uRel: 0, startNs: 0, startUNs: 0 };
  const stamp = stream.startStamp;
  const startNs = (stamp?.ns ?? 0) - (stream.firstDevice / hz) * 1e9;
  return { hz, uRel, startNs, startUNs: Math.max(startU * 1e9, stamp?.halfNs ?? 0) };
}

export function fitDaq(scan: Scan, stream: StreamScan): ClockModel {
  const clock = `daq:${stream.layout.stream}`;
  const prior = daqPrior(scan, stream);
  if (prior.uRel === 0 && prior.startUNs === 0) return fixedModel(clock, prior);
  // Coarse evidence first: it says where to look for the edges that then fix the clock.
  const coarse = byExchange(scan, stream, clock, prior) ?? byArrival(scan, stream, clock, prior);
  const near = coarse ? narrowed(prior, coarse) : prior;
  const synced = bySyncEdges(scan, stream, clock, near);
  if (synced) return synced;
  const other =
    (coarse?.method === "exchange" ? coarse : byLoadEdges(scan, stream, clock, near)) ??
    coarse ??
    fixedModel(clock, prior, [
      "no edge ties the DAQ's clock to the host's: its offset rests on the host's stamp alone",
    ]);
  return unmatched(scan, stream) ? { ...other, warnings: [...other.warnings, UNMATCHED] } : other;
}

const UNMATCHED =
  "trigger edges and sync marks are both there, but no offset brings them together: the line or the rig's stream_start is wrong";

const syncMarks = (scan: Scan): Mark[] =>
  scan.marks.filter((m) => m.clock === "host" && m.name === "sync");

const unmatched = (scan: Scan, stream: StreamScan): boolean =>
  syncMarks(scan).length > 1 && deviceEdges(scan, stream).length > 1;

/** The rig's rate, and a start known as well as the coarse model knows it. */
function narrowed(prior: ClockPrior, coarse: ClockModel): ClockPrior {
  return { ...prior, startNs: toSessionNs(coarse, 0), startUNs: 3 * coarse.uOffsetNs + 1e6 };
}

/** Trigger edges that the host raised itself: marks named `sync` bracket each. */
function bySyncEdges(
  scan: Scan,
  stream: StreamScan,
  clock: string,
  prior: ClockPrior,
): ClockModel | undefined {
  const sync = syncMarks(scan);
  const seen = deviceEdges(scan, stream);
  if (sync.length === 0 || seen.length === 0) return undefined;
  const epoch = scan.session.hostEpoch;
  const stamped = sync
    .map((m) => ({
      t: Number(m.t - epoch),
      polarity: m.phase === "begin" ? 1 : m.phase === "end" ? -1 : 0,
      halfNs: Number(m.fields?.["half_ns"] ?? 0),
    }))
    .filter((m) => m.halfNs < WIDEST_BRACKET_NS)
    .sort((a, b) => a.t - b.t);
  const halves = Float64Array.from(stamped, (m) => m.halfNs);
  const reference = { ...edgeList(stamped.map((m) => [m.t, m.polarity])), halfNs: halves };
  const edges = debounced(seen, prior.hz);
  const device = edgeList(edges.map((e) => [e.device, e.level === 1 ? 1 : e.level === 0 ? -1 : 0]));
  const rowNs = 1e9 / scan.rig!.device.rowHz;
  const match = matchEdges(reference, device, prior, {
    offsetRangeNs: 3 * prior.startUNs,
    edgeUNs: rowNs / Math.sqrt(12),
    toleranceNs: SYNC_TOLERANCE_NS,
    observed: [stream.firstDevice, stream.lastDevice],
  });
  if (!match) return undefined;
  // Where within its bracket an edge falls may be the same for all: the typical half does not average away.
  const systematicNs = median([...halves]) / Math.sqrt(3);
  const model = matchedModel(clock, "sync-edges", prior, match, systematicNs);
  const bracketed = match.referenceIndex.map((j, k) => {
    const { device: at, halfNs } = edges[match.deviceIndex[k]!]!;
    return { device: at, deviceHalfNs: halfNs, hostNs: reference.t[j]!, hostHalfNs: halves[j]! };
  });
  const edgesBounced = seen.length - edges.length;
  return {
    ...model,
    edgesBounced,
    edgesExtra: model.edgesExtra + edgesBounced,
    bounds: boundClock(model, bracketed, stream.restarts),
  };
}

/**
 * Only edges that stand alone: of a bunch nobody can tell which was the right one, whether a line bounced after
 * it, a stray pulse met it, or it was lost and its bounce was not.
 */
export function debounced<E extends { readonly device: number }>(
  edges: readonly E[],
  hz: number,
): E[] {
  const sorted = [...edges].sort((a, b) => a.device - b.device);
  const least = (DEBOUNCE_NS / 1e9) * hz;
  const near = (i: number): boolean =>
    i > 0 && i < sorted.length && sorted[i]!.device - sorted[i - 1]!.device < least;
  return sorted.filter((_, i) => !near(i) && !near(i + 1));
}

/**
 * Four stamps an exchange: the device's middle lies between the host's two, uniformly for all we know.
 * The shorter the round trip, the more it weighs.
 */
function byExchange(
  scan: Scan,
  stream: StreamScan,
  clock: string,
  prior: ClockPrior,
): ClockModel | undefined {
  const device = tickToDevice(stream);
  const all = scan.exchanges.filter((e) => e.stream === stream.layout.stream);
  if (!device || all.length < 2) return undefined;
  const pairs = all.map((e) => {
    const [sent, received] = [toSession(scan.session, e.sent), toSession(scan.session, e.received)];
    const inside = device(e.deviceSent) - device(e.deviceReceived);
    const roundTripNs = received - sent - (inside / prior.hz) * 1e9;
    return {
      device: (device(e.deviceReceived) + device(e.deviceSent)) / 2,
      sessionNs: (sent + received) / 2,
      uNs: Math.max(1e3, roundTripNs / Math.sqrt(12)),
    };
  });
  const asymmetryNs = Math.min(...pairs.map((p) => p.uNs));
  return modelOf(clock, "exchange", prior, pairs, fitLine(pairs, prior), asymmetryNs);
}

/** Device ticks → rows, by the blocks that carry both; exact, as rows are paced by the same clock. */
function tickToDevice(stream: StreamScan): ((tick: bigint) => number) | undefined {
  const [first, last] = [stream.blockTicks[0], stream.blockTicks[stream.blockTicks.length - 1]];
  if (!first || !last || last.tick <= first.tick) return undefined;
  const perTick = (last.device - first.device) / Number(last.tick - first.tick);
  return (tick) => first.device + Number(tick - first.tick) * perTick;
}

/**
 * A block cannot arrive before its last row was sampled, and now and then it arrives at once: the earliest
 * arrivals of each stretch (the lower envelope) carry the clock, all others only their delay.
 */
function byArrival(
  scan: Scan,
  stream: StreamScan,
  clock: string,
  prior: ClockPrior,
): ClockModel | undefined {
  const { arrivals } = stream;
  if (arrivals.length < 4 * ENVELOPE_STRETCHES) return undefined;
  const ns = 1e9 / prior.hz;
  const late = arrivals.map((a) => a.sessionNs - a.device * ns);
  const size = Math.floor(arrivals.length / ENVELOPE_STRETCHES);
  const pairs = Array.from({ length: ENVELOPE_STRETCHES }, (_, k) => {
    let best = k * size;
    for (let i = best; i < (k + 1) * size; i++) if (late[i]! < late[best]!) best = i;
    return {
      device: arrivals[best]!.device,
      sessionNs: arrivals[best]!.sessionNs,
      uNs: ARRIVAL_U_NS,
    };
  });
  // The shortest delay is unknown, and as large as the device's buffers: what the rig says of its start.
  const systematicNs = Math.max(ARRIVAL_U_NS, prior.startUNs);
  return modelOf(clock, "arrival", prior, pairs, fitLine(pairs, prior), systematicNs, [
    "no edge or exchange ties the DAQ's clock to the host's: it rests on when blocks arrived, and lags by the shortest delay",
  ]);
}

/** Load marks against the power trace's own steps. */
function byLoadEdges(
  scan: Scan,
  stream: StreamScan,
  clock: string,
  prior: ClockPrior,
): ClockModel | undefined {
  const epoch = scan.session.hostEpoch;
  const load = scan.marks.filter(
    (m) => m.clock === "host" && m.name === "load" && m.phase !== "instant",
  );
  if (load.length === 0) return undefined;
  const reference = edgeList(load.map((m) => [Number(m.t - epoch), m.phase === "begin" ? 1 : -1]));
  const shortest = shortestStep(reference.t);
  const stretchNs = Math.min(LONGEST_STRETCH_NS, shortest / 3);
  const { t, powerW } = stream.outline;
  const edges = powerEdges(t, powerW, (stretchNs / 1e9) * prior.hz);
  const rowNs = (1e9 / scan.rig!.device.rowHz) * stream.outline.rowsPerCell;
  const match = matchEdges(reference, edges, prior, {
    offsetRangeNs: 3 * prior.startUNs,
    edgeUNs: Math.hypot(LOAD_EDGE_U_NS, rowNs / Math.sqrt(12)),
    toleranceNs: stretchNs,
    observed: [stream.firstDevice, stream.lastDevice],
  });
  return match && matchedModel(clock, "load-edges", prior, match, polarityLag(match, edges));
}

/**
 * Load marks are not power edges: the host stamps before a launch and after a synchronise, the rails
 * follow later. That lag does not average away. Where it differs between on and off edges it shows as
 * half their distance; its common part does not show, and is taken to be as large.
 */
function polarityLag(match: Match, edges: EdgeList): number {
  const sums = { on: 0, off: 0, nOn: 0, nOff: 0 };
  match.pairs.forEach((p, k) => {
    const r =
      p.sessionNs - match.fit.refNs - (p.device - match.fit.refDevice) * match.fit.nsPerUnit;
    if (edges.polarity[match.deviceIndex[k]!] === 1) {
      sums.on += r;
      sums.nOn++;
    } else {
      sums.off += r;
      sums.nOff++;
    }
  });
  if (sums.nOn === 0 || sums.nOff === 0) return match.fit.residualRmsNs;
  return Math.abs(sums.on / sums.nOn - sums.off / sums.nOff) / 2;
}

function shortestStep(t: Float64Array): number {
  let shortest = Infinity;
  for (let i = 1; i < t.length; i++) shortest = Math.min(shortest, t[i]! - t[i - 1]!);
  return Number.isFinite(shortest) && shortest > 0 ? shortest : 60e6;
}

/** `device` lies within ± `halfNs`. */
export interface DeviceEdge {
  readonly device: number;
  readonly level: 0 | 1 | null;
  readonly halfNs: number;
}

/** Edges of the trigger line: those the DAQ stamped itself, and changes of the one bit that rows may carry. */
export function deviceEdges(scan: Scan, stream: StreamScan): readonly DeviceEdge[] {
  const rowNs = 1e9 / scan.rig!.device.rowHz;
  const tickNs = tickNsOf(stream, scan.rig!.device.clock.hz);
  const trigger = scan.rig?.trigger;
  const line = trigger && `line${trigger.daqLine}`;
  const stamped = scan.edges.flatMap((e) => {
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
function tickNsOf({ blockTicks }: StreamScan, hz: number): number {
  const [first, last] = [blockTicks[0], blockTicks[blockTicks.length - 1]];
  if (!first || !last || last.tick <= first.tick) return 1e9;
  return ((last.device - first.device) / hz / Number(last.tick - first.tick)) * 1e9;
}

function median(x: number[]): number {
  if (x.length === 0) return 0;
  const s = [...x].sort((a, b) => a - b);
  return s[s.length >> 1]!;
}
