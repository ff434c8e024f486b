// Two lists of edges, each on its own clock → which belongs to which. Nothing is paired by counting:
// an edge that is missing on one side, extra, or bouncing must not shift the rest. Offsets (and, over
// long spans, rates) are proposed by votes of polarity-equal pairs, then refined; ties are reported.

import { type ClockPairing, type ClockPrior, fitLine, type LineFit } from "./clock.ts";
import { upperMedian } from "../../stats/summary.ts";
import { type Observation, observed } from "../../schema/findings.ts";
import { endsOf, valueAt } from "../../stats/places.ts";

/** +1 rising or on, −1 falling or off, 0 unknown (matches any). */
export type Polarity = -1 | 0 | 1;

export interface EdgeList {
  /** Ascending. Device units or session ns. */
  readonly t: Float64Array;
  readonly polarity: Int8Array;
  /** The edge lies within ± this of `t`, ns; all 0 where absent. Of the reference. */
  readonly halfNs?: Float64Array;
}

/** An edge of each list that belong together, by their places there. */
export interface MatchedPair extends ClockPairing {
  readonly referenceIndex: number;
  readonly deviceIndex: number;
}

export interface Match {
  /** Ascending on both sides. */
  readonly pairs: readonly MatchedPair[];
  /** Reference edges without a device edge, device edges without a reference. */
  readonly missing: number;
  readonly extra: number;
  readonly fit: LineFit;
  /** As many edges fit, and as closely, at another offset. */
  readonly ambiguous: boolean;
  readonly findings: readonly Observation[];
}

export interface MatchOptions {
  /** Largest plausible |device − reference| after mapping by the prior, ns. */
  readonly offsetRangeNs: number;
  /** Standard uncertainty of one edge, ns. */
  readonly edgeUNs: number;
  /** Expected offset of device time 0 to its stamp is unknown within this bin, ns: the vote's resolution. */
  readonly toleranceNs: number;
  /** Rates are tried within three of these about the prior's; absent: of the prior's own uncertainty. */
  readonly rateURel?: number;
  /** Device time that was observed: a reference edge outside it is not missing, it was not looked for. */
  readonly observed?: readonly [number, number];
}

interface Hypothesis {
  readonly offsetNs: number;
  readonly rate: number;
  readonly count: number;
  readonly misfitNs: number;
}

/** An edge of either list. */
interface Edge {
  readonly index: number;
  /** By its own clock, and on the session's as far as it is known by now. */
  readonly own: number;
  readonly t: number;
  readonly polarity: number;
  readonly halfNs: number;
}

interface Pair {
  readonly reference: Edge;
  readonly device: Edge;
}

/** What is to be matched, and what is known beforehand. */
interface Search {
  readonly reference: readonly Edge[];
  /** Mapped by the prior. */
  readonly device: readonly Edge[];
  /** Whether the reference says how far each of its edges may be off. */
  readonly isBracketed: boolean;
  readonly prior: ClockPrior;
  readonly o: MatchOptions;
}

/**
 * Matches device edges to reference edges (session time).
 * @returns undefined when no offset within range matches at least two edges (or one, if only one exists).
 */
export function matchEdges(
  reference: EdgeList,
  device: EdgeList,
  prior: ClockPrior,
  o: MatchOptions,
): Match | undefined {
  if (reference.t.length === 0 || device.t.length === 0) return undefined;
  const ns = 1e9 / prior.hz;
  const search = {
    reference: edgesOf(reference),
    device: moved(edgesOf(device), (e) => prior.startNs + e.own * ns),
    isBracketed: reference.halfNs !== undefined,
    prior,
    o,
  };
  const ranked = propose(search);
  const best = ranked[0];
  if (!best || best.count < Math.min(2, reference.t.length)) return undefined;
  const findings: Observation[] = [];
  const rival = ranked.find(
    (h) => Math.abs(h.offsetNs - best.offsetNs) > 4 * o.toleranceNs && h.count >= best.count,
  );
  if (rival)
    findings.push(
      observed(
        "edges-ambiguous",
        `the edges fit as well at an offset ${((rival.offsetNs - best.offsetNs) / 1e6).toFixed(3)} ms away (${best.count} edges each): the pairing is ambiguous`,
        best.count,
      ),
    );
  const ambiguous = ranked.some((h) => rivals(h, best, o));
  return { ...refine(search, best), findings, ambiguous };
}

