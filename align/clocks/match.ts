// Two lists of edges, each on its own clock → which belongs to which. Nothing is paired by counting:
// an edge that is missing on one side, extra, or bouncing must not shift the rest. Offsets (and, over
// long spans, rates) are proposed by votes of polarity-equal pairs, then refined; ties are reported.

import { type ClockPairing, type ClockPrior, fitLine, type LineFit } from "./clock.ts";
import { upperMedian } from "../../stats/summary.ts";
import { type Observation, observed } from "../../schema/findings.ts";

/** +1 rising or on, −1 falling or off, 0 unknown (matches any). */
export type Polarity = -1 | 0 | 1;

export interface EdgeList {
  /** Ascending. Device units or session ns. */
  readonly t: Float64Array;
  readonly polarity: Int8Array;
  /** The edge lies within ± this of `t`, ns; all 0 where absent. Of the reference. */
  readonly halfNs?: Float64Array;
}

export interface Match {
  readonly pairs: readonly ClockPairing[];
  /** Index into the reference list for each pair, ascending; and into the device list. */
  readonly referenceIndex: readonly number[];
  readonly deviceIndex: readonly number[];
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
  const mapped = device.t.map((d) => prior.startNs + d * ns);
  const ranked = propose(reference, device, mapped, prior, o);
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
  return { ...refine(reference, device, mapped, best, prior, o), findings, ambiguous };
}

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
function propose(
  reference: EdgeList,
  device: EdgeList,
  mapped: Float64Array,
  prior: ClockPrior,
  o: MatchOptions,
): Hypothesis[] {
  const span = mapped[mapped.length - 1]! - mapped[0]!;
  const found: Hypothesis[] = [];
  for (const rate of rates(span, o.rateURel ?? prior.uRel, o.toleranceNs)) {
    const warped = mapped.map((t) => t + (t - mapped[0]!) * rate);
    for (const offsetNs of voted(reference, device, warped, o)) {
      const [count, misfitNs] = score(reference, device, warped, offsetNs, o.toleranceNs);
      found.push({ offsetNs, rate, count, misfitNs });
    }
  }
  return found.sort((a, b) => b.count - a.count || a.misfitNs - b.misfitNs);
}

