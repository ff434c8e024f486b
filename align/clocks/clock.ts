// Clock pairs + prior → a clock model: session time as a straight line of device time, with what is not
// known about it. Weighted least squares with the rig's rate as a Gaussian prior, so that two edges do
// not pretend to fix a rate and a thousand do not need the prior. (GUM-consistent type A and B mix:
// JCGM 100:2008 annex H.3 for the line, the prior as one more observation.)

import type { SessionNs } from "../../schema/time.ts";
import { firstAbove } from "../../stats/search.ts";
import { type Observation, observed } from "../../schema/findings.ts";
import { endsOf, valueAt } from "../../stats/places.ts";

/** One instant seen on both clocks. */
export interface ClockPairing {
  /** Device units (ticks, rows, or ns of a named clock) since the stream's first row. */
  readonly device: number;
  readonly sessionNs: SessionNs;
  /** Standard uncertainty of the pairing, ns, as far as it is known beforehand. */
  readonly uNs: number;
}

/** How far the truth can lie from a model, at instants along the run: true session time − the model's, ns. */
export interface ClockBounds {
  /** Ascending. */
  readonly atNs: Float64Array;
  readonly loNs: Float64Array;
  readonly hiNs: Float64Array;
}

export interface ClockPrior {
  /** Device units per second. */
  readonly hz: number;
  readonly uRel: number;
  /** Session time of device time 0 by the host's stamp, ns, and its standard uncertainty. */
  readonly startNs: SessionNs;
  readonly startUNs: number;
}

/** Session time minus the line, at knots, with straight lines between and level ends. */
export interface Wander {
  readonly device: Float64Array;
  readonly ns: Float64Array;
}

/** session = refNs + (device − refDevice) · nsPerUnit + wander. Frozen once published; a new fit is a new model. */
export interface ClockModel {
  readonly clock: string;
  readonly method:
    "identity" | "prior" | "load-edges" | "sync-edges" | "exchange" | "arrival" | "marks";
  readonly nominalHz: number;
  readonly refDevice: number;
  readonly refNs: SessionNs;
  readonly nsPerUnit: number;
  /** What a straight line leaves of a clock that wanders; null where the line is enough. */
  readonly wander: Wander | null;
  /** Standard uncertainty of the offset at `refDevice`, ns: scatter and, in quadrature, what scatter cannot show. */
  readonly uOffsetNs: number;
  /** Relative standard uncertainty of the rate. */
  readonly uRate: number;
  readonly residualRmsNs: number;
  readonly residuals: readonly { readonly tNs: SessionNs; readonly residualNs: number }[];
  readonly edgesUsed: number;
  readonly edgesMissing: number;
  readonly edgesExtra: number;
  readonly edgesBounced: number;
  /** Share of the rate's information that the edges gave, 0 (all prior) to 1 (all edges). */
  readonly rateFromEdges: number;
  /** How far the first row lies from the host's stamp of the stream's start, ns; null where there is no stamp. */
  readonly startDelayNs: number | null;
  /** Hard bounds, where both sides of each edge are bracketed (daq-bounds.ts). */
  readonly bounds: ClockBounds | null;
  /** Of this clock, which the texts do not name. */
  readonly findings: readonly Observation[];
}

export function toSessionNs(m: ClockModel, device: number): SessionNs {
  const line = m.refNs + (device - m.refDevice) * m.nsPerUnit;
  return m.wander ? line + wanderAt(m.wander, device) : line;
}

/** Session times of ascending device times, each as {@link toSessionNs} says. */
export function mapEach(m: ClockModel, device: Float64Array): Float64Array {
  const { refNs, refDevice, nsPerUnit, wander } = m;
  const line = device.map((d) => refNs + (d - refDevice) * nsPerUnit);
  return wander ? line.map((ns, i) => ns + wanderAt(wander, valueAt(device, i))) : line;
}

