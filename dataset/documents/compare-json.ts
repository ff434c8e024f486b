// A comparison → the compare/1 document of docs/reference.md: snake_case, SI, units in the names.

import { type ClockModel, mapUNs, offsetNs, ratePpm, tickHz } from "../../align/clocks/clock.ts";
import type { SessionClocks } from "../../align/clocks/fit.ts";
import { type ClockSegment, clockTotals } from "../../align/clocks/segments.ts";
import type {
  ChannelFilter,
  Claim,
  CompareDocument,
  Physical,
} from "../../schema/documents/compare.ts";
import { mostUnmeasuredW } from "../../schema/rig.ts";
import { NS_PER_S } from "../../schema/time.ts";
import { disciplinesToJson } from "./discipline-json.ts";
import type { NameSummary, Spread } from "../../energy/by-name.ts";
import {
  delayRange,
  type FilterFit,
  isDetermined,
  rangeAmong,
} from "../../energy/claims/filter-fit.ts";
import { MOST_WINDOWS } from "../../energy/detailed.ts";
import { doubtText, type Window } from "../../energy/window.ts";
import type {
  Comparison,
  PhysicalEnergy,
  ShortestEvents,
  TelemetryEnergy,
} from "../../energy/result.ts";

export function comparisonToJson(c: Comparison, run: string): CompareDocument {
  const { scan, clocks } = c;
  return {
    schema: "compare/1",
    run,
    source: scan.session.source,
    clock: clockJson(clocks),
    idle_power_w: c.idle?.powerW ?? null,
    idle_power_expanded_uncertainty_w: c.idle?.expandedUncertaintyW ?? null,
    shortest_event: shortestJson(c.shortest),
    windows: c.windows.map((r) => ({
      name: r.window.name,
      kind: r.window.kind,
      t0_ns: Math.round(r.window.t0Ns),
      t1_ns: Math.round(r.window.t1Ns),
      duration_s: (r.window.t1Ns - r.window.t0Ns) / NS_PER_S,
      ...doubtOf(r.window),
      physical: r.physical && physicalJson(r.physical),
      telemetry: r.telemetry.map(telemetryJson),
      ...(r.strobe
        ? { strobe: { counter_20ms_j: r.strobe.counterJ, instant_25ms_j: r.strobe.instantJ } }
        : {}),
    })),
    windows_total: c.list.count,
    by_name: c.byName.slice(0, MOST_WINDOWS).map(summaryJson),
    ...(c.byName.length > MOST_WINDOWS ? { names_total: c.byName.length } : {}),
    ...(clocks.kernels ? { kernels: kernelsJson(c) } : {}),
    filters: [...c.filters].map(filterJson),
    ...(scan.disciplines.length > 0 ? { disciplines: disciplinesToJson(scan.disciplines) } : {}),
    warnings: c.warnings,
    findings: c.findings,
  };
}

type Shortest = NonNullable<CompareDocument["shortest_event"]>;

const shortestJson = ({ rails, claims }: ShortestEvents): Shortest => ({
  rails: rails && { duration_s: rails.s, limit: rails.limit },
  claims: claims.map(({ channel, s, updateS }) => ({
    channel,
    duration_s: s,
    update_period_s: updateS,
  })),
});

function doubtOf({ doubts }: Window): { readonly doubt?: string } {
  const doubt = doubtText(doubts);
  return doubt === undefined ? {} : { doubt };
}

/** Offset, rate and interval are the first segment's, which most runs have alone. */
function clockJson(clocks: SessionClocks): CompareDocument["clock"] {
  const { daq } = clocks;
  const first = daq?.segments[0]!.model;
  const named = [...clocks.named.values()];
  const totals = daq && clockTotals(daq);
  const offset = first ? offsetNs(first) : 0;
  const u = first ? 2 * mapUNs(first, offset) : 0;
  const total = (f: (m: EdgeCounts) => number): number =>
    [...(totals ? [totals] : []), ...named].reduce((n, m) => n + f(m), 0);
  return {
    device: daq?.clock ?? "none",
    method: first?.method ?? "none",
    rate_ppm: first ? ratePpm(first) : 0,
    tick_hz: first ? tickHz(first) : 0,
    offset_ns: offset,
    start_delay_ns: first?.startDelayNs ?? null,
    interval_ns: [offset - u, offset + u],
    residual_rms_ns: totals?.residualRmsNs ?? 0,
    edges_used: total((m) => m.edgesUsed),
    edges_missing: total((m) => m.edgesMissing),
    edges_extra: total((m) => m.edgesExtra),
    segments: daq?.segments.map(segmentJson) ?? [],
  };
}

type Segment = NonNullable<CompareDocument["clock"]["segments"]>[number];
type Name = NonNullable<CompareDocument["by_name"]>[number];
type Kernels = NonNullable<CompareDocument["kernels"]>;
type EdgeCounts = Pick<ClockModel, "edgesUsed" | "edgesMissing" | "edgesExtra">;

