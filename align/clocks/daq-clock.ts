// Evidence → the DAQ's clock, a model for each segment. The best at hand decides: trigger edges that the host
// raised itself, else exchanges of four stamps, else load marks against the power trace, else arrival times,
// else the host's stamp and the rig's declared rate alone.

import {
  type ClockModel,
  type ClockPrior,
  fitLine,
  fixedModel,
  tickHz,
  toSessionNs,
} from "./clock.ts";
import { boundClock, NoSteadyClock } from "./daq-bounds.ts";
import {
  ARRIVAL_U_NS,
  type Evidence,
  evidenceOf,
  leastDelayNs,
  withDelay,
} from "./daq-evidence.ts";
import { edgeList, matchedModel, modelOf } from "./fit-model.ts";
import { type EdgeList, type Match, matchEdges, type MatchOptions } from "./match.ts";
import { powerEdges } from "./power-edges.ts";
import type { TracedScan } from "../scanned.ts";
import { type DaqClock, segmentFrom, steadyClock } from "./segments.ts";
import { upperMedian } from "../../stats/summary.ts";
import { type Observation, observed } from "../../schema/findings.ts";
import { endsOf, neighbours, valueAt } from "../../stats/places.ts";

/** Means over this long show a load's step above the noise; board power settles within a few milliseconds. */
const LONGEST_STRETCH_NS = 20e6;
/** Type B: launch and synchronise latency and the board's response between a load mark and its power edge. */
const LOAD_EDGE_U_NS = 2e6;
/**
 * Type B: what all edges have in common of that, which no scatter shows. The rails of three public captures take
 * 0.3 to 0.6 ms to rise; that a launch takes as long again is assumed.
 */
const COMMON_EDGE_U_NS = 0.5e6;
/** A rate that the rig did not expect is believed if it brings this share of the edges together, no less. */
const MOST_EDGES = 0.9;
/** Rates tried then: a third of 3 %; makers' and users' figures for one device differ by 2.2 % (PMD-USB). */
const STRANGE_RATE_U = 0.01;
/** Stretches whose earliest arrival is taken. */
const ENVELOPE_STRETCHES = 16;
/** Wider brackets say nothing, and reach to where other edges may be: the line stays high for a millisecond. */
export const WIDEST_BRACKET_NS = 0.2e6;
/** Edges follow each other by a millisecond at least (gpio/trigger-pulses.ts); contacts and long wires bounce for less. */
const DEBOUNCE_NS = 0.2e6;
/** A sync edge is stamped within a USB round trip. */
const SYNC_TOLERANCE_NS = 5e6;
/**
 * Segments share a crystal. What a rig declares of its rate is mostly from part to part; from one segment to the
 * next only its temperature and supply differ, by a tenth of that (crystals: 30 to 100 ppm cut, 3 to 10 in a room).
 */
const SHARE_OF_TOLERANCE = 0.1;

/** The clock of each of the stream's segments. */
export function fitDaq(scan: TracedScan): DaqClock {
  const { stream } = scan;
  const evidence = evidenceOf(scan);
  const [{ clock, prior }] = endsOf(evidence);
  if (prior.uRel === 0 && prior.startUNs === 0)
    return steadyClock(fixedModel(clock, prior), stream.firstDevice, stream.lastDevice);
  const broken = evidence.length > 1;
  const alone = evidence.map((e) => ({ e, model: fitSegment(scan, e, broken) }));
  const fitted = broken ? withShared(scan, alone) : alone;
  return {
    clock,
    segments: stream.segments.map(({ firstDevice, lastDevice }, k) => {
      const { e, model } = valueAt(fitted, k);
      return segmentFrom(onStream(model, e), firstDevice, lastDevice);
    }),
  };
}

/** A segment's evidence and what it came to. */
interface Fitted {
  readonly e: Evidence;
  readonly model: ClockModel;
}

