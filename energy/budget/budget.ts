// The uncertainty budget of one window's physical Joules (GUM, JCGM 100:2008): each source its own row,
// a standard uncertainty already multiplied by its sensitivity, in joules. What is common to all samples
// (gain, offset, clock) enters whole; what averages enters divided by the effective sample size.

import type { DaqClock } from "../../align/clocks/segments.ts";
import type { RowLayout } from "../../schema/records.ts";
import { mostUnmeasuredW, type Rig } from "../../schema/rig.ts";
import { normalCdf, tQuantile } from "../../stats/distributions.ts";
import { valueAt } from "../../stats/places.ts";
import { Sum } from "../integrate.ts";
import type { Integrals } from "../snapshots.ts";
import type { Load } from "../load.ts";
import { activeS, clippedU, gapsU, observedShare, outsideOf } from "../unobserved.ts";
import type { Window } from "../window.ts";
import { clockSources, shiftedEnds } from "./clocks.ts";
import { noiseSources } from "./noise.ts";
import { samplingSources } from "./sampling.ts";
import { type RunNoise, sensorSources } from "./sensors.ts";
import { type BudgetTerm, ownOf, type Seen, type Source } from "./term.ts";

/** k = 2: about 95 % for a budget of several terms. */
export const COVERAGE_FACTOR = 2;

/** What a whole run says of each of its windows. */
export interface OfRun extends RunNoise {
  /** What may have run while nobody looked. */
  readonly load: Load;
}

/** What a window's Joules may be off by. */
export interface Uncertainty {
  /** Standard, J: all terms; those that windows of the run may have in common; those of this window alone. */
  readonly uJ: number;
  readonly commonUJ: number;
  readonly independentUJ: number;
  /** By Welch and Satterthwaite; Infinity where nothing was estimated from few values. */
  readonly dof: number;
  /** k of the expanded uncertainty: 2, or more by Student's t where that has few degrees of freedom. */
  readonly coverageFactor: number;
  /** Up to so many Joules more, on rails that nobody measures. */
  readonly unmeasuredJ: number;
}

/** The sources of doubt that a rig, its stream and its clock have: the same in every window. */
export class Budget {
  readonly #sources: readonly Source[];
  readonly #clock: DaqClock;
  readonly #run: OfRun;
  readonly #unmeasuredW: number;
  readonly #contributionsJ: Float64Array;

  /** @param layout of the stream: what a sensor's field is quantised by. */
  constructor(rig: Rig, layout: RowLayout, clock: DaqClock, run: OfRun) {
    this.#clock = clock;
    this.#run = run;
    this.#unmeasuredW = mostUnmeasuredW(rig);
    this.#sources = [
      ...sensorSources(rig, layout, run),
      ...noiseSources(rig, run),
      ...samplingSources(rig),
      ...clockSources(clock),
      ownOf("not observed", "B", ({ w, s }) => outsideOf(w, s).uJ),
      { term: "clipped rows", type: "B", windows: "unknown", of: ({ w, s }) => clippedU(w, s) },
      { term: "gaps", type: "A", windows: "unknown", of: ({ w, s }) => gapsU(w, s, run.load) },
    ];
    this.#contributionsJ = new Float64Array(this.#sources.length);
  }

  /** Works a window out: independent terms add in quadrature. */
  of(w: Window, s: Integrals): Uncertainty {
    const durationS = activeS(w, s);
    const { noise } = this.#run;
    const seen: Seen = {
      w,
      s,
      durationS,
      energyJ: s.between(w.t0Ns, w.t1Ns, Sum.energyJ),
      whole: 1 / observedShare(w, s),
      noiseW: durationS > 0 ? noise.meanU(durationS) : 0,
      runNoiseW: durationS > 0 ? noise.runU : 0,
      shifted: shiftedEnds(w, this.#clock),
    };
    let [common, independent, estimated] = [0, 0, 0];
    this.#sources.forEach((source, i) => {
      const j = source.of(seen);
      this.#contributionsJ[i] = j;
      if (!(Math.abs(j) > 0)) return;
      if (source.windows === "independent") independent += j ** 2;
      else common += j ** 2;
      if (source.dof !== undefined) estimated += j ** 4 / source.dof;
    });
    const squares = common + independent;
    const dof = estimated > 0 ? squares ** 2 / estimated : Infinity;
    return {
      uJ: Math.sqrt(squares),
      commonUJ: Math.sqrt(common),
      independentUJ: Math.sqrt(independent),
      dof,
      coverageFactor: coverageFactor(dof),
      unmeasuredJ: this.#unmeasuredW * durationS,
    };
  }

  /** Of the window worked out last: what contributes, most first. */
  terms(): BudgetTerm[] {
    return this.#sources
      .map(({ term, type, windows }, i) => {
        const j = valueAt(this.#contributionsJ, i);
        return { term, type, correlation: correlation(windows, j), contributionJ: Math.abs(j) };
      })
      .filter((t) => t.contributionJ > 0)
      .sort((a, b) => b.contributionJ - a.contributionJ);
  }
}

function correlation(windows: Source["windows"], signedJ: number): BudgetTerm["correlation"] {
  if (windows === "unknown") return null;
  if (windows === "independent") return 0;
  return signedJ < 0 ? -1 : 1;
}

/** Fewer degrees of freedom than this: k is Student's, for the 95.45 % of k = 2 (GUM G.6.4). */
const MANY = 50;

const coverageFactor = (dof: number): number =>
  dof < MANY ? tQuantile(1 - NORMAL_TAIL, Math.max(1, dof)) : COVERAGE_FACTOR;

/** Of a normal deviate beyond 2, one side. */
const NORMAL_TAIL = 1 - normalCdf(COVERAGE_FACTOR);
