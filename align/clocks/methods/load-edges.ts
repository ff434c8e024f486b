// The DAQ's clock by a program's load marks against the power trace's own steps.

import { observed } from "../../../schema/findings.ts";
import { neighbours } from "../../../stats/places.ts";
import { type ClockModel, type ClockPrior, fixedModel } from "../clock.ts";
import { edgeList, matchedModel } from "../fit-model.ts";
import { type EdgeList, type Match, matchEdges, type MatchOptions } from "../match.ts";
import { powerEdges } from "../power-edges.ts";
import type { ClockMethod, Look } from "./method.ts";

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

export const loadEdges: ClockMethod = { name: "load-edges", fit };

function fit({ scan, evidence, near, broken }: Look): ClockModel | undefined {
  const { marks } = scan;
  const e = near ?? evidence;
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
    return matchedModel({ clock, method: loadEdges.name, prior }, match, systematicNs);
  }
  // What arrivals tell is better than a clock by the stamp alone.
  return !near && !broken && edges.t.length > 1
    ? fixedModel(clock, prior, [UNMATCHED_LOAD])
    : undefined;
}

const UNMATCHED_LOAD = observed(
  "load-unmatched",
  "the load's marks and the steps of the power fit each other at no rate and start that the rig allows: device.clock or stream_start of the rig is wrong, or the marks are another recording's; it rests on the host's stamp alone",
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