/**
 * What one segment knows better than another: the crystal's rate, and how long blocks take to the host, which
 * edges or exchanges tell and arrivals alone do not.
 */
function withShared(scan: TracedScan, alone: readonly Fitted[]): Fitted[] {
  const best = alone.map(({ model }) => model).reduce((a, b) => (b.uRate < a.uRate ? b : a));
  const hz = tickHz(best);
  const delays = alone.flatMap(({ e, model }) => (isTied(model) ? [leastDelayNs(e, model)] : []));
  const delayNs = upperMedian(delays.filter(Number.isFinite));
  return alone.map((own) => {
    const { e, model } = own;
    const { prior } = e;
    const uRel = Math.min(prior.uRel, Math.hypot(best.uRate, SHARE_OF_TOLERANCE * prior.uRel));
    const late = delayNs !== undefined && !isTied(model);
    if (model.uRate <= uRel && !late) return own;
    const shared = { ...e, prior: { ...prior, hz, uRel } };
    const again = fitSegment(scan, late ? withDelay(shared, delayNs) : shared, true);
    // Where its own evidence contradicts the others', it is no longer the same clock.
    return again.findings.length > model.findings.length
      ? own
      : { e, model: { ...again, nominalHz: model.nominalHz } };
  });
}

const isTied = ({ method }: ClockModel): boolean =>
  method === "sync-edges" || method === "exchange";

/** Counted from the stream's first row again. */
function onStream(m: ClockModel, { originDevice }: Evidence): ClockModel {
  if (originDevice === 0) return m;
  const wander = m.wander && { ...m.wander, device: m.wander.device.map((d) => d + originDevice) };
  // Only the stream's start has a stamp that says when it should have begun.
  return { ...m, refDevice: m.refDevice + originDevice, wander, startDelayNs: null };
}

/** @param broken one of several segments: pairings that are in doubt are not used, other evidence is there. */
function fitSegment(scan: TracedScan, e: Evidence, broken: boolean): ClockModel {
  const { clock, prior } = e;
  // Coarse evidence first: it says where to look for the edges that then fix the clock.
  const coarse = byExchange(e) ?? byArrival(e);
  const near = coarse ? { ...e, prior: narrowed(prior, coarse) } : e;
  const refused: Observation[] = [];
  const synced = bySyncEdges(scan, near, broken, (why) => refused.push(why));
  if (synced) return synced;
  const other =
    (coarse?.method === "exchange"
      ? coarse
      : byLoadEdges(scan, near, broken, coarse === undefined)) ??
    coarse ??
    fixedModel(clock, prior, [BY_STAMP]);
  if (refused.length === 0 && unmatched(scan, e)) refused.push(broken ? UNCERTAIN : UNMATCHED);
  return { ...other, findings: [...other.findings, ...refused] };
}

const BY_STAMP = observed(
  "clock-by-stamp",
  "no edge ties the DAQ's clock to the host's: its offset rests on the host's stamp alone",
);

const UNMATCHED = observed(
  "edges-unmatched",
  "trigger edges and sync marks are both there, but no offset brings them together: the line or the rig's stream_start is wrong",
);
const UNCERTAIN = observed(
  "edges-uncertain",
  "its trigger edges fit the sync marks at no offset, or at several: they are left out",
);

const unmatched = (scan: TracedScan, e: Evidence): boolean =>
  scan.syncMarks.length > 1 && e.edges.length > 1;

/** The rig's rate, and a start known as well as the coarse model knows it. */
function narrowed(prior: ClockPrior, coarse: ClockModel): ClockPrior {
  return { ...prior, startNs: toSessionNs(coarse, 0), startUNs: 3 * coarse.uOffsetNs + 1e6 };
}

/**
 * Trigger edges that the host raised itself: marks named `sync` bracket each.
 * @param refuse told why edges that fit their marks are left out even so.
 */
