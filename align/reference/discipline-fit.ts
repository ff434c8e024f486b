// Pairs (fast mean, reference reading) → the line that brings the fast path onto the reference, and what it
// leaves open. Pure. Weighted least squares with a known error in both (Fuller 1987, Measurement Error
// Models, 1.2: the fast means' own noise is taken out of their spread, or the slope would come out low);
// scatter beyond what is stated widens it (Birge 1932), and rounding does not average among readings of one
// count. Where the readings do not reach, since a run at one
// current does not show a gain, the rig's own figures for the fast path go on to count.

import { endsOf } from "../../stats/places.ts";

/** One reading beside the mean of the fast path over the same time; standard uncertainties, unit of the sensor. */
export interface Pairing {
  /** Row at the reading's middle. */
  readonly at: number;
  readonly fast: number;
  readonly uFast: number;
  readonly reference: number;
  /** Of rounding to its count. */
  readonly uReference: number;
  /** The reading in counts: readings of one count are rounded to the same side. */
  readonly code: number;
}

/** Standard uncertainties of gain (relative) and offset. */
export interface Stated {
  readonly gainU: number;
  readonly offsetU: number;
}

export interface LineToReference {
  readonly readings: number;
  /** Corrected value = fast + level + slope · (fast − pivot); level and slope are independent. */
  readonly pivot: number;
  readonly level: number;
  readonly levelU: number;
  readonly slope: number;
  readonly slopeU: number;
  /** Share of the slope's information that the readings gave, 0 (the rig's figures alone) to 1. */
  readonly slopeFromReadings: number;
  /** Change of the level from first to last reading that the reference shows. */
  readonly drift: number;
  readonly driftU: number;
  readonly residualRms: number;
  /** Scatter over stated scatter; the uncertainties are this much wider where it is above 1. */
  readonly birge: number;
  /** χ² of the correction against what rig and reference state of themselves, and its degrees of freedom. */
  readonly contradiction: number;
  readonly degrees: 1 | 2;
}

/** Fewer say nothing of their own scatter. */
export const LEAST_READINGS = 8;
/** Stated exact is exact to this. */
const [EXACT_GAIN, EXACT_OFFSET] = [1e-9, 1e-9];

/** @returns undefined for fewer than {@link LEAST_READINGS} pairs. */
export function fitToReference(
  pairs: readonly Pairing[],
  fast: Stated,
  reference: Stated,
): LineToReference | undefined {
  if (pairs.length < LEAST_READINGS) return undefined;
  const s = sumsOf(pairs);
  const line = freeLine(s);
  const { information } = line;
  const { drift, driftU, slope, birge, residualRms, rounding } = scatter(pairs, s, line);
  const free = covarianceOf(s, information, birge, rounding);
  const prior = covariance(fast, s.x);
  const check = contradiction(s.d, slope, free, plus(prior, covariance(reference, s.x)));
  const scale2 = Math.max(1, check.chi2 / check.degrees);
  // The rig's figures as one more observation, believed as far as the readings bear them out.
  const p = inverse(times(prior, scale2));
  const n = precision(free);
  const c = inverse(plus(p, n));
  const [h0, h1] = [n[0] * s.d + n[1] * slope, n[1] * s.d + n[2] * slope];
  const [level, e] = [c[0] * h0 + c[1] * h1, c[1] * h0 + c[2] * h1];
  const shift = -c[1] / c[2];
  return {
    readings: pairs.length,
    pivot: s.x + shift,
    level: level + e * shift,
    levelU: Math.sqrt(c[0] - c[1] ** 2 / c[2]),
    slope: e,
    slopeU: Math.sqrt(c[2]),
    slopeFromReadings: n[2] / (n[2] + p[2]),
    drift,
    driftU,
    residualRms,
    birge,
    contradiction: check.chi2,
    degrees: check.degrees,
  };
}

interface Sums {
  readonly weight: number;
  /** Weighted means of fast, reference − fast, and time; the last in [0, 1] over the run. */
  readonly x: number;
  readonly d: number;
  readonly t: number;
  readonly xx: number;
  readonly xd: number;
  readonly xt: number;
  /** What the fast means' own noise adds to xx, and that sum's standard deviation. */
  readonly noise: number;
  readonly noiseU: number;
  readonly first: number;
  readonly span: number;
}

const weightOf = (p: Pairing): number => 1 / (p.uFast ** 2 + p.uReference ** 2);

function sumsOf(pairs: readonly Pairing[]): Sums {
  const [{ at: first }, { at: last }] = endsOf(pairs);
  const span = Math.max(last - first, 1);
  let [weight, x, d, t] = [0, 0, 0, 0];
  for (const p of pairs) {
    const w = weightOf(p);
    weight += w;
    x += w * p.fast;
    d += w * (p.reference - p.fast);
    t += (w * (p.at - first)) / span;
  }
  [x, d, t] = [x / weight, d / weight, t / weight];
  let [xx, xd, xt, noise, noise2] = [0, 0, 0, 0, 0];
  for (const p of pairs) {
    const w = weightOf(p);
    const dx = p.fast - x;
    xx += w * dx * dx;
    xd += w * dx * (p.reference - p.fast - d);
    xt += w * dx * ((p.at - first) / span - t);
    noise += w * p.uFast ** 2;
    noise2 += (w * p.uFast ** 2) ** 2;
  }
  return { weight, x, d, t, xx, xd, xt, noise, noiseU: Math.sqrt(2 * noise2), first, span };
}