/** Maps a column of ascending device times in place. Wander is taken as straight within the column. */
export function mapColumn(m: ClockModel, t: Float64Array, rows: number): void {
  if (rows === 0) return;
  let { nsPerUnit } = m;
  let origin = m.refNs - m.refDevice * nsPerUnit;
  const [a, b] = endsOf(t.subarray(0, rows));
  if (m.wander && b > a) {
    const [wa, wb] = [wanderAt(m.wander, a), wanderAt(m.wander, b)];
    const slope = (wb - wa) / (b - a);
    nsPerUnit += slope;
    origin += wa - slope * a;
  }
  for (let i = 0; i < rows; i++) t[i] = origin + t[i]! * nsPerUnit;
}

function wanderAt({ device, ns }: Wander, at: number): number {
  const [first, last] = endsOf(device);
  const hi = firstAbove(device, at);
  const after = valueAt(ns, at <= first ? 0 : Math.min(hi, ns.length - 1));
  if (at <= first || at >= last) return after;
  const [from, before] = [valueAt(device, hi - 1), valueAt(ns, hi - 1)];
  const share = (at - from) / (valueAt(device, hi) - from);
  return before + share * (after - before);
}

/** Standard uncertainty of a mapped instant, ns. */
export function mapUNs(m: ClockModel, tNs: SessionNs): number {
  return Math.hypot(m.uOffsetNs, (tNs - m.refNs) * m.uRate);
}

/** The stretch of session time that the model's evidence spans; beyond it the line is carried on. */
export function fittedSpan(m: ClockModel): readonly [SessionNs, SessionNs] {
  if (m.residuals.length === 0) return [-Infinity, Infinity]; // nothing was fitted
  let [lo, hi] = [Infinity, -Infinity];
  for (const { tNs } of m.residuals) {
    lo = Math.min(lo, tNs);
    hi = Math.max(hi, tNs);
  }
  return [lo, hi];
}

export const tickHz = (m: ClockModel): number => 1e9 / m.nsPerUnit;
export const ratePpm = (m: ClockModel): number => (tickHz(m) / m.nominalHz - 1) * 1e6;
/** Session time of device time 0. */
export const offsetNs = (m: ClockModel): number => toSessionNs(m, 0);

/** A clock that is the session clock, or is known only by its stamp: nothing to fit. */
export function fixedModel(
  clock: string,
  prior: ClockPrior,
  findings: readonly Observation[] = [],
): ClockModel {
  const identity = prior.uRel === 0 && prior.startUNs === 0;
  return {
    clock,
    method: identity ? "identity" : "prior",
    nominalHz: prior.hz,
    refDevice: 0,
    refNs: prior.startNs,
    nsPerUnit: 1e9 / prior.hz,
    wander: null,
    uOffsetNs: prior.startUNs,
    uRate: prior.uRel,
    residualRmsNs: 0,
    residuals: [],
    edgesUsed: 0,
    edgesMissing: 0,
    edgesExtra: 0,
    edgesBounced: 0,
    rateFromEdges: 0,
    startDelayNs: identity ? null : 0,
    bounds: null,
    findings,
  };
}

export interface LineFit {
  readonly refDevice: number;
  readonly refNs: number;
  readonly nsPerUnit: number;
  readonly uOffsetNs: number;
  readonly uRate: number;
  readonly residualRmsNs: number;
  readonly rateFromEdges: number;
  /** Where the pairings contradict the prior and were believed instead of it. */
  readonly findings: readonly Observation[];
}

/** Beyond so many standard uncertainties a prior is wrong, not unlucky: it happens by chance once in 1.7 million. */
const WRONG_PRIOR = 5;
/** The tolerance of a rig in standard uncertainties (JCGM 100:2008, 4.3.7): a clock beyond it is another one. */
const TOLERANCE_U = Math.sqrt(3);
/** So many pairings can agree with each other; two always do. */
const AGREEING_PAIRS = 3;

/** Degrees of freedom that the stated uncertainty of the pairings is worth against their own scatter. */
const STATED_DOF = 4;

/**
 * Fits offset and rate. A prior that pairings plainly contradict (a rig written for another device) is
 * dropped with a finding; averaged with them it would move the line by many times what either states. A rate
 * beyond the rig's tolerance is a finding in any case.
 */