function bySyncEdges(
  scan: TracedScan,
  e: Evidence,
  broken: boolean,
  refuse: (why: Observation) => void,
): ClockModel | undefined {
  const sync = scan.syncMarks;
  const { clock, prior, edges: seen } = e;
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
  const match = matchEdges(reference, device, prior, {
    offsetRangeNs: 3 * prior.startUNs,
    edgeUNs: e.rowNs / Math.sqrt(12),
    toleranceNs: SYNC_TOLERANCE_NS,
    observed: e.observed,
  });
  if (!match || (broken && match.ambiguous)) return undefined;
  // Where within its bracket an edge falls may be the same for all: the typical half does not average away.
  const systematicNs = (upperMedian(halves) ?? 0) / Math.sqrt(3);
  const model = matchedModel({ clock, method: "sync-edges", prior }, match, systematicNs);
  const bracketed = match.pairs.map(({ referenceIndex, deviceIndex }) => {
    const { device: at, halfNs } = valueAt(edges, deviceIndex);
    const { t: hostNs, halfNs: hostHalfNs } = valueAt(stamped, referenceIndex);
    return { device: at, deviceHalfNs: halfNs, hostNs, hostHalfNs };
  });
  const edgesBounced = seen.length - edges.length;
  const edgesExtra = model.edgesExtra + edgesBounced;
  try {
    return { ...model, edgesBounced, edgesExtra, bounds: boundClock(model, bracketed) };
  } catch (error) {
    if (!(error instanceof NoSteadyClock)) throw error;
    refuse(observed("edges-contradict", `${error.message}; its trigger edges are left out`));
    return undefined;
  }
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
  const near = (a: E | undefined, b: E | undefined): boolean =>
    a !== undefined && b !== undefined && b.device - a.device < least;
  return sorted.filter((e, i) => !near(sorted[i - 1], e) && !near(e, sorted[i + 1]));
}

/** Exchanges of stamps with the device. */
function byExchange({ exchanges: pairs, clock, prior }: Evidence): ClockModel | undefined {
  if (pairs.length === 0) return undefined;
  const asymmetryNs = pairs.reduce((least, p) => Math.min(least, p.uNs), Infinity);
  const fit = fitLine(pairs, prior);
  return modelOf({ clock, method: "exchange", prior }, { pairs, fit }, asymmetryNs);
}

/**
 * A block cannot arrive before its last row was sampled, and now and then it arrives at once: the earliest
 * arrivals of each stretch (the lower envelope) carry the clock, all others only their delay.
 */
function byArrival({ arrivals, clock, prior, delayNs }: Evidence): ClockModel | undefined {
  if (arrivals.length < 4 * ENVELOPE_STRETCHES) return undefined;
  const ns = 1e9 / prior.hz;
  const lateNs = (a: Evidence["arrivals"][number]): number => a.sessionNs - a.device * ns;
  const size = Math.floor(arrivals.length / ENVELOPE_STRETCHES);
  const pairs = Array.from({ length: ENVELOPE_STRETCHES }, (_, k) => {
    const stretch = arrivals.slice(k * size, (k + 1) * size);
    const best = stretch.reduce((a, b) => (lateNs(b) < lateNs(a) ? b : a));
    return { device: best.device, sessionNs: best.sessionNs, uNs: ARRIVAL_U_NS };
  });
  // The shortest delay is unknown, and as large as the device's buffers: what the rig says of its start.
  const systematicNs = Math.max(ARRIVAL_U_NS, prior.startUNs);
  const lag =
    delayNs === null
      ? "and lags by the shortest delay"
      : `less the shortest delay of another segment (${(delayNs / 1e6).toFixed(3)} ms)`;
  const told = observed(
    "clock-by-arrival",
    `no edge or exchange ties the DAQ's clock to the host's: it rests on when blocks arrived, ${lag}`,
  );
  const fitted = { pairs, fit: fitLine(pairs, prior), findings: [told] };
  return modelOf({ clock, method: "arrival", prior }, fitted, systematicNs);
}

