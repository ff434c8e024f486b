// What each channel claims for a window: plain, as whoever reads the driver would get it; with its own filter taken out;
// and what strobing channels could have claimed. Beside the shunts' Joules, where these feed what it measures.

import { isTraced, type Scan } from "../../align/scanned.ts";
import { NS_PER_S } from "../../schema/time.ts";
import { leastOf, mostOf } from "../../stats/summary.ts";
import type { Channel, Claimed, ClaimStatus, Strobed } from "../claimed.ts";
import { atBest, quality, type Quality } from "../quality.ts";
import type { PhysicalEnergy, TelemetryEnergy, WindowResult } from "../result.ts";
import type { Window } from "../window.ts";
import type { FilterFit } from "./filter-fit.ts";
import { idealJ, idealUJ, shownIn } from "./filtered.ts";
import type { PowerPrefix } from "./prefix.ts";
import { isResolved, withMissed } from "./resolution.ts";
import { measuredBy } from "./scope.ts";
import { STROBE } from "./sensors.ts";
import type { Claim, Series } from "./series.ts";
import { strobeRangeJ } from "./strobe.ts";
import { summedClaims } from "./sums.ts";

/** What a counter could have claimed for a window: wanted twice, found once. */
export class SeenByCounter {
  readonly strobed: Strobed;
  readonly window: Window;
  #rangeJ: readonly [number, number] | undefined;

  constructor(strobed: Strobed, window: Window) {
    this.strobed = strobed;
    this.window = window;
  }

