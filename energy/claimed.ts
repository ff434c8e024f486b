// The telemetry of a run, and its physical trace → its channels as witnesses: what each measures, how it sees what the
// rails feed, which of its reads are readings. What they claim for a window is in claims/window-claims.ts.
// Holds: a claim is set beside the shunts' Joules only where there are some; its series has no misplaced reads.

import type { SessionClocks } from "../align/clocks/fit.ts";
import type { Scan, TelemetrySeries } from "../align/scanned.ts";
import {
  type Misplaced,
  misplacedReads,
  sharingStamps,
  withoutReads,
} from "./claims/clock-sets.ts";
import { fitFilter, type FilterFit } from "./claims/filter-fit.ts";
import { LONGEST } from "./claims/filter-trials.ts";
import { type Lag, lagOf } from "./claims/lag.ts";
import {
  cardOf,
  isCard,
  limitOf,
  mostPowerW,
  type Readings,
  readingsOf,
  gpusOf,
} from "./claims/limits.ts";
import { lowPassed, PowerPrefix } from "./claims/prefix.ts";
import { ownSight, type Sight } from "./claims/resolution.ts";
import { type Scope, scopeOf } from "./claims/scope.ts";
import {
  type CounterModel,
  knownCounter,
  type KnownSensor,
  knownSensor,
} from "./claims/sensors.ts";
import { Series } from "./claims/series.ts";
import { type PlacedTrace, placedTrace, traceMeans } from "./claims/trace-means.ts";

/** A channel that claims Joules. */
export interface Channel {
  readonly name: string;
  readonly series: Series;
  /** It measures what the rails feed: no other is set against them. */
  readonly isFed: boolean;
  /** What it can tell of a window at best. */
  readonly sight: Sight;
  /** How it sees the rails; null of a counter, and where nobody knows. */
  readonly filter: FilterFit | null;
}

/** What a claim counts for: `void` without a physical trace to set it against. */
export type ClaimStatus = "admissible" | "void" | "simulated";

/** All channels that claim Joules. */
export interface Claimed {
  /** By name. */
  readonly channels: ReadonlyMap<string, Channel>;
  readonly status: ClaimStatus;
  /** What their devices can draw at most, and which reads say more. */
  readonly readings: readonly Readings[];
  readonly scope: Scope;
  /** Reads that a clock set on the way put at a wrong time; they are left out of the channels' series. */
  readonly misplaced: readonly Misplaced[];
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
  const ofRails = claims.filter((c) => scope.holds(c.channel.name));
  const channels = claims.map((s, i) =>
    channelOf(s, {
      trace: scope.holds(s.channel.name) ? trace : null,
      known: knownSensor(cardOf(s.channel.name, scan), s.channel.name),
      mostW: readings[i]?.mostW ?? Infinity,
    }),
  );
  return {
    channels: new Map(channels.map((c) => [c.name, c])),
    status: scan.session.source === "virtual" ? "simulated" : trace ? "admissible" : "void",
    ...{ readings, scope, misplaced, trace },
    lags: placed ? lagsOf(ofRails, placed) : [],
    strobed: strobedBy(scan, ofRails, trace),
  };
}

interface ChannelContext {
  /** Of the rails, where they feed what it measures. */
  readonly trace: PowerPrefix | null;
  readonly known: KnownSensor | undefined;
  /** No such device draws more, W. */
  readonly mostW: number;
}

/** Reads of a filter that the capture does not show may be so many of its updates apart. */
const READ_OFTEN = 3;

function channelOf(s: TelemetrySeries, { trace, known, mostW }: ChannelContext): Channel {
  const { name } = s.channel;
  const series = new Series(s, mostW, known?.updateNs);
  const found =
    trace && !series.isCounter ? (fitFilter(series.updates, trace, known) ?? null) : null;
  // Of reads that are rarer than updates it is not known which of these they show.
  const filter =
    found && (found.fitted || series.periodNs <= READ_OFTEN * found.updateNs) ? found : null;
  const { rangeW } = series;
  const mayDrawW = isCard(name) ? mostW : rangeW[1];
  const range: Sight["rangeW"] = trace
    ? [Math.min(rangeW[0], trace.rangeW[0]), Math.max(rangeW[1], trace.rangeW[1])]
    : [rangeW[0], mayDrawW];
  const [least, most] = trace?.rangeW ?? rangeW;
  const swingW = Math.max(0, most - least);
  const seenAs = filter ?? known;
  const isUnknown = trace !== null && !seenAs;
  const sight: Sight = {
    ...{ ...ownSight(series), ...seenAs, rangeW: range, swingW },
    // Between rare reads nobody sees its updates.
    ...(seenAs && { updateNs: Math.max(seenAs.updateNs, series.periodNs) }),
    ...(isUnknown && { mayAverageNs: LONGEST }),
  };
  return { name, series, isFed: trace !== null, sight, filter };
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

/** A trace, and what strobing channels see of it. */
export interface Strobed {
  readonly trace: PowerPrefix;
  readonly counter: CounterModel;
  /** Behind the counter's low-pass. */
  readonly behind: PowerPrefix;
}

/** Of the one card that the rails feed. */
function strobedBy(
  scan: Scan,
  claims: readonly TelemetrySeries[],
  trace: PowerPrefix | null,
): Strobed | null {
  const counter = knownCounter(cardOf(claims[0]?.channel.name ?? "nvml.", scan));
  return trace && counter ? { trace, counter, behind: lowPassed(trace, counter.lowPassNs) } : null;
}
