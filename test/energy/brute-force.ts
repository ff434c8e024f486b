// The definitions of energy/integrate.ts written down once more, the slow way: every snapshot from all
// rows again, one interval at a time, no running sums. What the fast code is tested against.

import { Sum } from "../../energy/integrate.ts";

export interface Row {
  readonly tNs: number;
  /** Per rail: P, I, V. */
  readonly rails: readonly (readonly [number, number, number])[];
  readonly gapBefore: boolean;
}

interface Interval {
  readonly from: Row;
  readonly to: Row;
  readonly t0: number;
  readonly t1: number;
  readonly kind: "observed" | "tail" | "gap";
  /** d² of this interval's own step. */
  readonly stepSquare: number;
}

const totalW = (r: Row): number => r.rails.reduce((sum, [p]) => sum + p, 0);

/** @param holdNs row period where samples are means over their interval, else null (trapezoid). */
export function bruteForce(
  rows: readonly Row[],
  holdNs: number | null,
  instants: Float64Array,
): Float64Array[] {
  const all = intervals(rows, holdNs);
  return Array.from(instants, (t) => snapshot(rows, all, holdNs !== null, t));
}

function intervals(rows: readonly Row[], holdNs: number | null): Interval[] {
  const out: Interval[] = [];
  rows.forEach((to, i) => {
    const from = rows[i - 1];
    if (!from) return;
    if (to.gapBefore) {
      const end = holdNs === null ? from.tNs : Math.min(from.tNs + holdNs, to.tNs);
      const stepSquare = 0;
      if (holdNs !== null)
        out.push({ from, to: from, t0: from.tNs, t1: end, kind: "tail", stepSquare });
      out.push({ from, to, t0: end, t1: to.tNs, kind: "gap", stepSquare });
      return;
    }
    const stepSquare = (totalW(to) - totalW(from)) ** 2;
    out.push({ from, to, t0: from.tNs, t1: to.tNs, kind: "observed", stepSquare });
  });
  const last = rows[rows.length - 1]!;
  if (holdNs !== null)
    out.push({
      from: last,
      to: last,
      t0: last.tNs,
      t1: last.tNs + holdNs,
      kind: "tail",
      stepSquare: 0,
    });
  return out;
}

function snapshot(
  rows: readonly Row[],
  all: readonly Interval[],
  holds: boolean,
  t: number,
): Float64Array {
  const out = new Float64Array(Sum.rails + 3 * rows[0]!.rails.length);
  out[Sum.before] = out[Sum.after] = NaN;
  if (t <= rows[0]!.tNs) out[Sum.after] = totalW(rows[0]!);
  out[Sum.samples] = rows.filter(
    (r, i) => r.tNs < t || (r.tNs === t && r.gapBefore && i > 0),
  ).length;
  for (const v of all) {
    if (v.t0 >= t) break;
    add(out, v, Math.min(t, v.t1), holds);
    if (t > v.t1) out[Sum.stepSquareW2]! += v.stepSquare;
  }
  // A row right after a gap belongs to what follows it, any other to what came before.
  const around =
    all.find((v) => v.t0 < t && (v.kind === "observed" ? t <= v.t1 : t < v.t1)) ??
    all.find((v) => v.t0 === t && t < v.t1);
  if (around && t > rows[0]!.tNs) {
    out[Sum.before] = totalW(around.from);
    out[Sum.after] = totalW(around.to);
    out[Sum.distanceS] = (around.t1 - around.t0) / 1e9;
    out[Sum.share] = around.t1 > around.t0 ? (t - around.t0) / (around.t1 - around.t0) : 0;
  }
  return out;
}

/** The part of an interval up to `until`. */
function add(out: Float64Array, v: Interval, until: number, holds: boolean): void {
  const [dt, whole] = [(until - v.t0) / 1e9, (v.t1 - v.t0) / 1e9];
  const share = whole > 0 ? dt / whole : 0;
  const [p0, p1] = [totalW(v.from), totalW(v.to)];
  if (v.kind === "gap") {
    out[Sum.gapJ]! += dt * (p0 + (share * (p1 - p0)) / 2);
    out[Sum.gapS]! += dt;
    out[Sum.gapSquareS2]! += share * whole * whole;
    return;
  }
  v.from.rails.forEach((rail, r) =>
    rail.forEach((x0, k) => {
      const x1 = v.to.rails[r]![k]!;
      const part = dt * (holds ? x0 : x0 + (share * (x1 - x0)) / 2);
      out[Sum.rails + 3 * r + k]! += part;
      if (k === 0) out[Sum.energyJ]! += part;
    }),
  );
  out[Sum.coveredS]! += dt;
}
