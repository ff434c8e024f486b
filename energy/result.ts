// What a comparison starts from and what comes out of it.

import type { SessionClocks } from "../align/clocks/fit.ts";
import type { Lag } from "./claims/lag.ts";
import type { Scan } from "../align/scanned.ts";
import type { TimelineCounts } from "../align/timeline.ts";
import type { BudgetTerm } from "./budget/term.ts";
import type { NameSummary } from "./by-name.ts";
import type { KernelSummary } from "./cuda-kernels.ts";
import type { ClaimStatus } from "./claimed.ts";
import type { Doubts } from "./doubts.ts";
import type { FilterFit } from "./claims/filter-fit.ts";
import type { FigureColumns } from "./physical.ts";
import type { Quality } from "./quality.ts";
import type { Shortest, ShortestClaim } from "./shortest.ts";
import type { Window } from "./window.ts";
import type { WindowList } from "./windows.ts";
import type { Finding } from "../schema/findings.ts";

export interface PhysicalEnergy {
  readonly energyJ: number;
  /** Of the rails that are measured; NaN, as the Joules are, where these are not known. */
  readonly expandedUncertaintyJ: number;
  readonly coverageFactor: number;
  /** What the truth lies in: up to `unmeasuredJ` higher than the uncertainty alone says. */
  readonly intervalJ: readonly [number, number];
  readonly unmeasuredJ: number;
  /** Standard: of errors that all windows of the run have together, and of the others. */
  readonly commonUJ: number;
  readonly independentUJ: number;
  /** Infinity where nothing was estimated from few values. */
  readonly degreesOfFreedom: number;
  readonly meanPowerW: number;
  /** E − P_idle·T, not clamped, and its expanded uncertainty; null where the run has no stretch outside its marked windows. */
  readonly operationalJ: number | null;
  readonly operationalUJ: number | null;
  readonly samples: number;
  readonly gapFraction: number;
  /** The longest stretch that was not observed, s. */
  readonly maxGapS: number;
  /** Part of `energyJ` that bridges gaps. */
  readonly bridgedJ: number;
  readonly quality: Quality;
  readonly budget: readonly BudgetTerm[];
}

export interface TelemetryEnergy {
  readonly channel: string;
  /** Of a sum: the channels that are in it. */
  readonly sums?: readonly string[];
  /** `gpu:0`, `cpu:0`, `module`, `other`; set against the rails only where these feed it. */
  readonly measures: string;
  readonly method: "trapezoid" | "counter" | "filter_matched";
  readonly energyJ: number;
  readonly intervalJ: readonly [number, number];
  readonly meanPowerW: number;
  readonly errorPct: number | null;
  /** The further one of the interval's sides. */
  readonly errorUncertaintyPct: number | null;
  readonly errorIntervalPct: readonly [number, number] | null;
  readonly samples: number;
  /** Values that it showed, a value shown again not counted. */
  readonly updates: number;
  readonly gapFraction: number;
  readonly failedReads: number;
  readonly quality: Quality;
  readonly status: ClaimStatus;
}

export interface WindowResult {
  readonly window: Window;
  readonly physical: PhysicalEnergy | null;
  readonly telemetry: readonly TelemetryEnergy[];
  /** What strobing channels could claim for this load, by phase alone, J: from the shunt trace. */
  readonly strobe: {
    readonly counterJ: readonly [number, number];
    readonly instantJ: readonly [number, number];
  } | null;
}

export interface Comparison {
  readonly scan: Scan;
  readonly clocks: SessionClocks;
  /** Some of all windows, in their order, each with its budget and claims. */
  readonly windows: readonly WindowResult[];
  /** All windows, and what is known of each; no figures without a physical trace. */
  readonly list: WindowList;
  readonly figures: FigureColumns | null;
  /** Why a row's window is suspect. */
  readonly doubts: Doubts;
  readonly byName: readonly NameSummary[];
  /** Kernels of CUDA programs; null where none were recorded or no physical trace was. */
  readonly kernels: KernelsEnergy | null;
  readonly filters: ReadonlyMap<string, FilterFit>;
  readonly claimStatus: ClaimStatus;
  readonly lags: readonly Lag[];
  readonly idle: IdlePower | null;
  readonly shortest: ShortestEvents;
  readonly counts: TimelineCounts | null;
  /** Losses and doubts first. */
  readonly findings: readonly Finding[];
  /** Their texts. */
  readonly warnings: readonly string[];
  /** Something was lost or is doubtful: exit 3. */
  readonly degraded: boolean;
}

/** The shortest event that each of them can resolve. */
export interface ShortestEvents {
  /** Null without a physical trace. */
  readonly rails: Shortest | null;
  readonly claims: readonly ShortestClaim[];
}

/** Mean power outside all marked windows. */
export interface IdlePower {
  readonly powerW: number;
  readonly expandedUncertaintyW: number;
  /** Of the Joules of `lengthS`. */
  readonly budget: readonly BudgetTerm[];
  readonly lengthS: number;
}

export interface KernelsEnergy {
  /** In the order of the kernel table. */
  readonly energyJ: Float64Array;
  /** Rows of the table that have a window. */
  readonly rows: readonly number[];
  /** Most Joules first. */
  readonly byName: readonly KernelSummary[];
}

/** A run read once, its clocks fitted and its windows known: what the pass over the samples needs. */
export interface Prepared {
  readonly scan: Scan;
  readonly clocks: SessionClocks;
  readonly windows: WindowList;
  /** Of marks that do not pair, and of kernels. */
  readonly pairing: readonly Finding[];
  /** Rows of the kernel table that have a window, which are the last ones of `windows`. */
  readonly kernelRows: readonly number[];
}
