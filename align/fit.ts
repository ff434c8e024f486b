// A scan → the session's clocks: one model for the DAQ, one for every named clock that marks came on.
// The best evidence at hand decides: hardware sync edges, else load marks against power edges, else the
// host's stamps and the rig's declared rate. What each contributed is kept with the model.

import { inputError } from "../schema/errors.ts";
import type { Mark } from "../schema/records.ts";
import type { SessionNs } from "../schema/time.ts";
import {
  type ClockModel,
  type ClockPrior,
  fixedModel,
  type LineFit,
  toSessionNs,
} from "./clock.ts";
import { type EdgeList, type Match, matchEdges, type Polarity } from "./match.ts";
import { powerEdges } from "./power-edges.ts";
import type { Scan, StreamScan } from "./scan.ts";

/** A mark on the session clock. `fromEdge`: its time is that of the hardware edge it was matched to. */
export interface ResolvedMark {
  readonly mark: Mark;
  readonly tNs: SessionNs;
  readonly uNs: number;
  readonly fromEdge: boolean;
}

export interface SessionClocks {
  readonly daq: ClockModel | null;
  /** Named clocks other than host and DAQ, each against the session. */
  readonly named: ReadonlyMap<string, ClockModel>;
  readonly marks: readonly ResolvedMark[];
  /** Hardware edges on the session clock, ascending. */
  readonly edgesNs: readonly SessionNs[];
  /** Named clocks whose marks lack an edge, or edges nobody claims inside the marked span: windows are suspect. */
  readonly incomplete: boolean;
}

/** Crystal oscillators are within 100 ppm; RC-timed boards in the field are off by 1,200 ppm (the
 * three-clock captures of MLPerf Tiny). An undeclared clock is taken as good to 0.2 %. */
const UNDECLARED_U_RATE = 2e-3;
/** A log line's stamp scatters by milliseconds; votes are counted in bins of this. */
const LOG_TOLERANCE_NS = 60e6;
/** Means over this long show a load's step above the noise; board power settles within a few milliseconds. */
const LONGEST_STRETCH_NS = 20e6;
/** Type B: launch and synchronise latency and the board's response between a load mark and its power edge. */
const LOAD_EDGE_U_NS = 2e6;
/** A sync edge is stamped within a USB round trip. */
const SYNC_TOLERANCE_NS = 5e6;

export function fitClocks(scan: Scan): SessionClocks {
  const daq = scan.stream && scan.rig ? fitDaq(scan, scan.stream) : null;
  const edgesNs = edgesOnSession(scan, daq).sort((a, b) => a - b);
  const named = new Map<string, ClockModel>();
  const marks: ResolvedMark[] = [];
  let incomplete = false;
  for (const [clock, group] of byClock(scan.marks)) {
    if (clock === "host") {
      const epoch = scan.session.hostEpoch;
      for (const mark of group)
        marks.push({ mark, tNs: Number(mark.t - epoch), uNs: 0, fromEdge: false });
      continue;
    }
    const fitted = fitNamed(clock, group, edgesNs);
    if (!fitted) continue;
    named.set(clock, fitted.model);
    marks.push(...fitted.marks);
    incomplete ||= fitted.incomplete;
  }
  marks.sort((a, b) => a.tNs - b.tNs);
  return { daq, named, marks, edgesNs, incomplete };
}

function byClock(marks: readonly Mark[]): Map<string, Mark[]> {
  const groups = new Map<string, Mark[]>();
  for (const m of marks) {
    const g = groups.get(m.clock);
    if (g) g.push(m);
    else groups.set(m.clock, [m]);
  }
  return groups;
}

