// rig.json of a log → the rig, checked: a log of another tool's making, or of a version to come, must end in
// a line that says what is wrong, never in Joules of a rig that has no rails or a clock of 0 Hz.

import { inputError } from "../schema/errors.ts";
import type { Rail, Rig, Sensor } from "../schema/rig.ts";
import {
  finite,
  listOf,
  misfit,
  notNegative,
  object,
  oneOf,
  optional,
  positive,
  text,
  tuple,
  whole,
} from "../schema/shape.ts";

const SENSOR = object({
  field: text,
  perCount: finite,
  zeroCount: finite,
  gainU: notNegative,
  offsetU: notNegative,
  bandwidthHz: optional(positive),
  clip: optional(tuple(finite, finite)),
  skewS: optional(notNegative),
  codeErrors: optional(object({ table: listOf(tuple(finite, finite)), u: notNegative })),
  calibration: object({
    date: text,
    basis: oneOf("certificate", "comparison", "specification", "assumed"),
    instrument: optional(text),
    note: optional(text),
  }),
});

const RAIL = object({
  name: text,
  voltage: optional(SENSOR),
  current: optional(SENSOR),
  power: optional(SENSOR),
  assumedVoltage: optional(object({ valueV: finite, u: notNegative })),
  reference: optional(
    object({
      kind: text,
      address: whole,
      stream: text,
      current: optional(SENSOR),
      voltage: optional(SENSOR),
    }),
  ),
});

const RIG = object({
  name: text,
  description: text,
  device: object({
    kind: text,
    stream: text,
    sampling: oneOf("instant", "interval_mean"),
    rowHz: positive,
    clock: object({ hz: positive, uRel: notNegative, startU: notNegative }),
    feedsV: optional(finite),
  }),
  rails: listOf(RAIL, 1),
  missingRails: listOf(object({ name: text, maxPowerW: notNegative })),
  stepResponseS: optional(positive),
  trigger: optional(object({ output: text, daqLine: whole })),
});

/** @throws InputError naming what the rig lacks. */
export function loggedRig(path: string, data: Uint8Array): Rig {
  const problem = rigProblem(data);
  if (problem !== undefined)
    throw inputError(`the attached rig.json ${problem}`, path, "a log written by record or import");
  return JSON.parse(Buffer.from(data).toString()) as Rig;
}

/** What the rig lacks, in words; undefined for one that can be used. */
export function rigProblem(data: Uint8Array): string | undefined {
  let rig: Rig;
  try {
    rig = JSON.parse(Buffer.from(data).toString()) as Rig;
  } catch {
    return "is not JSON";
  }
  const wrong = misfit(rig, RIG);
  if (wrong !== null) return `is no rig: ${wrong}`;
  const { rails, device } = rig;
  if (new Set(rails.map((r) => r.name)).size < rails.length) return "names a rail twice";
  const late = (s: Sensor | undefined): boolean => (s?.skewS ?? 0) * device.rowHz >= 1;
  for (const r of rails)
    if ([r.voltage, r.current, r.power].some(late))
      return `has a sensor of rail ${r.name} that is sampled a row or more behind its row`;
  const blind = rails.find((r) => !measures(r));
  return blind && `has a rail ${blind.name} without a usable, calibrated sensor`;
}

/** Power, or voltage (measured or assumed) and current, each with a scale. */
function measures(r: Rail): boolean {
  const { power, voltage, current, reference } = r;
  const all = [power, voltage, current, reference?.current, reference?.voltage];
  const sensors = all.filter((s) => s !== undefined);
  const complete = power !== undefined || (current !== undefined && (voltage ?? r.assumedVoltage));
  return Boolean(complete) && sensors.every((s) => s.perCount !== 0);
}