  get rangeJ(): readonly [number, number] {
    const { t0Ns, t1Ns } = this.window;
    const { behind, counter } = this.strobed;
    return (this.#rangeJ ??= strobeRangeJ(behind, t0Ns, t1Ns, counter.sampleNs, 0));
  }
}

/** A window, its Joules by the shunts, and its stretch of their trace; both null without one. */
export interface Measured {
  readonly window: Window;
  readonly physical: PhysicalEnergy | null;
  readonly seen: SeenByCounter | null;
}

export function telemetryOf(claimed: Claimed, m: Measured): TelemetryEnergy[] {
  const each = [...claimed.channels.values()].flatMap((channel) => claimsOf(channel, claimed, m));
  const { window, physical } = m;
  const ns = window.t1Ns - window.t0Ns;
  const isSeen = (name: string): boolean => {
    const channel = claimed.channels.get(name);
    return channel !== undefined && isResolved(channel.sight, ns);
  };
  const sums = summedClaims(each, claimed.scope.together).map(({ of, claim }) =>
    row(of, claim, {
      ...{ window, physical, status: claimed.status },
      isResolved: of.sums.every(isSeen),
    }),
  );
  return [...each, ...sums];
}

function claimsOf(channel: Channel, claimed: Claimed, m: Measured): TelemetryEnergy[] {
  const { window: w } = m;
  const { series, sight, isFed } = channel;
  const physical = isFed ? m.physical : null;
  const ns = w.t1Ns - w.t0Ns;
  const claim = series.claim(w.t0Ns, w.t1Ns);
  const at: RowContext = {
    ...{ window: w, physical, status: claimed.status },
    isResolved: isResolved(sight, ns),
  };
  const of = (method: TelemetryEnergy["method"]) => ({ channel: channel.name, method });
  const spread = physical && spreadOf(channel, claimed.trace, m);
  const missed = withMissed(claim, series, spread ? { ...sight, isUnseenKnown: true } : sight, ns);
  const plain = row(
    of(series.isCounter ? "counter" : "trapezoid"),
    heldBy(missed, claim, physical, spread),
    at,
  );
  // An exact counter has no filter that could be taken out, nor has a meter whose reads are all that there is.
  if (!claimed.trace || !physical || !Number.isFinite(claim.energyJ)) return [plain];
  const matched = series.isCounter
    ? spread && spreadClaim(claim, physical, spread)
    : channel.filter && w.t1Ns <= series.endNs
      ? matchedClaim(claim, {
          window: w,
          series,
          physical,
          filter: channel.filter,
          trace: claimed.trace,
        })
      : null;
  return matched ? [plain, row(of("filter_matched"), matched, at)] : [plain];
}

/**
 * What a channel that sees a part of the time could have claimed of this load, over all phases of its samples, J:
 * of counters on cards that were seen to sample, and of a channel whose window is shorter than its period, or of
 * which nobody knows the window: it may have none.
 */
function spreadOf(
  { name, series, sight: { windowNs, updateNs } }: Channel,
  trace: PowerPrefix | null,
  { window: w, seen }: Measured,
): readonly [number, number] | null {
  if (series.isCounter) return seen && name.startsWith("nvml.") ? seen.rangeJ : null;
  if (!trace || !(windowNs < updateNs)) return null;
  return strobeRangeJ(trace, w.t0Ns, w.t1Ns, updateNs, windowNs);
}

/** A claim with what its samples may have caught more or less of the load than there was. */
function heldBy(
  missed: Claim,
  claim: Claim,
  physical: PhysicalEnergy | null,
  spread: readonly [number, number] | null,
): Claim {
  const of = physical && spread && spreadClaim(claim, physical, spread);
  if (!of) return missed;
  const [low, high] = missed.intervalJ;
  const [below, above] = [claim.intervalJ[0] - low, high - claim.intervalJ[1]];
  const [least, most] = of.intervalJ;
  return { ...missed, intervalJ: [Math.min(low, least - below), Math.max(high, most + above)] };
}

/** Of the sum of two errors that may lie anywhere within like bounds, 95 % stay within this share of both bounds. */
const TWO_UNIFORM = 1 - Math.sqrt(0.05);

/** With the effect of its samples' phase taken out, as far as that is known: any phase is as likely. */
function spreadClaim(
  claim: Claim,
  { energyJ }: PhysicalEnergy,
  [low, high]: readonly [number, number],
): Claim | null {
  if (!(low > 0 && energyJ > 0)) return null;
  const at = (j: number): number => claim.energyJ * (energyJ / j);
  const own = at((low + high) / 2);
  // Where the reads fell at either end and where the samples did are things of chance that have nothing in common.
  const [readLow, readHigh] = claim.intervalJ.map(
    (j) => TWO_UNIFORM * own * (j / claim.energyJ - 1),
  );
  return {
    ...claim,
    energyJ: own,
    intervalJ: [
      own - Math.hypot(readLow ?? 0, own - at(high)),
      own + Math.hypot(readHigh ?? 0, at(low) - own),
    ],
  };
}

interface Matching {
  readonly window: Window;
  readonly series: Series;
  readonly physical: PhysicalEnergy;
  readonly filter: FilterFit;
  readonly trace: PowerPrefix;
}

/** Of what is taken out, two standard uncertainties. */
const K = 2;

/**
 * The claim with the filter's own effect taken out, so that what is left is the sensor's gain and offset: the gain went
 * with what the filter saw, the offset with time. Its interval is of what is not known of that effect: the filters that
 * are not excluded, the updates' instants, what the filter leaves unexplained, power before the trace began. What the
 * maker states of a reading is no part of it: that is what is measured here.
 */
function matchedClaim(
  claim: Claim,
  { physical: { energyJ }, filter, trace, series, window: w }: Matching,
): Claim | null {
  const shown = shownIn(series, w.t0Ns, w.t1Ns, filter.updateNs);
  const seconds = (w.t1Ns - w.t0Ns) / NS_PER_S;
  const ideals = filter.among.map((f) => idealJ(shown, trace, f));
  const matched = filter.among.map(({ offsetW }, k) => {
    const offsetJ = offsetW * seconds;
    return (ideals[k] ?? []).map((j) => (claim.energyJ - offsetJ) * (energyJ / j) + offsetJ);
  });
  // The filter itself comes first.
  const [ideal] = ideals;
  const [own] = matched;
  if (!own || !ideal || !(energyJ > 0 && ideal[0] > 0)) return null;
  const u = (K * idealUJ(shown, trace, filter) * Math.abs(claim.energyJ)) / ideal[0];
  const all = matched.flat();
  return {
    ...claim,
    energyJ: ((own[0] ?? NaN) + (own[1] ?? NaN)) / 2,
    intervalJ: [leastOf(all) - u, mostOf(all) + u],
  };
}

interface RowContext {
  readonly window: Window;
  readonly physical: PhysicalEnergy | null;
  readonly status: ClaimStatus;
  readonly isResolved: boolean;
}

function row(
  of: Pick<TelemetryEnergy, "channel" | "method" | "sums">,
  claim: Claim,
  { window: w, physical, status, isResolved }: RowContext,
): TelemetryEnergy {
  const durationS = (w.t1Ns - w.t0Ns) / NS_PER_S;
  const found = quality(claim.samples, durationS, claim.gapFraction);
  const tier = isUsed(found) && !isResolved ? "unresolved" : found;
  const isSeen = found !== "no_data" && physical !== null && physical.energyJ > 0;
  return {
    ...of,
    measures: measuredBy(of.channel),
    ...claim,
    meanPowerW: durationS > 0 ? claim.energyJ / durationS : NaN,
    ...((isSeen && errorOf(claim, physical)) || NO_ERROR),
    status,
    quality: status === "void" ? atBest(tier, "good") : tier,
  };
}

const isUsed = (tier: Quality): boolean =>
  tier === "estimate" || tier === "good" || tier === "billable";

type ClaimError = Pick<TelemetryEnergy, "errorPct" | "errorUncertaintyPct" | "errorIntervalPct">;

const NO_ERROR: ClaimError = { errorPct: null, errorUncertaintyPct: null, errorIntervalPct: null };

/**
 * Claimed over physical − 1, with what both leave open on either side, in quadrature: a claim that is higher, or rails
 * that took less, make it higher. What is not known of either makes it unknown.
 */
function errorOf({ energyJ, intervalJ }: Claim, physical: PhysicalEnergy): ClaimError | null {
  const ratio = energyJ / physical.energyJ;
  const [least, most] = intervalJ.map((j) => j / energyJ - 1);
  const [lower, higher] = physical.intervalJ.map((j) => physical.energyJ / Math.max(0, j) - 1);
  const up = ratio * (1 + Math.hypot(most!, lower!)) - 1;
  const down = ratio * (1 - Math.min(1, Math.hypot(least!, higher!))) - 1;
  const pct = [ratio - 1, down, up].map((x) => 100 * x);
  if (!Number.isFinite(pct[0]) || Number.isNaN(pct[1]) || Number.isNaN(pct[2])) return null;
  const [errorPct, lo, hi] = pct as [number, number, number];
  const u = Math.max(hi - errorPct, errorPct - lo);
  return {
    errorPct,
    errorUncertaintyPct: Number.isFinite(u) ? u : null,
    errorIntervalPct: [lo, hi],
  };
}

/** Only where the outline still resolves the strobe. */
export function strobeOf(seen: SeenByCounter, scan: Scan): WindowResult["strobe"] {
  const { strobed, window: w } = seen;
  if (!isTraced(scan)) return null;
  const cellNs = (scan.stream.outline.rowsPerCell * NS_PER_S) / scan.rig.device.rowHz;
  if (cellNs > strobed.counter.sampleNs / 4 || w.t1Ns - w.t0Ns < 10 * STROBE.updateNs) return null;
  const counterJ = seen.rangeJ;
  const instantJ = strobeRangeJ(strobed.trace, w.t0Ns, w.t1Ns, STROBE.updateNs, STROBE.windowNs);
  return Number.isFinite(counterJ[0]) ? { counterJ, instantJ } : null;
}
