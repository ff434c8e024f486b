// align.json (docs/reference.md, `align/1`). Keys that came later are optional: an align.json of an earlier truejoule
// is still one.

import { DISCIPLINE } from "./compare.ts";
import { CAPTURE } from "./derived.ts";
import type { DocumentOf } from "./document.ts";
import { FINDING } from "./finding.ts";
import { HOST_CLOCK } from "./session.ts";
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
  orNull,
  pairOf,
  positive,
  SOURCE,
  text,
  wholeText,
} from "./words.ts";

/** Limits of an error, ns, at an instant of session time. */
const BOUND = object({ t_ns: number, error_ns: pairOf(number) });

/** session_ns = ref_ns + (device − ref_device) · ns_per_unit + wander, straight between its knots. */
const CLOCK = object({
  clock: text,
  /** Where the device restarted: the part of its stream, from 1, and its first and last row. */
  segment: maybe(count),
  from_device: maybe(number),
  to_device: maybe(number),
  t0_ns: maybe(number),
  t1_ns: maybe(number),
  method: text,
  nominal_hz: positive,
  tick_hz: number,
  rate_ppm: number,
  u_rate_ppm: notNegative,
  /** Share, 0 to 1. */
  rate_from_edges: number,
  offset_ns: number,
  u_offset_ns: notNegative,
  interval_ns: pairOf(number),
  start_delay_ns: numberOrNull,
  ref_device: number,
  ref_ns: number,
  ns_per_unit: number,
  wander: maybe(orNull(object({ device: listOf(number), ns: listOf(number) }))),
  bounds: maybe(orNull(listOf(BOUND))),
  residual_rms_ns: number,
  edges_used: count,
  edges_missing: count,
  edges_extra: count,
  residuals: listOf(object({ t_ns: number, residual_ns: number })),
  warnings: listOf(text),
  findings: maybe(listOf(FINDING)),
});

/** A GPU's clock: bounds of session time less its own, around each burst of exchanges. */
const GPU = object({
  clock: text,
  method: constant("interval"),
  epoch_ns: wholeText(65),
  step_ns: number,
  rate_change_per_s: number,
  exchanges_used: count,
  bursts_contradictory: count,
  segments: listOf(
    object({
      t_ns: number,
      gpu_ns: number,
      offset_ns: pairOf(number),
      rate_ppm: pairOf(number),
      exchanges: count,
      alone: flag,
    }),
  ),
});

const CUPTI = object({ clock: text, bursts_contradictory: count, bursts: listOf(BOUND) });

export const ALIGN = object({
  schema: constant("align/1"),
  source: SOURCE,
  session: object({
    host_clock: HOST_CLOCK,
    start_unix_ns: orNull(wholeText(64)),
    assumed_zone: orNull(text),
  }),
  edges: count,
  incomplete: flag,
  clocks: listOf(CLOCK),
  lags: maybe(listOf(object({ channel: text, lag_ms: number, correlation: number }))),
  disciplines: maybe(listOf(DISCIPLINE)),
  gpu: maybe(listOf(GPU)),
  cupti: maybe(listOf(CUPTI)),
  capture: maybe(CAPTURE),
});

export type AlignDocument = DocumentOf<typeof ALIGN>;
export type AlignedClock = DocumentOf<typeof CLOCK>;
export type AlignedGpu = DocumentOf<typeof GPU>;
export type ErrorBound = DocumentOf<typeof BOUND>;
