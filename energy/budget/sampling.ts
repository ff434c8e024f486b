// What is not known between rows and at a window's ends. In: a rig. Out: terms of the budget, another error in each
// window.

import { loadSensors, type Rig } from "../../schema/rig.ts";
import { NS_PER_S } from "../../schema/time.ts";
import { mostOf, rootSquares } from "../../stats/summary.ts";
import { Sum } from "../integrate.ts";
import type { Integrals } from "../snapshots.ts";
import type { Window } from "../window.ts";
import { ownOf, type Source, stated } from "./term.ts";

export function samplingSources(rig: Rig): Source[] {
  const lagS = longestLagS(rig);
  const instants = rig.device.sampling === "instant";
  const inRow = instants ? inStep : inMean;
  return [
    ...(instants
      ? [ownOf("sampling (steps between rows)", "B", ({ w, s }) => betweenRows(w, s))]
      : []),
    ownOf("window edges (sampling)", "B", ({ w, s }) => edgeSampling(w, s, inRow)),
    ownOf("window edges (marks)", "B", ({ w, s }) => edgeMarks(w, s)),
    stated("window edges (bandwidth)", ({ w, s }) => edgeLag(w, s, lagS)),
  ];
}

/** A step ΔP somewhere between two rows: the trapezoid is off by a uniform ±ΔP·dt/2, independently each time. */
function betweenRows(w: Window, s: Integrals): number {
  const samples = s.between(w.t0Ns, w.t1Ns, Sum.samples);
  if (samples < 1) return 0;
  const dt = s.between(w.t0Ns, w.t1Ns, Sum.coveredS) / samples;
  return dt * Math.sqrt(Math.max(0, s.between(w.t0Ns, w.t1Ns, Sum.stepSquareW2)) / 12);
}

function edgeSampling(w: Window, s: Integrals, inRow: (share: number) => number): number {
  return rootSquares(
    [w.t0Ns, w.t1Ns].map((t) => {
      const step = s.value(t, Sum.after) - s.value(t, Sum.before);
      const u = Math.abs(step) * s.value(t, Sum.distanceS) * inRow(s.value(t, Sum.share));
      return Number.isFinite(u) ? u : 0;
    }),
  );
}

/** Between two instants the trace is unknown: a step lies uniformly in the interval that holds the edge. */
const inStep = (): number => 1 / Math.sqrt(12);

/** Of a mean the whole is known, not where in its time it lies: a step at the edge moves that by share · (1 − share). */
const inMean = (share: number): number => (share * (1 - share)) / Math.sqrt(3);

function edgeMarks(w: Window, s: Integrals): number {
  const at = (t: number, uNs: number): number => {
    const power = Math.max(Math.abs(s.value(t, Sum.before)), Math.abs(s.value(t, Sum.after)));
    return Number.isFinite(power) ? (power * uNs) / NS_PER_S : 0;
  };
  return Math.hypot(at(w.t0Ns, w.u0Ns), at(w.t1Ns, w.u1Ns));
}

/** First-order lag of what sees the rails, s: of the slowest sensor of power; else of the whole path, if stated. */
function longestLagS(rig: Rig): number {
  const lags = loadSensors(rig).map(({ bandwidthHz }) =>
    bandwidthHz === undefined
      ? (rig.stepResponseS ?? 0) / RISE_TIMES
      : 1 / (2 * Math.PI * bandwidthHz),
  );
  return mostOf(lags, 0);
}

/** A first-order lag rises from 10 to 90 % in so many of its time constants: ln 9. */
const RISE_TIMES = Math.log(9);

/**
 * What lags by τ shows τ · (P(end) − P(begin)) of a window's energy after its end (∫ (x − y) dt = τ · Δy of τ · dy/dt =
 * x − y). It is not corrected, so that windows side by side add up to the whole: a known effect of that size, whole.
 */
function edgeLag(w: Window, s: Integrals, lagS: number): number {
  const at = (t: number): number => (s.value(t, Sum.before) + s.value(t, Sum.after)) / 2;
  const lackingJ = lagS * (at(w.t1Ns) - at(w.t0Ns));
  return Number.isFinite(lackingJ) ? lackingJ : 0;
}
