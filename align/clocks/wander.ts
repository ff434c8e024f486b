// What a straight line leaves of a clock that drifts with temperature: mean residuals over stretches, as
// knots with straight lines between. Kept only where it is clearly more than scatter.

import type { ClockPairing, LineFit, Wander } from "./clock.ts";

/** Pairings a knot of the wander needs to stand on, and its least distance to the next: quartz drifts
 * with temperature, over minutes. */
const KNOT_PAIRS = 12;
const KNOT_NS = 20e9;

/**
 * What the line leaves, averaged over stretches. Kept only where it is clearly more than the scatter of
 * such averages; a capture of seconds never gets one.
 */
export function fitWander(pairs: readonly ClockPairing[], fit: LineFit): Wander | null {
  const sorted = [...pairs].sort((a, b) => a.device - b.device);
  const device: number[] = [];
  const ns: number[] = [];
  let chi2 = 0;
  for (let from = 0; from < sorted.length;) {
    let to = from;
    while (
      to < sorted.length &&
      (to - from < KNOT_PAIRS || sorted[to]!.sessionNs - sorted[from]!.sessionNs < KNOT_NS)
    )
      to++;
    // A short rest joins the stretch before it.
    if (sorted.length - to < KNOT_PAIRS) to = sorted.length;
    const k = mean(sorted.slice(from, to), fit);
    device.push(k.device);
    ns.push(k.ns);
    chi2 += k.z * k.z;
    from = to;
  }
  // Under a straight line χ² ≈ knots; three times that does not happen by chance.
  return device.length >= 3 && chi2 > 3 * device.length
    ? { device: Float64Array.from(device), ns: Float64Array.from(ns) }
    : null;
}

function mean(
  stretch: readonly ClockPairing[],
  fit: LineFit,
): { device: number; ns: number; z: number } {
  let [w, wr, wd] = [0, 0, 0];
  for (const p of stretch) {
    const weight = 1 / p.uNs ** 2;
    w += weight;
    wr += weight * (p.sessionNs - fit.refNs - (p.device - fit.refDevice) * fit.nsPerUnit);
    wd += weight * p.device;
  }
  return { device: wd / w, ns: wr / w, z: (wr / w) * Math.sqrt(w) };
}