export function fitLine(pairs: readonly ClockPairing[], declared: ClockPrior): LineFit {
  if (pairs.length < AGREEING_PAIRS) return weighted(pairs, declared, []);
  let prior = declared;
  const findings: Observation[] = [];
  const alone = { ...prior, startUNs: Infinity };
  if (prior.uRel > 0) {
    const free = weighted(pairs, { ...alone, uRel: Infinity }, []);
    const off = 1e9 / prior.hz / free.nsPerUnit - 1;
    const isWrong = Math.abs(off) > WRONG_PRIOR * Math.hypot(free.uRate, prior.uRel);
    const toleranceRel = TOLERANCE_U * prior.uRel;
    if (isWrong || Math.abs(off) > toleranceRel + WRONG_PRIOR * free.uRate)
      findings.push(
        observed(
          "clock-rate-off-rig",
          `the clock runs ${(off * 1e6).toFixed(1)} ppm from the rate that the rig declares within ±${(toleranceRel * 1e6).toFixed(1)} ppm: ${pairs.length} clock pairs are used, the rig's value ${isWrong ? "is not" : "with its uncertainty too"}; correct device.clock in the rig`,
        ),
      );
    if (isWrong) prior = { ...prior, uRel: Infinity };
  }
  const free = weighted(pairs, { ...prior, startUNs: Infinity }, []);
  const late = free.refNs - free.refDevice * free.nsPerUnit - prior.startNs;
  const u = Math.hypot(free.uOffsetNs, free.refDevice * free.nsPerUnit * free.uRate);
  if (Math.abs(late) > WRONG_PRIOR * Math.hypot(u, prior.startUNs)) {
    findings.push(
      observed(
        "clock-start-off-rig",
        `the stream starts ${(late / 1e6).toFixed(3)} ms from where the rig puts it within ±${(prior.startUNs / 1e6).toFixed(3)} ms: ${pairs.length} clock pairs are used, the rig's value is not; correct stream_start in the rig`,
      ),
    );
    prior = { ...prior, startUNs: Infinity };
  }
  return weighted(pairs, prior, findings);
}

/**
 * The pairings' stated uncertainty is one opinion, their scatter about the line another: both are pooled,
 * so that hundreds of edges speak for themselves and two edges, whose line fits always, cannot claim to be
 * exact. Where even so the misfit to line and prior together is larger than stated, the uncertainty grows
 * until it is not (Birge 1932): first of a prior that pairings which agree with each other contradict.
 */
function weighted(
  pairs: readonly ClockPairing[],
  prior: ClockPrior,
  findings: readonly Observation[],
): LineFit {
  const ns = 1e9 / prior.hz;
  const refDevice = pairs.reduce((s, p) => s + p.device, 0) / pairs.length;
  // y = session − nominal line through the centroid; y ≈ a + e·x with e the relative rate error.
  const x = (p: ClockPairing): number => (p.device - refDevice) * ns;
  const [first] = endsOf(pairs);
  const base = first.sessionNs - x(first);
  const points = pairs.map((p) => ({ x: x(p), y: p.sessionNs - x(p) - base, uNs: p.uNs }));
  const centre = { nominalNs: refDevice * ns, baseNs: base };
  let believed = prior;
  const observe = (scale: number): Solution => solve(points, scale, believed, centre);
  let scale = 1;
  let fit = observe(scale);
  for (let round = 0; round < 5; round++) {
    const spread = STATED_DOF + fit.chi2Pairs * scale ** 2;
    scale = Math.sqrt(spread / (STATED_DOF + Math.max(0, pairs.length - 2)));
    fit = observe(scale);
  }
  const words =
    (prior.uRel > 0 && Number.isFinite(prior.uRel) ? 1 : 0) +
    (Number.isFinite(prior.startUNs) ? 1 : 0);
  const dof = pairs.length + words - 2;
  // Pairs that agree with each other do not bend to a prior that is unlucky; two would agree with anything.
  const misfit = ({ chi2, chi2Pairs }: Solution): number => chi2 - chi2Pairs;
  if (pairs.length >= AGREEING_PAIRS && fit.chi2 > dof && misfit(fit) > words) {
    const doubted = (k: number): Solution => {
      believed = { ...prior, uRel: k * prior.uRel, startUNs: k * prior.startUNs };
      return observe(scale);
    };
    fit = doubted(widened(1, (k) => misfit(doubted(k)) <= words));
  }
  if (dof > 0 && fit.chi2 > dof) fit = observe(widened(scale, (k) => observe(k).chi2 <= dof));
  return {
    refDevice,
    refNs: base + fit.a,
    nsPerUnit: ns * (1 + fit.e),
    uOffsetNs: Math.sqrt(fit.varA),
    uRate: Math.sqrt(fit.varE),
    residualRmsNs: fit.rms,
    rateFromEdges: 1 - (believed.uRel > 0 ? fit.varE / believed.uRel ** 2 : 0),
    findings,
  };
}

