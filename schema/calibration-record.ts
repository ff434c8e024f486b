// A calibration record (schema/documents/calibration.ts) → a rig's rails with the lines that it found.

import {
  CALIBRATION,
  type CalibratedSensor,
  type CalibrationRecord,
} from "./documents/calibration.ts";
import { documentIn } from "./documents/document.ts";
import { inputError } from "./errors.ts";
import type { Rail, Sensor } from "./rig.ts";

/** @throws InputError when the text is no record that this version can use. */
export const readRecord = (path: string, text: string): CalibrationRecord =>
  documentIn(CALIBRATION, text, path, "truejoule calibrate writes one");

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
