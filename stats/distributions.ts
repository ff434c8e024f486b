// The normal distribution and Student's t: probabilities, and the quantiles that intervals and coverage factors need
// (JCGM 100:2008, annex G). Both are right to 1e-11 relative in the tail that is asked for, however far out.

/** Terms of a series or a continued fraction stop to matter at this share of the sum. */
const NEGLIGIBLE = 1e-17;

/** Probability that a standard normal number is below `z`. */
export const normalCdf = (z: number): number => (z < 0 ? normalTail(-z) : 1 - normalTail(z));

/** Probability that Student's t with `dof` degrees of freedom (any number above 0; Infinity is normal) is below `t`. */
export const tCdf = (t: number, dof: number): number =>
  t < 0 ? tTail(-t, dof) : 1 - tTail(t, dof);

/** The number that a standard normal one is below with probability `p`. */
export const normalQuantile = (p: number): number => quantile(p, normalTail);

/** The number that Student's t with `dof` degrees of freedom is below with probability `p`. */
export function tQuantile(p: number, dof: number): number {
  if (!(dof > 0)) throw new RangeError(`degrees of freedom: expected above 0, found ${dof}`);
  return quantile(p, (t) => tTail(t, dof));
}

/** Halves the stretch that holds the quantile until nothing is left of it: each tail falls, and some of them slowly. */
function quantile(p: number, tail: (x: number) => number): number {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`probability: expected from 0 to 1, found ${p}`);
  if (p === 0 || p === 1) return p === 0 ? -Infinity : Infinity;
  const wanted = Math.min(p, 1 - p);
  let [lo, hi] = [0, 1];
  while (tail(hi) > wanted) [lo, hi] = [hi, 2 * hi];
  for (let mid = (lo + hi) / 2; mid > lo && mid < hi; mid = (lo + hi) / 2) {
    if (tail(mid) > wanted) lo = mid;
    else hi = mid;
  }
  return p < 0.5 ? -hi : p === 0.5 ? 0 : hi;
}

/** Probability above z ≥ 0: by the series from the middle, further out by Laplace's continued fraction. */
function normalTail(z: number): number {
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z > 3) {
    let below = z;
    for (let k = 200; k > 0; k--) below = z + k / below;
    return density / below;
  }
  let [sum, term] = [0, z];
  for (let k = 3; term > NEGLIGIBLE; k += 2) {
    sum += term;
    term *= (z * z) / k;
  }
  return 0.5 - density * sum;
}

/** Probability above t ≥ 0. */
function tTail(t: number, dof: number): number {
  if (dof === Infinity) return normalTail(t);
  const x = dof / (dof + t * t);
  const rest = (t * t) / (dof + t * t);
  const [a, b] = [dof / 2, 0.5];
  // x^a (1 − x)^b / B(a, b), which both forms share.
  const scale =
    (Math.exp(-a * Math.log1p((t * t) / dof)) * Math.sqrt(rest) * gammaRatio(a)) /
    Math.sqrt(Math.PI);
  if (x < (a + 1) / (a + b + 2)) return (scale * betaFraction(x, a, b)) / a / 2;
  return 0.5 - (scale * betaFraction(rest, b, a)) / b / 2;
}

/** Continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method. */
function betaFraction(x: number, a: number, b: number): number {
  let [c, d] = [1, 1 / (1 - ((a + b) * x) / (a + 1))];
  let value = d;
  const step = (numerator: number): void => {
    d = 1 / (1 + numerator * d);
    c = 1 + numerator / c;
    value *= c * d;
  };
  for (let m = 1; m < 1e6; m++) {
    step((m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)));
    step((-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)));
    if (Math.abs(c * d - 1) < 4e-16) break;
  }
  return value;
}

/** Γ(a + ½) / Γ(a), by its series for large a (DLMF 5.11.13) and steps of one down from there. */
function gammaRatio(a: number): number {
  let factor = 1;
  for (; a < 30; a++) factor *= a / (a + 0.5);
  const y = 1 / (a * a);
  const log = (-1 / 8 + y * (1 / 192 + y * (-1 / 640 + (y * 17) / 14336))) / a;
  return factor * Math.sqrt(a) * Math.exp(log);
}
