// A calibration record (rigs/README.md): what a bench's sensors were found to be, when, by what, with which
// uncertainty. `truejoule calibrate` writes it, a rig file names it (`calibrated_by`).

import { inputError } from "./errors.ts";
import type { Rail, Sensor } from "./rig.ts";

export const QUANTITIES = ["voltage", "current", "power"] as const;
export type Quantity = (typeof QUANTITIES)[number];

/** One sensor's line: value = (count − zero_count) · per_count, V, A or W; standard uncertainties. */
export interface CalibratedSensor {
  readonly rail: string;
  readonly quantity: Quantity;
  readonly channel: string;
  readonly per_count: number;
  readonly zero_count: number;
  /** Relative. */
  readonly gain_u: number;
  readonly offset_u: number;
  /** Against the rig file's line: its gain and offset as found, found = gain · rig + offset. */
  readonly gain: number;
  readonly offset: number;
  readonly polarity: "as stated" | "reversed";
  readonly method: "zero" | "readings" | "reference";
  readonly points: readonly CalibrationPoint[];
  readonly residual_rms: number;
}

export interface CalibrationPoint {
  readonly run: string;
  readonly count: number;
  readonly count_u: number;
  readonly value: number;
}

/** How much later the voltage of a rail is sampled, or comes, than its current. */
export interface FoundSkew {
  readonly rail: string;
  readonly skew_ns: number;
  readonly skew_u_ns: number;
}

export interface CalibrationRecord {
  readonly schema: "calibration/1";
  readonly source: string;
  /** YYYY-MM-DD, UTC. */
  readonly date: string;
  readonly rig: string;
  readonly instrument: string;
  /** Relative standard uncertainty of the instrument; null where only zeros or a reference were used. */
  readonly instrument_u: number | null;
  readonly environment: { readonly ambient: string | null; readonly note: string | null };
  readonly software: string;
  readonly runs: readonly { readonly run: string; readonly capture_sha256: string }[];
  readonly sensors: readonly CalibratedSensor[];
  readonly skew: readonly FoundSkew[];
}

/** @throws InputError when the text is no record that this version can use. */
export function readRecord(path: string, text: string): CalibrationRecord {
  const wanted = "a file that truejoule calibrate wrote";
  let r: CalibrationRecord | null;
  try {
    r = JSON.parse(text) as CalibrationRecord | null;
  } catch {
    throw inputError("not JSON", path, wanted);
  }
  if (r?.schema !== "calibration/1" || !Array.isArray(r.sensors))
    throw inputError("no calibration record", path, wanted, String(r?.schema));
  for (const s of r.sensors as readonly (CalibratedSensor | null)[])
    if (!s || !usable(s))
      throw inputError(`sensor ${s?.rail} ${s?.quantity} lacks a usable line`, path, wanted);
  return r;
}

const usable = (s: CalibratedSensor): boolean =>
  QUANTITIES.includes(s.quantity) &&
  Number.isFinite(s.per_count) &&
  s.per_count !== 0 &&
  Number.isFinite(s.zero_count) &&
  Number.isFinite(s.gain_u) &&
  s.gain_u >= 0 &&
  Number.isFinite(s.offset_u) &&
  s.offset_u >= 0;

/** The rail with the lines of the record; sensors that the record does not name stay as they are. */
export function calibratedRail(rail: Rail, record: CalibrationRecord, path: string): Rail {
  const mine = record.sensors.filter((s) => s.rail === rail.name);
  return mine.reduce<Rail>((all, s) => ({ ...all, ...sensorOf(rail, s, record, path) }), rail);
}

function sensorOf(rail: Rail, s: CalibratedSensor, record: CalibrationRecord, path: string) {
  const stated: Sensor | undefined = rail[s.quantity];
  if (!stated || stated.field !== s.channel)
    throw inputError(
      `the record calibrates ${s.rail} ${s.quantity} on channel ${s.channel}; the rig has ${stated ? `it on ${stated.field}` : "no such sensor"}`,
      path,
      "a record of this rig: run truejoule calibrate again",
    );
  const found: Sensor = {
    ...stated,
    perCount: s.per_count,
    zeroCount: s.zero_count,
    gainU: s.gain_u,
    offsetU: s.offset_u,
    calibration: {
      date: record.date,
      // What a simulation was compared with says nothing of a bench.
      basis: record.source === "hardware" ? "comparison" : "assumed",
      instrument: record.instrument,
      note: `${path}, from ${record.source} data`,
    },
  };
  return { [s.quantity]: found };
}