/** The rig's declared clock and the host's stamp of the stream's start. */
function daqPrior(scan: Scan, stream: StreamScan): ClockPrior {
  const { hz, uRel, startU } = scan.rig!.device.clock;
  if (scan.session.hostClock === "trace") return { hz, uRel: 0, startNs: 0, startUNs: 0 };
  if (startU === 0 && stream.firstTick !== null) {
    // The device counts on the host's clock: its first tick says where it starts.
    const startNs = Number(stream.firstTick - scan.session.hostEpoch);
    return { hz, uRel: 0, startNs, startUNs: 0 };
  }
  const stamp = stream.startStamp;
  const startNs = (stamp?.ns ?? 0) - (stream.firstDevice / hz) * 1e9;
  return { hz, uRel, startNs, startUNs: Math.max(startU * 1e9, stamp?.halfNs ?? 0) };
}

function fitDaq(scan: Scan, stream: StreamScan): ClockModel {
  const clock = `daq:${stream.layout.stream}`;
  const prior = daqPrior(scan, stream);
  if (prior.uRel === 0 && prior.startUNs === 0) return fixedModel(clock, prior);
  return (
    bySyncEdges(scan, stream, clock, prior) ??
    byLoadEdges(scan, stream, clock, prior) ??
    fixedModel(clock, prior, [
      "no edge ties the DAQ's clock to the host's: its offset rests on the host's stamp alone",
    ])
  );
}