const edgesOf = ({ t, polarity, halfNs }: EdgeList): Edge[] =>
  Array.from(t, (own, index) => ({
    index,
    own,
    t: own,
    polarity: polarity[index] ?? 0,
    halfNs: halfNs?.[index] ?? 0,
  }));

const moved = (edges: readonly Edge[], tOf: (e: Edge) => number): Edge[] =>
  edges.map((e) => ({
    index: e.index,
    own: e.own,
    t: tOf(e),
    polarity: e.polarity,
    halfNs: e.halfNs,
  }));

/** As good by its count and by what it leaves; the same pairs, taken at an offset so far off, would leave more. */
function rivals(h: Hypothesis, best: Hypothesis, o: MatchOptions): boolean {
  const asGoodNs = 2 * best.misfitNs + 3 * o.edgeUNs;
  const away = Math.abs(h.offsetNs - best.offsetNs);
  return h.count >= best.count && h.misfitNs <= asGoodNs && away > 2 * asGoodNs;
}

/** Rates worth trying: near enough that the vote does not smear over the span. */
function rates(spanNs: number, uRel: number, toleranceNs: number): number[] {
  const step = toleranceNs / Math.max(spanNs, 1);
  const n = Math.min(200, Math.ceil((3 * uRel) / step));
  return Array.from({ length: 2 * n + 1 }, (_, k) => (k - n) * step);
}

/** Every offset that enough polarity-equal pairs vote for, best first. */
function propose({ reference, device, prior, o }: Search): Hypothesis[] {
  const [first, last] = endsOf(device);
  const found: Hypothesis[] = [];
  for (const rate of rates(last.t - first.t, o.rateURel ?? prior.uRel, o.toleranceNs)) {
    const warped = moved(device, ({ t }) => t + (t - first.t) * rate);
    for (const offsetNs of voted(reference, warped, o)) {
      const pairs = pairUp(reference, warped, offsetNs, o.toleranceNs);
      found.push({ offsetNs, rate, count: pairs.length, misfitNs: misfit(pairs, offsetNs) });
    }
  }
  return found.sort((a, b) => b.count - a.count || a.misfitNs - b.misfitNs);
}

/** Offsets at the peaks of the vote histogram (bins of one tolerance). */
function voted(reference: readonly Edge[], device: readonly Edge[], o: MatchOptions): number[] {
  const votes = new Map<number, { n: number; sum: number }>();
  let from = 0;
  for (const d of device) {
    while ((reference[from]?.t ?? Infinity) < d.t - o.offsetRangeNs) from++;
    for (let j = from, r = reference[j]; r; r = reference[++j]) {
      const delta = r.t - d.t;
      if (delta > o.offsetRangeNs) break;
      if (!agree(r, d)) continue;
      const bin = Math.round(delta / o.toleranceNs);
      const v = votes.get(bin);
      if (v) {
        v.n++;
        v.sum += delta;
      } else votes.set(bin, { n: 1, sum: delta });
    }
  }
  return [...votes.values()]
    .sort((a, b) => b.n - a.n)
    .slice(0, 8)
    .map((v) => v.sum / v.n);
}

const agree = ({ polarity: a }: Edge, { polarity: b }: Edge): boolean =>
  a === 0 || b === 0 || a === b;

