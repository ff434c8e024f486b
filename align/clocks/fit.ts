// A scan → the session's clocks: the DAQ's, one model for every named clock that marks came on, and
// every mark on the session clock, at its hardware edge where it has one.

import type { SessionNs } from "../../schema/time.ts";
import { type ClockModel, toSessionNs } from "./clock.ts";
import { type KernelTimes, kernelTimes } from "./cuda-times.ts";
import { fitDaq } from "./daq-clock.ts";
import { deviceEdges } from "./daq-evidence.ts";
import { edgeList, matchedModel } from "./fit-model.ts";
import type { ClockMarks, MarkTable } from "../mark-table.ts";
import { matchEdges } from "./match.ts";
import { isTraced, type Scan } from "../scanned.ts";
import { type DaqClock, placeNs } from "./segments.ts";
import { endsOf } from "../../stats/places.ts";
import { leastOf } from "../../stats/summary.ts";

export interface SessionClocks {
  readonly daq: DaqClock | null;
  /** Named clocks other than host and DAQ, each against the session. */
  readonly named: ReadonlyMap<string, ClockModel>;
  /** Those that have a place on the session clock say so. */
  readonly marks: MarkTable;
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
  const daq = isTraced(scan) ? fitDaq(scan) : null;
  const edgesNs = edgesOnSession(scan, daq).sort((a, b) => a - b);
  const named = new Map<string, ClockModel>();
  const incomplete = new Set<string>();
  const { marks } = scan;
  for (const own of marks.clocks) {
    if (own.clock === "host") continue;
    const fitted = placeNamed(marks, own, edgesNs);
    if (!fitted) continue;
    named.set(own.clock, fitted.model);
    if (fitted.incomplete) incomplete.add(own.clock);
  }
  const kernels = kernelTimes(scan.kernels, scan.exchanges, scan.session);
  return { daq, named, marks, kernels, edgesNs, incomplete };
}

/** All hardware edges on the session clock. */
function edgesOnSession(scan: Scan, daq: DaqClock | null): SessionNs[] {
  const dated = scan.edges.flatMap((e) => (e.seconds === undefined ? [] : [e.seconds * 1e9]));
  if (!daq || !isTraced(scan)) return dated;
  return [...dated, ...deviceEdges(scan).map((e) => placeNs(daq, e.device))];
}

/** Marks on a clock of their own, matched to the hardware edges they mirror, and put where those say. */
function placeNamed(
  marks: MarkTable,
  own: ClockMarks,
  edgesNs: readonly SessionNs[],
): { model: ClockModel; incomplete: boolean } | undefined {
  const { clock } = own;
  const sorted = [...marks.on(clock)].sort((a, b) => marks.tNs(a) - marks.tNs(b));
  const first = leastOf(sorted.map((i) => marks.tNs(i)));
  const device = edgeList(sorted.map((i) => [marks.tNs(i) - first, 0]));
  const reference = edgeList(edgesNs.map((t) => [t, 0]));
  const prior = { hz: 1e9, uRel: UNDECLARED_U_RATE, startNs: 0, startUNs: Infinity };
  const match = matchEdges(reference, device, prior, {
    offsetRangeNs: Infinity,
    edgeUNs: 0.5e6 / Math.sqrt(3),
    toleranceNs: LOG_TOLERANCE_NS,
  });
  if (!match) {
    own.unplaced = sorted.length;
    return undefined;
  }
  const fitted = matchedModel({ clock, method: "marks", prior }, match, 0);
  own.uNs = fitted.residualRmsNs;
  const edgeOf = new Map(match.pairs.map((p) => [p.deviceIndex, p.sessionNs]));
  sorted.forEach((i, k) => {
    const edgeNs = edgeOf.get(k);
    const mapped = toSessionNs(fitted, marks.tNs(i) - first);
    marks.put(i, edgeNs ?? mapped, edgeNs !== undefined);
  });
  const unclaimed = sorted.length - match.pairs.length;
  const [from, to] = endsOf(match.pairs);
  const inside = to.referenceIndex - from.referenceIndex + 1 - match.pairs.length;
  return {
    // Here the marks are the list with identities: an edge that a mark lacks is missing, the rest is extra.
    model: { ...fitted, edgesMissing: unclaimed, edgesExtra: edgesNs.length - match.pairs.length },
    incomplete: unclaimed > 0 || inside > 0,
  };
}