/** Trigger edges that the host raised itself: marks named `sync` bracket each. */
function bySyncEdges(
  scan: Scan,
  stream: StreamScan,
  clock: string,
  prior: ClockPrior,
): ClockModel | undefined {
  const sync = scan.marks.filter((m) => m.clock === "host" && m.name === "sync");
  const seen = deviceEdges(scan, stream);
  if (sync.length === 0 || seen.length === 0) return undefined;
  const epoch = scan.session.hostEpoch;
  const reference = list(
    sync.map((m) => [Number(m.t - epoch), m.phase === "begin" ? 1 : m.phase === "end" ? -1 : 0]),
  );
  const device = list(seen.map((e) => [e.device, e.level === 1 ? 1 : e.level === 0 ? -1 : 0]));
  const half = median(sync.map((m) => Number(m.fields?.["half_ns"] ?? 0)));
  const rowNs = 1e9 / scan.rig!.device.rowHz;
  const match = matchEdges(reference, device, prior, {
    offsetRangeNs: 3 * prior.startUNs,
    edgeUNs: Math.hypot(half / Math.sqrt(3), rowNs / Math.sqrt(12)),
    toleranceNs: SYNC_TOLERANCE_NS,
  });
  return match && model(clock, "sync-edges", prior, match, half / Math.sqrt(3));
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
  const reference = list(load.map((m) => [Number(m.t - epoch), m.phase === "begin" ? 1 : -1]));
  const shortest = shortestStep(reference.t);
  const stretchNs = Math.min(LONGEST_STRETCH_NS, shortest / 3);
  const { t, powerW } = stream.outline;
  const edges = powerEdges(t, powerW, (stretchNs / 1e9) * prior.hz);
  const rowNs = (1e9 / scan.rig!.device.rowHz) * stream.outline.rowsPerCell;
  const match = matchEdges(reference, edges, prior, {
    offsetRangeNs: 3 * prior.startUNs,
    edgeUNs: Math.hypot(LOAD_EDGE_U_NS, rowNs / Math.sqrt(12)),
    toleranceNs: stretchNs,
  });
  return match && model(clock, "load-edges", prior, match, polarityLag(match, edges));
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

function model(
  clock: string,
  method: ClockModel["method"],
  prior: ClockPrior,
  match: Match,
  systematicNs: number,
): ClockModel {
  const f: LineFit = match.fit;
  const base = fixedModel(clock, prior);
  const fitted = { ...base, ...f, uOffsetNs: Math.hypot(f.uOffsetNs, systematicNs) };
  const residuals = match.pairs.map((p) => ({
    tNs: p.sessionNs,
    residualNs: p.sessionNs - toSessionNs(fitted, p.device),
  }));
  return {
    ...fitted,
    method,
    residuals,
    edgesUsed: match.pairs.length,
    edgesMissing: match.missing,
    edgesExtra: match.extra,
    startDelayNs: Number.isFinite(prior.startUNs) ? toSessionNs(fitted, 0) - prior.startNs : null,
    warnings: match.warnings,
  };
}

/** Edges the DAQ stamped itself, and changes of the trigger bit between its rows. */
function deviceEdges(
  scan: Scan,
  stream: StreamScan,
): readonly { readonly device: number; readonly level: 0 | 1 | null }[] {
  const stamped = scan.edges.flatMap((e) => {
    if (e.stream !== stream.layout.stream) return [];
    const device =
      e.index ?? (e.tick === undefined ? undefined : Number(e.tick - (stream.firstTick ?? 0n)));
    return device === undefined ? [] : [{ device, level: e.level }];
  });
  return [...stamped, ...stream.triggerEdges];
}

/** All hardware edges on the session clock. */
function edgesOnSession(scan: Scan, daq: ClockModel | null): SessionNs[] {
  const dated = scan.edges.flatMap((e) => (e.seconds === undefined ? [] : [e.seconds * 1e9]));
  if (!daq || !scan.stream) return dated;
  return [...dated, ...deviceEdges(scan, scan.stream).map((e) => toSessionNs(daq, e.device))];
}

/** Marks on a clock of their own, matched to the hardware edges they mirror. */
function fitNamed(
  clock: string,
  marks: readonly Mark[],
  edgesNs: readonly SessionNs[],
): { model: ClockModel; marks: ResolvedMark[]; incomplete: boolean } | undefined {
  const sorted = [...marks].sort((a, b) => (a.t < b.t ? -1 : a.t > b.t ? 1 : 0));
  const first = sorted[0]!.t;
  const device = list(sorted.map((m) => [Number(m.t - first), 0]));
  const reference = list(edgesNs.map((t) => [t, 0]));
  const prior = { hz: 1e9, uRel: UNDECLARED_U_RATE, startNs: 0, startUNs: Infinity };
  const match = matchEdges(reference, device, prior, {
    offsetRangeNs: Infinity,
    edgeUNs: 0.5e6 / Math.sqrt(3),
    toleranceNs: LOG_TOLERANCE_NS,
  });
  if (!match) return undefined;
  const fitted = model(clock, "marks", prior, match, 0);
  const edgeOf = new Map(match.deviceIndex.map((i, k) => [i, match.referenceIndex[k]!]));
  const unclaimed = marks.length - match.pairs.length;
  const span = [match.referenceIndex[0]!, match.referenceIndex[match.referenceIndex.length - 1]!];
  const inside = span[1]! - span[0]! + 1 - match.pairs.length;
  return {
    // Here the marks are the list with identities: an edge that a mark lacks is missing, the rest is extra.
    model: { ...fitted, edgesMissing: unclaimed, edgesExtra: edgesNs.length - match.pairs.length },
    marks: sorted.map((mark, i) => {
      const edge = edgeOf.get(i);
      const mapped = toSessionNs(fitted, Number(mark.t - first));
      return edge === undefined
        ? { mark, tNs: mapped, uNs: fitted.residualRmsNs, fromEdge: false }
        : { mark, tNs: edgesNs[edge]!, uNs: 0, fromEdge: true };
    }),
    incomplete: unclaimed > 0 || inside > 0,
  };
}

function list(rows: (readonly [number, number])[]): EdgeList {
  const sorted = [...rows].sort((a, b) => a[0] - b[0]);
  return {
    t: Float64Array.from(sorted, (r) => r[0]),
    polarity: Int8Array.from(sorted, (r) => r[1] as Polarity),
  };
}

function median(x: number[]): number {
  if (x.length === 0) return 0;
  const s = [...x].sort((a, b) => a - b);
  return s[s.length >> 1]!;
}

/** @throws InputError when the run has no DAQ stream but a caller needs one. */
export function requireStream(scan: Scan): StreamScan {
  if (scan.stream) return scan.stream;
  throw inputError("this run holds no physical trace", scan.path, "a DAQ stream and its rig");
}