/** One-to-one nearest neighbours in time order, the device's edges moved by an offset. */
function pairUp(
  reference: readonly Edge[],
  device: readonly Edge[],
  offsetNs: number,
  toleranceNs: number,
): Pair[] {
  const out: Pair[] = [];
  const reach = reference.reduce((most, r) => Math.max(most, r.halfNs), 0) + toleranceNs;
  let from = 0;
  for (const d of device) {
    const at = d.t + offsetNs;
    const away = (r: Edge): number => Math.abs(r.t - at);
    while ((reference[from]?.t ?? Infinity) < at - reach) from++;
    let best: Edge | undefined;
    for (let k = from, r = reference[k]; r && r.t <= at + reach; r = reference[++k]) {
      if (!agree(r, d) || away(r) > toleranceNs + r.halfNs) continue;
      if (!best || away(r) < away(best)) best = r;
    }
    if (!best) continue;
    const last = out.at(-1);
    if (!last || last.reference.index < best.index) out.push({ reference: best, device: d });
    // Two device edges claim one reference: the nearer keeps it, the other is extra (a bounce).
    else if (last.reference === best && away(best) < Math.abs(last.device.t + offsetNs - best.t))
      out.splice(-1, 1, { reference: best, device: d });
  }
  return out;
}

/** Root mean square of what is left between the edges of pairs. */
function misfit(pairs: readonly Pair[], offsetNs: number): number {
  let ss = 0;
  for (const { reference, device } of pairs) ss += (reference.t - device.t - offsetNs) ** 2;
  return Math.sqrt(ss / Math.max(1, pairs.length));
}

/** Fit, pair again with what the fit learned, until the pairing stands still. */
function refine(s: Search, start: Hypothesis): Omit<Match, "ambiguous" | "findings"> {
  const { reference, device, prior, o } = s;
  const [first] = endsOf(device);
  const fitted = (pairs: readonly Pair[]): LineFit => fitLine(toPairings(pairs, o.edgeUNs), prior);
  const moving = moved(device, ({ t }) => t + (t - first.t) * start.rate + start.offsetNs);
  let chosen = pairUp(reference, moving, 0, o.toleranceNs);
  let fit = fitted(chosen);
  for (let round = 0; round < 8; round++) {
    const by = fit;
    const warped = moved(device, (e) => by.refNs + (e.own - by.refDevice) * by.nsPerUnit);
    // Four times the scatter keeps 99.99 % of good edges and sheds a stray one. A bracket says itself how far
    // its edge may be off: then the typical scatter counts, which a few wide brackets do not move.
    const scatter = s.isBracketed
      ? SIGMAS_A_MEDIAN * medianDistance(chosen, warped)
      : 4 * fit.residualRmsNs;
    const tolerance = Math.min(o.toleranceNs, Math.max(scatter, 3 * o.edgeUNs));
    const next = pairUp(reference, warped, 0, tolerance);
    if (next.length < 1) break;
    const same =
      next.length === chosen.length &&
      next.every((p, k) => p.device.index === chosen[k]?.device.index);
    chosen = next;
    fit = fitted(chosen);
    if (same) break;
  }
  return {
    pairs: toPairings(chosen, o.edgeUNs),
    missing: Math.max(0, expected(s, fit) - chosen.length),
    extra: device.length - chosen.length,
    fit,
  };
}

/** Four standard deviations in median distances of a normal distribution. */
const SIGMAS_A_MEDIAN = 6;

/** @param device where its edges are now. */
function medianDistance(chosen: readonly Pair[], device: readonly Edge[]): number {
  const distances = chosen.map((p) => Math.abs(p.reference.t - valueAt(device, p.device.index).t));
  return upperMedian(distances) ?? 0;
}

/** Reference edges that the device could have seen; all, where nobody says what it observed. */
function expected({ reference, o }: Search, fit: LineFit): number {
  if (!o.observed) return reference.length;
  const at = (d: number): number => fit.refNs + (d - fit.refDevice) * fit.nsPerUnit;
  const [from, to] = [at(o.observed[0]), at(o.observed[1])];
  return reference.filter(({ t }) => t >= from && t <= to).length;
}

const toPairings = (chosen: readonly Pair[], uNs: number): MatchedPair[] =>
  chosen.map(({ reference, device }) => ({
    device: device.own,
    sessionNs: reference.t,
    // Anywhere in its bracket: a uniform distribution (JCGM 100:2008, 4.3.7).
    uNs: Math.hypot(uNs, reference.halfNs / Math.sqrt(3)),
    referenceIndex: reference.index,
    deviceIndex: device.index,
  }));
