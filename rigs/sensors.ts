// One sensor block of a rig file → Sensor: value = (count − zeroCount) · perCount, in V, A or W.
// In: the keys that rigs/README.md documents. Out: schema/rig.ts. Holds: the four ways a count
// becomes a volt or an ampere (direct, hall, shunt, divider) are linear, so a line is all that is kept.

import { BASES } from "../schema/documents/rig.ts";
import type { Calibration, CodeErrors, Sensor, SensorNoise } from "../schema/rig.ts";
import type { Fields } from "./yaml-node.ts";

export type SensorUnit = "V" | "A" | "W";

/** A sensor's line before polarity, and the codes at which its converter saturates where they are known. */
interface Line {
  readonly perCount: number;
  readonly zeroCount: number;
  readonly clip?: readonly [number, number];
  readonly codeErrors?: CodeErrors;
}

const KINDS = ["direct", "hall", "shunt", "divider"] as const;
type Kind = (typeof KINDS)[number];

const COMMON = ["kind", "channel", "polarity", "bandwidth", "skew", "clip", "noise", "calibration"];
const KEYS: Readonly<Record<Kind, readonly string[]>> = {
  direct: ["per_count", "zero_count"],
  hall: ["adc", "sensitivity", "zero"],
  shunt: ["adc", "resistance", "gain", "zero"],
  divider: ["adc", "ratio"],
};
/** What a kind can measure; `direct` whatever its `per_count` says. */
const MEASURES: Readonly<Record<Kind, readonly SensorUnit[]>> = {
  direct: ["V", "A", "W"],
  hall: ["A"],
  shunt: ["A"],
  divider: ["V"],
};

/** @throws InputError with file and line. */
export async function readSensor(f: Fields, unit: SensorUnit): Promise<Sensor> {
  const kind = f.oneOf("kind", KINDS);
  if (!MEASURES[kind].includes(unit))
    throw f.error(`a ${kind} sensor measures ${MEASURES[kind].join(", ")}, not ${unit}`, "kind");
  f.only([...COMMON, ...KEYS[kind]]);
  const line = await readLine(f, kind, unit);
  const clip = f.has("clip") ? f.pair("clip") : line.clip;
  return {
    field: f.string("channel"),
    perCount: sign(f) * line.perCount,
    zeroCount: line.zeroCount,
    ...(await readUncertainties(f, unit)),
    ...(f.has("noise") ? { noise: await readNoise(f.map("noise"), unit) } : {}),
    ...(f.has("bandwidth") ? { bandwidthHz: await f.positive("bandwidth", "Hz") } : {}),
    ...(f.has("skew") ? { skewS: await skew(f) } : {}),
    ...(clip ? { clip } : {}),
    ...(line.codeErrors ? { codeErrors: line.codeErrors } : {}),
  };
}

/** By `polarity`: 1, or −1 for a sensor mounted against the current. */
export const sign = (f: Fields): 1 | -1 =>
  f.has("polarity") && f.oneOf("polarity", ["normal", "reversed"]) === "reversed" ? -1 : 1;

/** The `calibration` of a sensor. */
export async function readUncertainties(
  f: Fields,
  unit: SensorUnit,
): Promise<Pick<Sensor, "gainU" | "offsetU" | "driftU" | "calibration">> {
  if (!f.has("calibration"))
    throw f.error(`a sensor needs a "calibration": without one no Joule has an uncertainty`);
  const c = f
    .map("calibration")
    .only(["date", "basis", "instrument", "note", "gain", "offset", "drift"]);
  return {
    gainU: await c.uncertainty("gain", "1"),
    offsetU: await c.uncertainty("offset", unit),
    ...(c.has("drift") ? { driftU: await c.uncertainty("drift", "1") } : {}),
    calibration: readCalibration(c),
  };
}

async function readNoise(f: Fields, unit: SensorUnit): Promise<SensorNoise> {
  f.only(["rms", "floor"]);
  return {
    rms: await f.positive("rms", unit),
    floor: f.has("floor") ? await f.positive("floor", unit) : 0,
  };
}