function segmentJson({ model, fromNs, toNs }: ClockSegment): Segment {
  return {
    t0_ns: Math.round(fromNs),
    t1_ns: Math.round(toNs),
    method: model.method,
    rate_ppm: ratePpm(model),
    expanded_uncertainty_ns: 2 * Math.max(mapUNs(model, fromNs), mapUNs(model, toNs)),
    residual_rms_ns: model.residualRmsNs,
    edges_used: model.edgesUsed,
    edges_missing: model.edgesMissing,
    edges_extra: model.edgesExtra,
  };
}

const spread = <S extends Spread | null>(x: S) =>
  x && { mean: x.mean, sd: x.sd, p50: x.p50, p95: x.p95 };

function summaryJson(s: NameSummary): Name {
  return {
    name: s.name,
    n: s.n,
    ...(s.withoutEnergy > 0 ? { without_energy: s.withoutEnergy } : {}),
    energy_j: spread(s.energyJ),
    duration_s: spread(s.durationS),
  };
}

/** Kernels by name; only those with a window stand under `windows` too. */
function kernelsJson({ scan, clocks, kernels }: Comparison): Kernels {
  const { table, unbounded, early } = clocks.kernels!;
  const unmeasuredW = scan.rig ? mostUnmeasuredW(scan.rig) : 0;
  return {
    count: table.count,
    launches: table.launches,
    launches_without_kernel: table.launchesAlone,
    launches_captured: table.launchesCaptured,
    without_bounds: unbounded,
    before_their_launch: early,
    by_name: (kernels?.byName ?? []).map((k) => ({
      name: k.name,
      count: k.count,
      duration_s: k.durationS,
      energy_j: finite(k.energyJ),
      mean_j: finite(k.meanJ),
      expanded_uncertainty_j: k.expandedUncertaintyJ,
      ...(unmeasuredW > 0 ? { unmeasured_j: unmeasuredW * k.durationS } : {}),
      shared_fraction: k.sharedFraction,
      too_short: k.tooShort,
    })),
  };
}

function physicalJson(p: PhysicalEnergy): Physical {
  return {
    energy_j: finite(p.energyJ),
    expanded_uncertainty_j: finite(p.expandedUncertaintyJ),
    coverage_factor: p.coverageFactor,
    interval_j: [finite(p.intervalJ[0]), finite(p.intervalJ[1])],
    ...(p.unmeasuredJ > 0 ? { unmeasured_j: p.unmeasuredJ } : {}),
    common_u_j: finite(p.commonUJ),
    independent_u_j: finite(p.independentUJ),
    effective_degrees_of_freedom: finite(p.degreesOfFreedom),
    mean_power_w: finite(p.meanPowerW),
    operational_j: known(p.operationalJ),
    operational_expanded_uncertainty_j: known(p.operationalUJ),
    samples: p.samples,
    gap_fraction: p.gapFraction,
    max_gap_s: p.maxGapS,
    bridged_j: p.bridgedJ,
    quality: p.quality,
    budget: p.budget.map((t) => ({
      term: t.term,
      type: t.type,
      contribution_j: t.contributionJ,
      correlation: t.correlation,
    })),
  };
}

function telemetryJson(t: TelemetryEnergy): Claim {
  return {
    channel: t.channel,
    ...(t.sums ? { sums: t.sums } : {}),
    measures: t.measures,
    method: t.method,
    energy_j: finite(t.energyJ),
    interval_j: [finite(t.intervalJ[0]), finite(t.intervalJ[1])],
    mean_power_w: finite(t.meanPowerW),
    error_pct: t.errorPct,
    error_uncertainty_pct: t.errorUncertaintyPct,
    error_interval_pct: t.errorIntervalPct && [
      finite(t.errorIntervalPct[0]),
      finite(t.errorIntervalPct[1]),
    ],
    samples: t.samples,
    updates: t.updates,
    gap_fraction: t.gapFraction,
    failed_reads: t.failedReads,
    quality: t.quality,
    claim_status: t.status,
  };
}

function filterJson([channel, f]: readonly [string, FilterFit]): ChannelFilter {
  const ms = (ns: number): number => ns / 1e6;
  const [least, most] = delayRange(f);
  return {
    channel,
    update_period_ms: ms(f.updateNs),
    window_ms: ms(f.windowNs),
    window_interval_ms: rangeAmong(f, (a) => ms(a.windowNs)),
    delay_ms: ms(f.delayNs),
    delay_interval_ms: [ms(least), ms(most)],
    gain: f.gain,
    gain_interval: rangeAmong(f, (a) => a.gain),
    offset_w: f.offsetW,
    determined: isDetermined(f),
    r2: f.r2,
    origin: f.origin,
  };
}

const known = (x: number | null): number | null => (x === null ? null : finite(x));

/** What is not known is null, never 0. */
const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);