/** Load marks against the power trace's own steps. @param last no better evidence is left if they do not match. */
function byLoadEdges(
  scan: TracedScan,
  e: Evidence,
  broken: boolean,
  last: boolean,
): ClockModel | undefined {
  const { marks } = scan;
  const { clock, prior } = e;
  const name = marks.names.find("load");
  const load = [...marks.on("host")].filter((i) => marks.name(i) === name);
  if (load.length === 0) return undefined;
  const reference = edgeList(load.map((i) => [marks.tNs(i), marks.phase(i) === "begin" ? 1 : -1]));
  const shortest = shortestStep(reference.t);
  const stretchNs = Math.min(LONGEST_STRETCH_NS, shortest / 3);
  const { t, powerW } = e.trace;
  const edges = powerEdges(t, powerW, (stretchNs / 1e9) * prior.hz);
  const cellNs = e.rowNs * scan.stream.outline.rowsPerCell;
  const match = (broken ? matchEdges : matchAnyRate)(reference, edges, prior, {
    offsetRangeNs: 3 * prior.startUNs,
    edgeUNs: Math.hypot(LOAD_EDGE_U_NS, cellNs / Math.sqrt(12)),
    toleranceNs: stretchNs,
    observed: e.observed,
  });
  if (broken && match?.ambiguous) return undefined;
  if (match) {
    const systematicNs = Math.hypot(COMMON_EDGE_U_NS, polarityLag(match, edges));
    return matchedModel({ clock, method: "load-edges", prior }, match, systematicNs);
  }
  return last && !broken && edges.t.length > 1
    ? fixedModel(clock, prior, [UNMATCHED_LOAD])
    : undefined;
}

const UNMATCHED_LOAD = observed(
  "load-unmatched",
  "the load's marks and the steps of the power come together at no rate and start that the rig allows: device.clock or stream_start of the rig is wrong, or the marks are another recording's; it rests on the host's stamp alone",
);

/** At a rate that the rig allows, if that brings the edges together; else at one beyond it that does. */
function matchAnyRate(
  reference: EdgeList,
  edges: EdgeList,
  prior: ClockPrior,
  o: MatchOptions,
): Match | undefined {
  const near = matchEdges(reference, edges, prior, o);
  const most = MOST_EDGES * Math.min(reference.t.length, edges.t.length);
  // Two edges fit any rate; three that agree do not.
  if ((near && near.pairs.length >= most) || most < 3) return near;
  const far = matchEdges(reference, edges, prior, { ...o, rateURel: STRANGE_RATE_U });
  return far && far.pairs.length >= most ? far : near;
}

/**
 * Load marks are not power edges: the host stamps before a launch and after a synchronise, the rails
 * follow later. That lag does not average away. Where it differs between on and off edges it shows as
 * half their distance; of its common part, see COMMON_EDGE_U_NS.
 */
function polarityLag(match: Match, edges: EdgeList): number {
  const sums = { on: 0, off: 0, nOn: 0, nOff: 0 };
  for (const p of match.pairs) {
    const r =
      p.sessionNs - match.fit.refNs - (p.device - match.fit.refDevice) * match.fit.nsPerUnit;
    if (edges.polarity[p.deviceIndex] === 1) {
      sums.on += r;
      sums.nOn++;
    } else {
      sums.off += r;
      sums.nOff++;
    }
  }
  if (sums.nOn === 0 || sums.nOff === 0) return match.fit.residualRmsNs;
  return Math.abs(sums.on / sums.nOn - sums.off / sums.nOff) / 2;
}

function shortestStep(t: Float64Array): number {
  let shortest = Infinity;
  for (const [before, own] of neighbours(t)) shortest = Math.min(shortest, own - before);
  return Number.isFinite(shortest) && shortest > 0 ? shortest : 60e6;
}
