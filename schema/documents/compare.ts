// compare.json and `compare --json` (docs/reference.md, `compare/1`). Keys that came later are optional: a
// compare.json of an earlier truejoule is still one.

import { CAPTURE } from "./derived.ts";
import type { DocumentOf } from "./document.ts";
import { FINDING } from "./finding.ts";
import {
  constant,
  count,
  flag,
  listOf,
  maybe,
  notNegative,
  number,
  numberOrNull,
  object,
  oneOf,
  orNull,
  pairOf,
  SOURCE,
  text,
} from "./words.ts";

const QUALITY = oneOf("no_data", "gappy", "unresolved", "estimate", "good", "billable");
const CLAIM_STATUS = oneOf("admissible", "void", "simulated");

const BUDGET_TERM = object({
  term: text,
  type: oneOf("A", "B"),
  contribution_j: number,
  correlation: maybe(orNull(oneOf(1, -1, 0))),
});

const PHYSICAL = object({
  energy_j: numberOrNull,
  expanded_uncertainty_j: numberOrNull,
  coverage_factor: number,
  interval_j: maybe(pairOf(numberOrNull)),
  unmeasured_j: maybe(notNegative),
  common_u_j: maybe(numberOrNull),
  independent_u_j: maybe(numberOrNull),
  effective_degrees_of_freedom: maybe(numberOrNull),
  mean_power_w: numberOrNull,
  operational_j: maybe(numberOrNull),
  operational_expanded_uncertainty_j: maybe(numberOrNull),
  samples: count,
  gap_fraction: notNegative,
  max_gap_s: maybe(notNegative),
  bridged_j: maybe(number),
  quality: QUALITY,
  budget: listOf(BUDGET_TERM),
});

const CLAIM = object({
  channel: text,
  sums: maybe(listOf(text)),
  measures: maybe(text),
  method: oneOf("trapezoid", "counter", "filter_matched"),
  energy_j: numberOrNull,
  interval_j: pairOf(numberOrNull),
  mean_power_w: maybe(numberOrNull),
  error_pct: numberOrNull,
  error_uncertainty_pct: numberOrNull,
  error_interval_pct: maybe(orNull(pairOf(numberOrNull))),
  samples: count,
  updates: maybe(count),
  gap_fraction: notNegative,
  failed_reads: maybe(count),
  quality: QUALITY,
  claim_status: maybe(CLAIM_STATUS),
});

const WINDOW = object({
  name: text,
  kind: oneOf("mark", "kernel", "step", "session"),
  t0_ns: number,
  t1_ns: number,
  duration_s: number,
  doubt: maybe(text),
  physical: orNull(PHYSICAL),
  telemetry: listOf(CLAIM),
  strobe: maybe(object({ counter_20ms_j: pairOf(number), instant_25ms_j: pairOf(number) })),
});

const EDGES = { edges_used: count, edges_missing: count, edges_extra: count };

const CLOCK = object({
  device: text,
  method: maybe(text),
  rate_ppm: number,
  tick_hz: number,
  offset_ns: number,
  start_delay_ns: maybe(numberOrNull),
  interval_ns: pairOf(number),
  residual_rms_ns: number,
  ...EDGES,
  segments: maybe(
    listOf(
      object({
        t0_ns: number,
        t1_ns: number,
        method: text,
        rate_ppm: number,
        expanded_uncertainty_ns: number,
        residual_rms_ns: number,
        ...EDGES,
      }),
    ),
  ),
});

const FILTER = object({
  channel: text,
  update_period_ms: number,
  window_ms: number,
  window_interval_ms: maybe(pairOf(number)),
  delay_ms: number,
  delay_interval_ms: maybe(pairOf(number)),
  gain: number,
  gain_interval: maybe(pairOf(number)),
  offset_w: number,
  determined: maybe(flag),
  r2: number,
  origin: text,
});

/** The figures of a fit are there where the sensor was corrected. */
export const DISCIPLINE = object({
  rail: text,
  quantity: text,
  reference: text,
  readings_used: count,
  readings_unplaced: count,
  readings_refused: count,
  gain: maybe(number),
  gain_u: maybe(number),
  offset: maybe(number),
  offset_u: maybe(number),
  pivot: maybe(number),
  level_u: maybe(number),
  slope_u: maybe(number),
  slope_from_readings: maybe(number),
  drift: maybe(number),
  drift_u: maybe(number),
  residual_rms: maybe(number),
  birge: maybe(number),
  contradiction_chi2: maybe(number),
  contradiction_degrees: maybe(number),
});

const SPREAD = object({ mean: number, sd: numberOrNull, p50: number, p95: number });

const NAME = object({
  name: text,
  n: count,
  without_energy: maybe(count),
  energy_j: orNull(SPREAD),
  duration_s: orNull(SPREAD),
});

const KERNELS = object({
  count,
  launches: count,
  launches_without_kernel: count,
  launches_captured: count,
  without_bounds: count,
  before_their_launch: count,
  by_name: listOf(
    object({
      name: text,
      count,
      duration_s: number,
      energy_j: numberOrNull,
      mean_j: numberOrNull,
      expanded_uncertainty_j: numberOrNull,
      unmeasured_j: maybe(notNegative),
      shared_fraction: number,
      too_short: count,
    }),
  ),
});

const SHORTEST = object({
  rails: orNull(object({ duration_s: number, limit: text })),
  claims: listOf(object({ channel: text, duration_s: number, update_period_s: number })),
});

export const COMPARE = object({
  schema: constant("compare/1"),
  run: text,
  source: SOURCE,
  clock: CLOCK,
  idle_power_w: maybe(numberOrNull),
  idle_power_expanded_uncertainty_w: maybe(numberOrNull),
  shortest_event: maybe(SHORTEST),
  windows: listOf(WINDOW),
  windows_total: maybe(count),
  by_name: maybe(listOf(NAME)),
  names_total: maybe(count),
  kernels: maybe(KERNELS),
  filters: maybe(listOf(FILTER)),
  disciplines: maybe(listOf(DISCIPLINE)),
  warnings: listOf(text),
  findings: maybe(listOf(FINDING)),
  capture: maybe(CAPTURE),
});

export type CompareDocument = DocumentOf<typeof COMPARE>;
export type ComparedWindow = DocumentOf<typeof WINDOW>;
export type Physical = DocumentOf<typeof PHYSICAL>;
export type BudgetTerm = DocumentOf<typeof BUDGET_TERM>;
export type Claim = DocumentOf<typeof CLAIM>;
export type ChannelFilter = DocumentOf<typeof FILTER>;
export type DisciplineFit = DocumentOf<typeof DISCIPLINE>;
