// rig.json of a log → the rig, checked: a log of another tool's making, or of a version to come, must end in
// a line that says what is wrong, never in Joules of a rig that has no rails or a clock of 0 Hz.

import { inputError } from "../schema/errors.ts";
import type { Rail, Rig, Sensor } from "../schema/rig.ts";

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
  const device = (rig as Rig | null)?.device;
  if (typeof device?.stream !== "string" || !areObjects(rig.rails)) return "is no rig";
  if (!(device.rowHz > 0) || !(device.clock?.hz > 0) || !(device.clock.uRel >= 0))
    return "states no rate of rows or of its clock";
  if (device.sampling !== "instant" && device.sampling !== "interval_mean")
    return "does not say whether rows are instants or means";
  if (!areObjects(rig.missingRails) || !rig.missingRails.every((m) => m.maxPowerW >= 0))
    return "does not say which rails are not measured";
  const rails: readonly Rail[] = rig.rails;
  if (rails.length === 0) return "has no rails";
  if (new Set(rails.map((r) => r.name)).size < rails.length) return "names a rail twice";
  const late = (s: Sensor | undefined): boolean => !((s?.skewS ?? 0) * device.rowHz < 1);
  for (const r of rails)
    if ([r.voltage, r.current, r.power].some(late))
      return `has a sensor of rail ${r.name} that is sampled a row or more behind its row`;
  const blind = rails.find((r) => !measures(r));
  return blind && `has a rail ${blind.name} without a usable, calibrated sensor`;
}

const areObjects = (list: unknown): boolean =>
  Array.isArray(list) && list.every((x) => typeof x === "object" && x !== null);

/** Power, or voltage (measured or assumed) and current, each with a scale and uncertainties that are numbers. */
function measures(r: Rail): boolean {
  const { power, voltage, current, reference } = r;
  const all = [power, voltage, current, reference?.current, reference?.voltage];
  const sensors = all.filter((s) => s !== undefined);
  const complete =
    r.power !== undefined || (r.current !== undefined && (r.voltage ?? r.assumedVoltage));
  return Boolean(complete) && sensors.every(usable);
}

const usable = (s: Sensor | null): boolean =>
  s !== null &&
  Number.isFinite(s.perCount) &&
  s.perCount !== 0 &&
  Number.isFinite(s.zeroCount) &&
  s.gainU >= 0 &&
  s.offsetU >= 0 &&
  Number.isFinite(s.gainU + s.offsetU) &&
  (s.codeErrors === undefined ||
    (s.codeErrors.u >= 0 && s.codeErrors.table.flat().every(Number.isFinite))) &&
  typeof s.calibration?.basis === "string";
