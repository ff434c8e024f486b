// A scan → the session's clocks: the DAQ's, one model for every named clock that marks came on, and
// every mark on the session clock, at its hardware edge where it has one.

import type { Mark } from "../schema/records.ts";
import type { SessionNs } from "../schema/time.ts";
import { type ClockModel, toSessionNs } from "./clock.ts";
import { type KernelTimes, kernelTimes } from "./cuda-times.ts";
import { fitDaq } from "./daq-clock.ts";
import { deviceEdges } from "./daq-evidence.ts";
import { edgeList, matchedModel } from "./fit-model.ts";
import { matchEdges } from "./match.ts";
import type { Scan } from "./scan.ts";
import { type DaqClock, placeNs } from "./segments.ts";

/** A mark on the session clock. `fromEdge`: its time is that of the hardware edge it was matched to. */
export interface ResolvedMark {
  readonly mark: Mark;
  readonly tNs: SessionNs;
  readonly uNs: number;
  readonly fromEdge: boolean;
}

export interface SessionClocks {
  readonly daq: DaqClock | null;
  /** Named clocks other than host and DAQ, each against the session. */
  readonly named: ReadonlyMap<string, ClockModel>;
  readonly marks: readonly ResolvedMark[];
  /** Kernels of CUDA programs; undefined where none were recorded. */
  readonly kernels: KernelTimes | undefined;
  /** Hardware edges on the session clock, ascending. */
  readonly edgesNs: readonly SessionNs[];
  /** Named clocks with a mark that lacks an edge, or an edge inside the marked span that no mark claims. */
  readonly incomplete: ReadonlySet<string>;
}

/** Crystal oscillators are within 100 ppm; RC-timed boards in the field are off by 1,200 ppm (the
 * three-clock captures of MLPerf Tiny). An undeclared clock is taken as good to 0.2 %. */
const UNDECLARED_U_RATE = 2e-3;
/** A log line's stamp scatters by milliseconds; votes are counted in bins of this. */
const LOG_TOLERANCE_NS = 60e6;
export function fitClocks(scan: Scan): SessionClocks {
  const daq = scan.stream && scan.rig ? fitDaq(scan, scan.stream) : null;
  const edgesNs = edgesOnSession(scan, daq).sort((a, b) => a - b);
  const named = new Map<string, ClockModel>();
  const marks: ResolvedMark[] = [];
  const incomplete = new Set<string>();
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
    if (fitted.incomplete) incomplete.add(clock);
  }
  marks.sort((a, b) => a.tNs - b.tNs);
  const kernels = kernelTimes(scan.kernels, scan.exchanges, scan.session);
  return { daq, named, marks, kernels, edgesNs, incomplete };
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

/** All hardware edges on the session clock. */
function edgesOnSession(scan: Scan, daq: DaqClock | null): SessionNs[] {
  const dated = scan.edges.flatMap((e) => (e.seconds === undefined ? [] : [e.seconds * 1e9]));
  if (!daq || !scan.stream) return dated;
  return [...dated, ...deviceEdges(scan, scan.stream).map((e) => placeNs(daq, e.device))];
}

/** Marks on a clock of their own, matched to the hardware edges they mirror. */
function fitNamed(
  clock: string,
  marks: readonly Mark[],
  edgesNs: readonly SessionNs[],
): { model: ClockModel; marks: ResolvedMark[]; incomplete: boolean } | undefined {
  const sorted = [...marks].sort((a, b) => (a.t < b.t ? -1 : a.t > b.t ? 1 : 0));
  const first = sorted[0]!.t;
  const device = edgeList(sorted.map((m) => [Number(m.t - first), 0]));
  const reference = edgeList(edgesNs.map((t) => [t, 0]));
  const prior = { hz: 1e9, uRel: UNDECLARED_U_RATE, startNs: 0, startUNs: Infinity };
  const match = matchEdges(reference, device, prior, {
    offsetRangeNs: Infinity,
    edgeUNs: 0.5e6 / Math.sqrt(3),
    toleranceNs: LOG_TOLERANCE_NS,
  });
  if (!match) return undefined;
  const fitted = matchedModel(clock, "marks", prior, match, 0);
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
