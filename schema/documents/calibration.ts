// A calibration record (rigs/README.md, `calibration/1`): what a bench's sensors were found to be, when, by what, with
// which uncertainty. `truejoule calibrate` writes it, a rig file names it (`calibrated_by`).

import type { DocumentOf } from "./document.ts";
import {
  constant,
  listOf,
  notNegative,
  notZero,
  number,
  object,
  oneOf,
  orNull,
  text,
} from "./words.ts";

export const QUANTITIES = ["voltage", "current", "power"] as const;
export type Quantity = (typeof QUANTITIES)[number];

const POINT = object({ run: text, count: number, count_u: number, value: number });

/** One sensor's line: value = (count − zero_count) · per_count, V, A or W; standard uncertainties. */
const SENSOR = object({
  rail: text,
  quantity: oneOf(...QUANTITIES),
  channel: text,
  per_count: notZero,
  zero_count: number,
  /** Relative. */
  gain_u: notNegative,
  offset_u: notNegative,
  /** Against the rig file's line: its gain and offset as found, found = gain · rig + offset. */
  gain: number,
  offset: number,
  polarity: oneOf("as stated", "reversed"),
  method: oneOf("zero", "readings", "reference"),
  points: listOf(POINT),
  residual_rms: number,
});

/** How much later the voltage of a rail is sampled, or comes, than its current. */
const SKEW = object({ rail: text, skew_ns: number, skew_u_ns: number });

export const CALIBRATION = object({
  schema: constant("calibration/1"),
  source: text,
  /** YYYY-MM-DD, UTC. */
  date: text,
  rig: text,
  instrument: text,
  /** Relative standard uncertainty of the instrument; null where only zeros or a reference were used. */
  instrument_u: orNull(notNegative),
  environment: object({ ambient: orNull(text), note: orNull(text) }),
  software: text,
  runs: listOf(object({ run: text, capture_sha256: text })),
  sensors: listOf(SENSOR),
  skew: listOf(SKEW),
});

export type CalibrationRecord = DocumentOf<typeof CALIBRATION>;
export type CalibratedSensor = DocumentOf<typeof SENSOR>;
export type CalibrationPoint = DocumentOf<typeof POINT>;
export type FoundSkew = DocumentOf<typeof SKEW>;