/** Slope by the readings alone and its information, 1/variance; both 0 where the fast path hardly moved. */
function freeLine(s: Sums): { slope: number; information: number } {
  const spread = s.xx - s.noise;
  if (spread < 3 * s.noiseU || !(spread > 0)) return { slope: 0, information: 0 };
  return { slope: (s.xd + s.noise) / spread, information: spread ** 2 / s.xx };
}

interface Scatter {
  readonly drift: number;
  readonly driftU: number;
  readonly slope: number;
  readonly birge: number;
  readonly residualRms: number;
  /** What rounding leaves of level and slope beyond what independent readings would. */
  readonly rounding: Matrix;
}

/** Residuals of the free line: how large, beyond what is stated or not, and whether they run away with time. */
function scatter(
  pairs: readonly Pairing[],
  s: Sums,
  { slope, information }: { slope: number; information: number },
): Scatter {
  const perX = information > 0 ? s.xt / (s.xx - s.noise) : 0;
  const residual = (p: Pairing): number => p.reference - p.fast - s.d - slope * (p.fast - s.x);
  // Time as far as the fast path does not follow it (Frisch and Waugh 1933).
  const time = (p: Pairing): number => (p.at - s.first) / s.span - s.t - perX * (p.fast - s.x);
  let [tt, rt] = [0, 0];
  for (const p of pairs) {
    const [w, t] = [weightOf(p), time(p)];
    tt += w * t * t;
    rt += w * t * residual(p);
  }
  const drift = tt > 0 ? rt / tt : 0;
  let [chi2, square] = [0, 0];
  for (const p of pairs) {
    const r = residual(p) - drift * time(p);
    chi2 += weightOf(p) * r * r;
    square += r * r;
  }
  const birge = Math.sqrt(chi2 / (pairs.length - 3));
  const common = commonRounding(pairs, (p) => [1, p.fast - s.x, time(p)]);
  const spread = information > 0 ? s.xx - s.noise : Infinity;
  return {
    rounding: [common[0] / s.weight ** 2, common[1] / (s.weight * spread), common[2] / spread ** 2],
    drift,
    driftU: tt > 0 ? Math.sqrt(Math.max(1, birge) ** 2 / tt + common[3] / tt ** 2) : 0,
    slope: slope - (information > 0 ? drift * perX : 0),
    birge: Math.max(1, birge),
    residualRms: Math.sqrt(square / pairs.length),
  };
}

/**
 * Variance that rounding adds to the sums Σ w·f·d because it is the same for all readings of one count: of
 * f = 1, between the first two, of the second, of the third.
 */
function commonRounding(
  pairs: readonly Pairing[],
  factors: (p: Pairing) => readonly [number, number, number],
): readonly [number, number, number, number] {
  const byCode = new Map<number, [number, number, number]>();
  const out: [number, number, number, number] = [0, 0, 0, 0];
  const add = ([a, b, c]: readonly [number, number, number], sign: 1 | -1): void => {
    out[0] += sign * a * a;
    out[1] += sign * a * b;
    out[2] += sign * b * b;
    out[3] += sign * c * c;
  };
  for (const p of pairs) {
    const u = weightOf(p) * p.uReference;
    const [a, b, c] = factors(p);
    const own = [u * a, u * b, u * c] as const;
    add(own, -1); // independently it is in the weights already
    const sum = byCode.get(p.code) ?? [0, 0, 0];
    byCode.set(p.code, [sum[0] + own[0], sum[1] + own[1], sum[2] + own[2]]);
  }
  for (const sum of byCode.values()) add(sum, 1);
  return [Math.max(0, out[0]), out[1], Math.max(0, out[2]), Math.max(0, out[3])];
}

/** Of level and slope by the readings alone; the slope's is infinite where they say nothing of it. */
function covarianceOf(s: Sums, information: number, birge: number, rounding: Matrix): Matrix {
  const own = [birge ** 2 / s.weight, 0, birge ** 2 / information] as const;
  return information > 0 ? plus(own, rounding) : [own[0] + rounding[0], 0, Infinity];
}

const precision = (c: Matrix): Matrix => (c[2] === Infinity ? [1 / c[0], 0, 0] : inverse(c));

/** Symmetric 2 × 2: level–level, level–slope, slope–slope. */
type Matrix = readonly [number, number, number];

/** Of level at x and slope, for independent gain and offset. */
function covariance({ gainU, offsetU }: Stated, x: number): Matrix {
  const [g2, o2] = [Math.max(gainU, EXACT_GAIN) ** 2, Math.max(offsetU, EXACT_OFFSET) ** 2];
  return [o2 + x * x * g2, x * g2, g2];
}

const plus = (a: Matrix, b: Matrix): Matrix => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const times = (a: Matrix, k: number): Matrix => [k * a[0], k * a[1], k * a[2]];

function inverse([a, b, c]: Matrix): Matrix {
  const det = a * c - b * b;
  return [c / det, -b / det, a / det];
}

/** How far the correction lies outside what is stated. */
function contradiction(
  level: number,
  slope: number,
  free: Matrix,
  stated: Matrix,
): { chi2: number; degrees: 1 | 2 } {
  if (free[2] === Infinity) return { chi2: level ** 2 / (stated[0] + free[0]), degrees: 1 };
  const m = inverse(plus(stated, free));
  return { chi2: m[0] * level ** 2 + 2 * m[1] * level * slope + m[2] * slope ** 2, degrees: 2 };
}
