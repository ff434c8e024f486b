// The telemetry of a run, and its physical trace → what each channel claims for a window: plain, and with its own
// filter taken out; what strobing channels could have claimed.
// Holds: a claim is set beside the shunts' Joules only where there are some; its series has no misplaced reads.

import type { SessionClocks } from "../align/clocks/fit.ts";
import { isTraced, type Scan, type TelemetrySeries } from "../align/scanned.ts";
import { NS_PER_S } from "../schema/time.ts";
import {
  type Misplaced,
  misplacedReads,
  sharingStamps,
  withoutReads,
} from "./claims/clock-sets.ts";
import { filteredEnergyJ, fitFilter, type FilterFit, strobeRangeJ } from "./claims/filter.ts";
import { type Lag, lagOf } from "./claims/lag.ts";
import { lowPassed, PowerPrefix } from "./claims/prefix.ts";
import { type CounterModel, knownCounter, knownSensor, STROBE } from "./claims/sensors.ts";
import { gpusOf, limitOf, mostPowerW, type Readings, readingsOf } from "./claims/limits.ts";
import { measuredBy, type Scope, scopeOf } from "./claims/scope.ts";
import { summedClaims } from "./claims/sums.ts";
import { type Claim, Series } from "./claims/series.ts";
import { type PlacedTrace, placedTrace, traceMeans } from "./claims/trace-means.ts";
import { quality } from "./quality.ts";
import type { PhysicalEnergy, TelemetryEnergy, WindowResult } from "./result.ts";
import type { Window } from "./window.ts";

/** All channels that claim Joules, by name. */
export interface Claimed {
  readonly series: ReadonlyMap<string, Series>;
  /** What their devices can draw at most, and which reads say more. */
  readonly readings: readonly Readings[];
  /** Which of them measure what the rails feed: no other is set against them. */
  readonly scope: Scope;
  /** Reads that a clock set on the way put at a wrong time; they are left out of `series`. */
  readonly misplaced: readonly Misplaced[];
  /** None without a physical trace. */
  readonly filters: ReadonlyMap<string, FilterFit>;
  readonly lags: readonly Lag[];
  readonly trace: PowerPrefix | null;
  /** None of a card of which nobody knows what strobes on it. */
  readonly strobed: Strobed | null;
}

export function claimedIn(scan: Scan, clocks: SessionClocks): Claimed {
  const placed = scan.stream && clocks.daq ? placedTrace(scan.stream.outline, clocks.daq) : null;
  const trace = placed && new PowerPrefix(placed.tNs, placed.powerW);
  const readings = scan.telemetry
    .filter(({ channel }) => /^(power|energy)$/.test(channel.quantity))
    .map((s) => readingsOf(s, mostPowerW(s.channel.name, limitOf(s.channel.name, scan))));
  const scope = scopeOf(
    scan.rig,
    readings.map((r) => r.series.channel.name),
    gpusOf(scan.attachments),
  );
  const { claims, misplaced } = placedClaims(
    readings.map((r) => r.series),
    placed,
    scope,
  );
  const series = new Map(claims.map((s, i) => [s.channel.name, new Series(s, readings[i]!.mostW)]));
  const ofRails = claims.filter((c) => scope.holds(c.channel.name));
  const filters = trace
    ? fitFilters(
        scan,
        [...series].filter(([name]) => scope.holds(name)),
        trace,
      )
    : new Map<string, FilterFit>();
  const lags = placed ? lagsOf(ofRails, placed) : [];
  const strobed = strobedBy(scan, trace);
  return { series, readings, scope, misplaced, filters, lags, trace, strobed };
}

/** Channels that claim Joules, without the reads that a clock set on the way put at a wrong time. */
function placedClaims(
  claims: readonly TelemetrySeries[],
  placed: PlacedTrace | null,
  scope: Scope,
): { claims: readonly TelemetrySeries[]; misplaced: Misplaced[] } {
  if (!placed) return { claims, misplaced: [] };
  const trace = traceMeans(placed);
  const found = claims.flatMap((s) =>
    s.channel.quantity === "power" && scope.holds(s.channel.name)
      ? (misplacedReads(s, trace) ?? [])
      : [],
  );
  const misplaced = sharingStamps(found, claims);
  const left = new Map(misplaced.map((m) => [m.channel, m.reads]));
  return { claims: claims.map((s) => withoutReads(s, left.get(s.channel.name) ?? [])), misplaced };
}

