// The DAQ's clock by trigger edges that the host raised itself: marks named `sync` bracket each.

import { observed, type Observation } from "../../../schema/findings.ts";
import { valueAt } from "../../../stats/places.ts";
import { upperMedian } from "../../../stats/summary.ts";
import type { ClockModel } from "../clock.ts";
import { boundClock, NoSteadyClock } from "../daq-bounds.ts";
import { edgeList, matchedModel } from "../fit-model.ts";
import { matchEdges } from "../match.ts";
import type { ClockMethod, Look } from "./method.ts";

/** Wider brackets say nothing, and reach to where other edges may be: the line stays high for a millisecond. */
export const WIDEST_BRACKET_NS = 0.2e6;
/** Edges follow each other by a millisecond at least (gpio/trigger-pulses.ts); contacts and long wires bounce for less. */
const DEBOUNCE_NS = 0.2e6;
/** A sync edge is stamped within a USB round trip. */
const SYNC_TOLERANCE_NS = 5e6;

export const syncEdges: ClockMethod = { name: "sync-edges", fit };

function fit(
  { scan, evidence, near = evidence, broken }: Look,
  refuse: (why: Observation) => void,
): ClockModel | undefined {
  const sync = scan.syncMarks;
  const { clock, prior, edges: seen } = near;
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
    edgeUNs: near.rowNs / Math.sqrt(12),
    toleranceNs: SYNC_TOLERANCE_NS,
    observed: near.observed,
  });
  if (!match || (broken && match.ambiguous)) return undefined;
  // Where within its bracket an edge falls may be the same for all: the typical half does not average away.
  const systematicNs = (upperMedian(halves) ?? 0) / Math.sqrt(3);
  const model = matchedModel({ clock, method: syncEdges.name, prior }, match, systematicNs);
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