async function readLine(f: Fields, kind: Kind, unit: SensorUnit): Promise<Line> {
  if (kind === "direct")
    return { perCount: await f.positive("per_count", unit), zeroCount: f.number("zero_count", 0) };
  const adc = await readAdc(f.map("adc"));
  switch (kind) {
    case "divider":
      return converted(adc, 1 / (await f.positive("ratio", "1")), 0);
    case "hall":
      return converted(adc, await sensitivity(f), await f.quantity("zero", "V"));
    case "shunt": {
      const voltsPerAmpere =
        (await f.positive("resistance", "ohm")) * (await f.positive("gain", "1"));
      const zero = f.has("zero") ? await f.quantity("zero", "V") : 0;
      return converted(adc, voltsPerAmpere, zero);
    }
  }
}

async function skew(f: Fields): Promise<number> {
  const value = await f.quantity("skew", "s");
  if (value < 0)
    throw f.error("skew: expected 0 or above: a row's time is its first sample's", "skew");
  return value;
}

/** Signed: a sensor mounted against the current may be written as a negative sensitivity. */
async function sensitivity(f: Fields): Promise<number> {
  const slope = await f.quantity("sensitivity", "V/A");
  if (slope === 0) throw f.error("sensitivity: expected a value other than 0", "sensitivity");
  return slope;
}

interface Adc {
  readonly codeErrors?: CodeErrors;
  readonly voltsPerCount: number;
  readonly top: number;
}

/** Ideal converter: code = volts / reference · 2^bits (IEEE 1241 calls the step the code bin width). */
async function readAdc(f: Fields): Promise<Adc> {
  f.only(["bits", "reference", "code_errors"]);
  const bits = f.number("bits");
  if (!Number.isInteger(bits) || bits < 1 || bits > 32)
    throw f.error(`bits: expected a whole number from 1 to 32, found ${bits}`, "bits");
  const codeErrors = f.has("code_errors")
    ? await readCodeErrors(f.map("code_errors"), 2 ** bits)
    : undefined;
  return {
    voltsPerCount: (await f.positive("reference", "V")) / 2 ** bits,
    top: 2 ** bits - 1,
    ...(codeErrors ? { codeErrors } : {}),
  };
}

/** @param codes of the converter. */
async function readCodeErrors(f: Fields, codes: number): Promise<CodeErrors> {
  f.only(["table", "uncertainty"]);
  const table = f.has("table") ? f.points("table") : [];
  table.forEach(([code, error], i) => {
    const [before, errorBefore] = table[i - 1] ?? [-1, error];
    if (!Number.isInteger(code) || code <= before || code >= codes)
      throw f.error(`table: codes must rise from 0 to ${codes - 1}, found ${code}`, "table");
    if (i > 0 && code - error <= before - errorBefore)
      throw f.error(`table: code ${code} less its error must lie above code ${before}'s`, "table");
  });
  return { table, u: await f.uncertainty("uncertainty", "1") };
}

/** Line of a sensor that puts `slope` volts per unit, around `zeroV`, on the converter's input. */
function converted(adc: Adc, slope: number, zeroV: number): Line {
  // A sensor whose zero is the lowest code rests there when nothing flows: that is no clipping.
  const lowest = zeroV > 0 ? 0 : -1;
  return {
    perCount: adc.voltsPerCount / slope,
    zeroCount: zeroV / adc.voltsPerCount,
    clip: [lowest, adc.top],
    ...(adc.codeErrors ? { codeErrors: adc.codeErrors } : {}),
  };
}

function readCalibration(c: Fields): Calibration {
  const date = c.string("date");
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date) || Number.isNaN(Date.parse(date)))
    throw c.error(`date: expected YYYY-MM-DD, found "${date}"`, "date");
  return {
    date,
    basis: c.oneOf("basis", BASES),
    ...(c.has("instrument") ? { instrument: c.string("instrument") } : {}),
    ...(c.has("note") ? { note: c.string("note") } : {}),
  };
}