const lagsOf = (claims: readonly TelemetrySeries[], placed: PlacedTrace): Lag[] =>
  claims.flatMap((s) => (s.channel.quantity === "power" ? (lagOf(s, placed) ?? []) : []));

function fitFilters(
  scan: Scan,
  series: Iterable<readonly [name: string, Series]>,
  trace: PowerPrefix,
): Map<string, FilterFit> {
  const gpu = gpuOf(scan);
  const fits = new Map<string, FilterFit>();
  for (const [name, s] of series) {
    if (s.isCounter) continue;
    const fit = fitFilter(s, trace, knownSensor(gpu, name));
    if (fit) fits.set(name, fit);
  }
  return fits;
}

/** As the driver gives it, "" where nobody says. */
const gpuOf = ({ session: { source, labels } }: Scan): string =>
  labels["gpu"] ?? (source === "virtual" ? "virtual" : "");

/** A trace, and what strobing channels see of it. */
export interface Strobed {
  readonly trace: PowerPrefix;
  readonly counter: CounterModel;
  /** Behind the counter's low-pass. */
  readonly behind: PowerPrefix;
}

function strobedBy(scan: Scan, trace: PowerPrefix | null): Strobed | null {
  const counter = knownCounter(gpuOf(scan));
  return trace && counter ? { trace, counter, behind: lowPassed(trace, counter.lowPassNs) } : null;
}

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

export function telemetryOf(c: Claimed, m: Measured): TelemetryEnergy[] {
  const each = [...c.series].flatMap(([name, s]) => claimsOf(name, s, c, m));
  const sums = summedClaims(each, c.scope.together);
  return [...each, ...sums.map(({ of, claim }) => row(of, claim, m))];
}

function claimsOf(channel: string, s: Series, c: Claimed, m: Measured): TelemetryEnergy[] {
  const { window: w } = m;
  const physical = c.scope.holds(channel) ? m.physical : null;
  const claim = s.claim(w.t0Ns, w.t1Ns);
  const plain = row({ channel, method: s.isCounter ? "counter" : "trapezoid" }, claim, {
    window: w,
    physical,
  });
  if (!c.trace || !physical || !Number.isFinite(claim.energyJ) || !(physical.energyJ > 0))
    return [plain];
  const filter = c.filters.get(channel);
  const isKnown = m.seen && /^nvml\./.test(channel);
  const seen = s.isCounter
    ? isKnown && m.seen.rangeJ
    : filter && filteredEnergyJ(s, c.trace, filter, w.t0Ns, w.t1Ns);
  if (!seen || !(seen[0] > 0)) return [plain];
  // The claim with the filter's own effect taken out, so that what is left is gain and offset.
  const scale = (j: number): number => physical.energyJ / j;
  const [low, high] = seen;
  const matched: Claim = {
    ...claim,
    energyJ: claim.energyJ * scale((low + high) / 2),
    intervalJ: [claim.intervalJ[0] * scale(high), claim.intervalJ[1] * scale(low)],
  };
  return [plain, row({ channel, method: "filter_matched" }, matched, { window: w, physical })];
}

function row(
  of: Pick<TelemetryEnergy, "channel" | "method" | "sums">,
  claim: Claim,
  { window: w, physical }: Pick<Measured, "window" | "physical">,
): TelemetryEnergy {
  const durationS = (w.t1Ns - w.t0Ns) / NS_PER_S;
  const error = physical && physical.energyJ > 0 ? errorOf(claim, physical) : null;
  return {
    ...of,
    measures: measuredBy(of.channel),
    ...claim,
    ...(error ?? { errorPct: null, errorUncertaintyPct: null, errorIntervalPct: null }),
    quality: quality(claim.samples, durationS, claim.gapFraction),
  };
}

type ClaimError = Pick<TelemetryEnergy, "errorPct" | "errorUncertaintyPct" | "errorIntervalPct">;

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