/** Offsets at the peaks of the vote histogram (bins of one tolerance). */
function voted(reference: EdgeList, device: EdgeList, t: Float64Array, o: MatchOptions): number[] {
  const votes = new Map<number, { n: number; sum: number }>();
  let from = 0;
  for (let i = 0; i < t.length; i++) {
    while (from < reference.t.length && reference.t[from]! < t[i]! - o.offsetRangeNs) from++;
    for (let j = from; j < reference.t.length; j++) {
      const delta = reference.t[j]! - t[i]!;
      if (delta > o.offsetRangeNs) break;
      if (!agree(reference.polarity[j]!, device.polarity[i]!)) continue;
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

const agree = (a: number, b: number): boolean => a === 0 || b === 0 || a === b;

/** One-to-one nearest neighbours in time order. */
function pairUp(
  reference: EdgeList,
  device: EdgeList,
  t: Float64Array,
  offsetNs: number,
  toleranceNs: number,
): [number, number][] {
  const out: [number, number][] = [];
  const half = (k: number): number => reference.halfNs?.[k] ?? 0;
  const reach = toleranceNs + (reference.halfNs?.reduce((a, b) => Math.max(a, b), 0) ?? 0);
  let j = 0;
  for (let i = 0; i < t.length; i++) {
    const at = t[i]! + offsetNs;
    while (j < reference.t.length && reference.t[j]! < at - reach) j++;
    let best = -1;
    for (let k = j; k < reference.t.length && reference.t[k]! <= at + reach; k++) {
      if (!agree(reference.polarity[k]!, device.polarity[i]!)) continue;
      if (Math.abs(reference.t[k]! - at) > toleranceNs + half(k)) continue;
      if (best < 0 || Math.abs(reference.t[k]! - at) < Math.abs(reference.t[best]! - at)) best = k;
    }
    if (best < 0) continue;
    const last = out[out.length - 1];
    if (last && last[0] >= best) {
      // Two device edges claim one reference: the nearer keeps it, the other is extra (a bounce).
      const kept = Math.abs(t[last[1]]! + offsetNs - reference.t[best]!);
      if (last[0] === best && Math.abs(at - reference.t[best]!) < kept) last[1] = i;
      continue;
    }
    out.push([best, i]);
  }
  return out;
}

function score(
  reference: EdgeList,
  device: EdgeList,
  t: Float64Array,
  offsetNs: number,
  toleranceNs: number,
): [number, number] {
  const pairs = pairUp(reference, device, t, offsetNs, toleranceNs);
  let ss = 0;
  for (const [j, i] of pairs) ss += (reference.t[j]! - t[i]! - offsetNs) ** 2;
  return [pairs.length, Math.sqrt(ss / Math.max(1, pairs.length))];
}

/** Fit, pair again with what the fit learned, until the pairing stands still. */
function refine(
  reference: EdgeList,
  device: EdgeList,
  mapped: Float64Array,
  start: Hypothesis,
  prior: ClockPrior,
  o: MatchOptions,
): Omit<Match, "ambiguous" | "findings"> {
  let warped = mapped.map((t) => t + (t - mapped[0]!) * start.rate + start.offsetNs);
  let tolerance = o.toleranceNs;
  let chosen = pairUp(reference, device, warped, 0, tolerance);
  let fit = fitPairs(reference, device, chosen, prior, o.edgeUNs);
  for (let round = 0; round < 8; round++) {
    warped = device.t.map((d) => fit.refNs + (d - fit.refDevice) * fit.nsPerUnit);
    // Four times the scatter keeps 99.99 % of good edges and sheds a stray one. A bracket says itself how far
    // its edge may be off: then the typical scatter counts, which a few wide brackets do not move.
    const scatter = reference.halfNs
      ? SIGMAS_A_MEDIAN * medianDistance(reference, warped, chosen)
      : 4 * fit.residualRmsNs;
    tolerance = Math.min(o.toleranceNs, Math.max(scatter, 3 * o.edgeUNs));
    const next = pairUp(reference, device, warped, 0, tolerance);
    if (next.length < 1) break;
    const same = next.length === chosen.length && next.every((p, k) => p[1] === chosen[k]![1]);
    chosen = next;
    fit = fitPairs(reference, device, chosen, prior, o.edgeUNs);
    if (same) break;
  }
  return {
    pairs: toPairings(reference, device, chosen, o.edgeUNs),
    referenceIndex: chosen.map((p) => p[0]),
    deviceIndex: chosen.map((p) => p[1]),
    missing: Math.max(0, expected(reference, fit, o) - chosen.length),
    extra: device.t.length - chosen.length,
    fit,
  };
}

/** Four standard deviations in median distances of a normal distribution. */
const SIGMAS_A_MEDIAN = 6;

function medianDistance(
  reference: EdgeList,
  t: Float64Array,
  chosen: readonly [number, number][],
): number {
  return upperMedian(chosen.map(([j, i]) => Math.abs(reference.t[j]! - t[i]!))) ?? 0;
}

/** Reference edges that the device could have seen; all, where nobody says what it observed. */
function expected(reference: EdgeList, fit: LineFit, o: MatchOptions): number {
  if (!o.observed) return reference.t.length;
  const at = (d: number): number => fit.refNs + (d - fit.refDevice) * fit.nsPerUnit;
  const [from, to] = [at(o.observed[0]), at(o.observed[1])];
  return reference.t.filter((t) => t >= from && t <= to).length;
}

function toPairings(
  reference: EdgeList,
  device: EdgeList,
  chosen: readonly [number, number][],
  uNs: number,
): ClockPairing[] {
  return chosen.map(([j, i]) => ({
    device: device.t[i]!,
    sessionNs: reference.t[j]!,
    // Anywhere in its bracket: a uniform distribution (JCGM 100:2008, 4.3.7).
    uNs: Math.hypot(uNs, (reference.halfNs?.[j] ?? 0) / Math.sqrt(3)),
  }));
}

function fitPairs(
  reference: EdgeList,
  device: EdgeList,
  chosen: readonly [number, number][],
  prior: ClockPrior,
  uNs: number,
): LineFit {
  return fitLine(toPairings(reference, device, chosen, uNs), prior);
}