/** The least factor, from `least` on, at which uncertainties so much larger fit: a misfit falls as they grow. */
function widened(least: number, fits: (k: number) => boolean): number {
  let [lo, hi] = [least, 2 * least];
  while (!fits(hi) && hi < 1e9) hi *= 2;
  for (let i = 0; i < 50; i++) {
    const mid = (lo + hi) / 2;
    if (fits(mid)) hi = mid;
    else lo = mid;
  }
  return hi;
}

interface Solution {
  readonly a: number;
  readonly e: number;
  readonly varA: number;
  readonly varE: number;
  readonly rms: number;
  /** Of the pairings alone, and with the prior's terms. */
  readonly chi2Pairs: number;
  readonly chi2: number;
}

/** A pairing, from the centroid and the nominal line through it. */
interface Point {
  readonly x: number;
  readonly y: number;
  readonly uNs: number;
}

/**
 * Weighted normal equations of two unknowns; the prior enters as an observation of each.
 * @param scale of the pairings' stated uncertainty. @param centre device time of the centroid at the nominal rate,
 * and session time that the line is counted from.
 */
function solve(
  points: readonly Point[],
  scale: number,
  prior: ClockPrior,
  centre: { readonly nominalNs: number; readonly baseNs: number },
): Solution {
  const { nominalNs: refNominalNs, baseNs: base } = centre;
  const stated = ({ uNs }: Point): number => Math.max(uNs * scale, 1);
  let [saa, sae, see, sya, sye] = [0, 0, 0, 0, 0];
  const add = (xi: number, yi: number, u: number): void => {
    const w = 1 / (u * u);
    saa += w;
    sae += w * xi;
    see += w * xi * xi;
    sya += w * yi;
    sye += w * xi * yi;
  };
  for (const p of points) add(p.x, p.y, stated(p));
  if (Number.isFinite(prior.startUNs))
    add(-refNominalNs, prior.startNs + refNominalNs - base, Math.max(prior.startUNs, 1));
  if (prior.uRel > 0) see += 1 / prior.uRel ** 2;
  else see += 1e30; // a rate declared exact stays exact
  const det = saa * see - sae * sae;
  const a = (see * sya - sae * sye) / det;
  const e = (saa * sye - sae * sya) / det;
  let [ss, chi2Pairs] = [0, 0];
  for (const p of points) {
    const r = p.y - a - e * p.x;
    ss += r * r;
    chi2Pairs += (r / stated(p)) ** 2;
  }
  let chi2 = chi2Pairs;
  if (prior.uRel > 0) chi2 += (e / prior.uRel) ** 2;
  if (Number.isFinite(prior.startUNs))
    chi2 +=
      ((prior.startNs + refNominalNs - base - a + e * refNominalNs) /
        Math.max(prior.startUNs, 1)) **
      2;
  const rms = Math.sqrt(ss / points.length);
  return { a, e, varA: see / det, varE: saa / det, rms, chi2Pairs, chi2 };
}
