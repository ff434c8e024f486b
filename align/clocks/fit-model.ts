// Pairings and their fit → a published clock model with residuals and what it rests on.

import {
  type ClockModel,
  type ClockPairing,
  type ClockPrior,
  fixedModel,
  type LineFit,
  toSessionNs,
} from "./clock.ts";
import type { EdgeList, Match, Polarity } from "./match.ts";
import { fitWander } from "./wander.ts";
import type { Observation } from "../../schema/findings.ts";

/** Whose model it is to be, and what the evidence for it was. */
export interface Modelled extends Pick<ClockModel, "clock" | "method"> {
  readonly prior: ClockPrior;
}

/** Pairings with the line through them, and what is to be said of them. */
export interface FittedPairs {
  readonly pairs: readonly ClockPairing[];
  readonly fit: LineFit;
  readonly findings?: readonly Observation[];
}

export function matchedModel(of: Modelled, match: Match, systematicNs: number): ClockModel {
  return {
    ...modelOf(of, match, systematicNs),
    edgesMissing: match.missing,
    edgesExtra: match.extra,
  };
}

/** @param systematicNs what the pairings share and their scatter cannot show, standard uncertainty. */
export function modelOf(
  { clock, method, prior }: Modelled,
  { pairs, fit, findings = [] }: FittedPairs,
  systematicNs: number,
): ClockModel {
  const line = {
    ...fixedModel(clock, prior),
    ...fit,
    findings: [...fit.findings, ...findings],
    wander: fitWander(pairs, fit),
    uOffsetNs: Math.hypot(fit.uOffsetNs, systematicNs),
  };
  const residuals = pairs.map((p) => ({
    tNs: p.sessionNs,
    residualNs: p.sessionNs - toSessionNs(line, p.device),
  }));
  const squares = residuals.reduce((sum, r) => sum + r.residualNs ** 2, 0);
  return {
    ...line,
    method,
    residuals,
    residualRmsNs: Math.sqrt(squares / Math.max(1, pairs.length)),
    edgesUsed: pairs.length,
    startDelayNs: Number.isFinite(prior.startUNs) ? toSessionNs(line, 0) - prior.startNs : null,
  };
}

export function edgeList(rows: (readonly [number, number])[]): EdgeList {
  const sorted = [...rows].sort((a, b) => a[0] - b[0]);
  return {
    t: Float64Array.from(sorted, (r) => r[0]),
    polarity: Int8Array.from(sorted, (r) => r[1] as Polarity),
  };
}
