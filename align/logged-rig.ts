// rig.json of a log → the rig, checked: a log of another tool's making, or of a version to come, must end in
// a line that says what is wrong, never in Joules of a rig that has no rails or a clock of 0 Hz.

import { checked } from "../schema/documents/document.ts";
import { RIG } from "../schema/documents/rig.ts";
import { inputError } from "../schema/errors.ts";
import type { Rail, Rig, Sensor } from "../schema/rig.ts";

/** @throws InputError naming what the rig lacks. */
export function loggedRig(path: string, data: Uint8Array): Rig {
  const rig = rigIn(data);
  if (typeof rig === "string")
    throw inputError(`the attached rig.json ${rig}`, path, "a log written by record or import");
  return rig;
}

/** What the rig lacks, in words; undefined for one that can be used. */
export function rigProblem(data: Uint8Array): string | undefined {
  const rig = rigIn(data);
  return typeof rig === "string" ? rig : undefined;
}

function rigIn(data: Uint8Array): Rig | string {
  const { document: rig, problem } = checked(RIG, Buffer.from(data).toString());
  return problem === null ? (impossible(rig) ?? rig) : `is no rig: ${problem}`;
}

/** What no single figure shows. */
function impossible({ rails, device }: Rig): string | undefined {
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
