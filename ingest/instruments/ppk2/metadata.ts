// A PPK2's metadata → its own calibration, and what its codes mean by it. Lines `Name: value`, ended by END;
// a value that is no number leaves the maker's default in force (NordicSemiconductor/pc-nrfconnect-ppk,
// serialDevice.ts), and so does a zero where it would leave no current at all. With a = 4 · count:
// x = (a − O) · 1.8 V / 163840 / R, I = UG · (x · (GS · x + GI) + S · Vdd + I0).

import type { AutoRange, Note } from "../../../schema/records.ts";

/** Of one range: ohms, and the maker's names for the rest. */
export interface RangeCalibration {
  readonly r: number;
  readonly gs: number;
  readonly gi: number;
  readonly o: number;
  readonly s: number;
  readonly i: number;
  readonly ug: number;
}

export interface Ppk2 {
  /** What it says of itself; null where it does not. */
  readonly calibrated: boolean | null;
  readonly hardware: string | null;
  /** 1: ampere meter, 2: source meter; null where it does not say. */
  readonly mode: number | null;
  /** Its regulator's setting, V; null where it does not say. */
  readonly vddV: number | null;
  /** Range 0, the finest, to 4. */
  readonly ranges: readonly RangeCalibration[];
  /** Names for which the maker's default stands in, such as `GS4`. */
  readonly defaults: readonly string[];
  /** Its user gains are beyond what the maker's program takes for any: all are 1. */
  readonly gainsRefused: boolean;
}

/** Bits of a sample: count, range, battery, counter, logic inputs D0 to D7 (wlgrd in IRNAS/ppk2-api-python#39). */
export const COUNT_BITS = 14;
export const RANGES = 5;

/** The maker's defaults. */
const DEFAULT_OHM = [1031.64, 101.65, 10.15, 0.94, 0.043];
const KEYS = ["r", "gs", "gi", "o", "s", "i", "ug"] as const;
const DEFAULT = { gs: 1, gi: 1, o: 0, s: 0, i: 0, ug: 1 };
/** A divisor, and factors of the whole: no zero there leaves a current. */
const isMeant = (key: (typeof KEYS)[number], value: number): boolean =>
  key === "r" ? value > 0 : value !== 0 || (key !== "gi" && key !== "ug");
/** A user gain further from 1 makes the maker's program take 1 for all five (deviceActions.ts, initGains). */
const GAIN_SPREAD = 0.1;
const VOLTS_A_COUNT = (4 * 1.8) / 163_840;
const COUNTS_A_STEP = 4;

/** @returns null where it is no PPK2's, or has no end. */
export function parseMetadata(text: string): Ppk2 | null {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  if (!lines.includes("END")) return null;
  const values = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^(\w+)\s*:\s*(\S.*)$/.exec(line) ?? [];
    if (name !== undefined) values.set(name.toLowerCase(), value!);
  }
  if (!DEFAULT_OHM.every((_, range) => values.has(`r${range}`))) return null;
  const number = (name: string): number | null => {
    const value = Number(values.get(name) ?? NaN);
    return Number.isFinite(value) ? value : null;
  };
  const defaults: string[] = [];
  const ranges = DEFAULT_OHM.map((ohm, range): RangeCalibration => {
    const own = KEYS.map((key): [string, number] => {
      const value = number(`${key}${range}`);
      if (value !== null && isMeant(key, value)) return [key, value];
      defaults.push(`${key.toUpperCase()}${range}`);
      return [key, key === "r" ? ohm : DEFAULT[key]];
    });
    return Object.fromEntries(own) as unknown as RangeCalibration;
  });
  const [calibrated, vdd] = [number("calibrated"), number("vdd")];
  const gainsRefused = ranges.some(({ ug }) => Math.abs(ug - 1) > GAIN_SPREAD);
  return {
    calibrated: calibrated === null ? null : calibrated !== 0,
    hardware: values.get("hw") ?? null,
    mode: number("mode"),
    vddV: vdd === null ? null : vdd / 1e3,
    ranges: gainsRefused ? ranges.map((range) => ({ ...range, ug: DEFAULT.ug })) : ranges,
    defaults,
    gainsRefused,
  };
}

/** In amperes. @param vddV set at the regulator. */
export function autoRange({ ranges }: Ppk2, vddV: number): AutoRange {
  return {
    countBits: COUNT_BITS,
    ranges: ranges.map(({ r, gs, gi, o, s, i, ug }) => {
      const step = VOLTS_A_COUNT / r;
      const zero = (-o / COUNTS_A_STEP) * step;
      return [
        ug * (zero * (gs * zero + gi) + s * vddV + i),
        ug * step * (2 * gs * zero + gi),
        ug * gs * step * step,
      ];
    }),
  };
}

/** What the run should say of the device's calibration. */
export function calibrationNotes({ calibrated, defaults, gainsRefused }: Ppk2): Note[] {
  const warn = (text: string): Note => ({ level: "warning", text });
  const notes: Note[] = [];
  if (calibrated === false) notes.push(warn("the PPK2 says that it is uncalibrated"));
  if (gainsRefused)
    notes.push(
      warn(
        "a user gain of the PPK2 is further than 10 % from 1: all are taken as 1, as the maker's program does",
      ),
    );
  const most = KEYS.length * RANGES;
  if (defaults.length > 0)
    notes.push(
      warn(
        `uncalibrated: the PPK2 has no ${defaults.length === most ? "calibration" : defaults.join(", ")} of its own, the maker's defaults are used`,
      ),
    );
  return notes;
}
