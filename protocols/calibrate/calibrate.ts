// Captures and what is known about them → a calibration record. Zeros and meter readings make the line of a
// sensor by weighted least squares in counts; a run beside a reference makes it by that run's discipline.
// What the points do not fix stays as the rig states it; what they cannot tell apart is an error.

import { InputError } from "../../schema/errors.ts";
import type {
  CalibratedSensor,
  CalibrationPoint,
  FoundSkew,
  Quantity,
} from "../../schema/documents/calibration.ts";
import { restsWithin, type Rig, type Sensor } from "../../schema/rig.ts";
import { formatQuantity } from "../../schema/units.ts";
import type { MeasuredRun } from "./levels.ts";
import { valueAt } from "../../stats/places.ts";

/** What is known of a run: nothing flows; one sensor sees this value; its references are to be believed. */
export type Step =
  | { readonly kind: "zero"; readonly run: MeasuredRun }
  | {
      readonly kind: "reading";
      readonly run: MeasuredRun;
      readonly rail: string;
      readonly quantity: Quantity;
      readonly value: number;
    }
  | { readonly kind: "reference"; readonly run: MeasuredRun }
  | { readonly kind: "skew"; readonly run: MeasuredRun };

/** A line needs points this many standard uncertainties apart. */
const APART = 20;

/**
 * @param instrumentU relative standard uncertainty of the meter, common to all its readings.
 * @throws InputError when readings contradict what they are to fix.
 */
export function calibrate(
  steps: readonly Step[],
  instrumentU: number,
): { sensors: CalibratedSensor[]; skew: FoundSkew[]; remarks: string[] } {
  const remarks: string[] = [];
  const points = new Map<string, Looked & { readonly list: CalibrationPoint[] }>();
  const add = (run: MeasuredRun, rail: string, quantity: Quantity, value: number): void => {
    const key = `${rail} ${quantity}`;
    const level = run.levels.find((l) => l.rail === rail && l.quantity === quantity);
    if (!level)
      throw new InputError(
        `the rig of ${run.dir} has no sensor ${key}; it has ${run.levels.map((l) => `${l.rail}.${l.quantity}`).join(", ")}`,
      );
    if (level.clipped)
      throw new InputError(`${run.dir}: ${key} is clipped in it; choose a value inside the range`);
    const entry = points.get(key) ?? { rail, quantity, list: [] };
    points.set(key, entry);
    entry.list.push({ run: run.dir, count: level.count, count_u: level.u, value });
  };
  for (const s of steps) {
    if (s.kind === "zero")
      for (const l of s.run.levels) {
        if (l.quantity !== "current") continue;
        const sensor = sensorOf(s.run.rig, l);
        const u = l.u * Math.abs(sensor.perCount);
        if (u > restsWithin(sensor))
          throw new InputError(
            `${s.run.dir}: the current of ${l.rail} moved in it (its mean is known to ${formatQuantity(u, "A")} only): let nothing flow while the zero is taken`,
          );
        if (!l.clipped) add(s.run, l.rail, "current", 0);
        else
          remarks.push(
            `${l.rail} current rests at the end of its range with nothing flowing: its zero cannot be taken`,
          );
      }
    if (s.kind === "reading") add(s.run, s.rail, s.quantity, s.value);
  }
  const sensors = [...points.values()].map((of) =>
    byPoints(of, sensorOf(valueAt(steps, 0).run.rig, of), of.list, instrumentU),
  );
  for (const s of steps) {
    if (s.kind !== "reference") continue;
    for (const found of byReference(s.run)) {
      const twice = sensors.find((x) => x.rail === found.rail && x.quantity === found.quantity);
      if (twice?.method === "readings" || twice?.method === "reference")
        throw new InputError(
          `${found.rail} ${found.quantity} is calibrated twice, by ${twice.method} and by its reference: choose one`,
        );
      // A zero is part of what the reference finds.
      if (twice) sensors.splice(sensors.indexOf(twice), 1);
      sensors.push(found);
    }
  }
  const skew = steps.flatMap((s) => (s.kind === "skew" ? s.run.skew() : []));
  return { sensors, skew, remarks };
}

/** Which sensor of a rig. */
interface Looked {
  readonly rail: string;
  readonly quantity: Quantity;
}

function sensorOf(rig: Rig, { rail, quantity }: Looked): Sensor {
  const sensor = rig.rails.find((r) => r.name === rail)?.[quantity];
  if (!sensor) throw new RangeError(`rig ${rig.name} has no sensor ${rail} ${quantity}`);
  return sensor;
}

function byPoints(
  of: Looked,
  stated: Sensor,
  points: readonly CalibrationPoint[],
  instrumentU: number,
): CalibratedSensor {
  const what = `${of.rail} ${of.quantity}`;
  const { perCount } = stated;
  const u = (p: CalibrationPoint): number => Math.max(p.count_u * Math.abs(perCount), 1e-9);
  const weight = points.reduce((sum, p) => sum + u(p) ** -2, 0);
  const mean = (f: (p: CalibrationPoint) => number): number =>
    points.reduce((sum, p) => sum + f(p) * u(p) ** -2, 0) / weight;
  const [c0, v0] = [mean((p) => p.count), mean((p) => p.value)];
  const spread = points.reduce((sum, p) => sum + ((p.count - c0) / u(p)) ** 2, 0);
  const apart = Math.sqrt(spread) * Math.abs(perCount) > APART;
  const zerosOnly = points.every((p) => p.value === 0);
  if (!apart && !zerosOnly)
    throw new InputError(
      `${what}: its readings lie at one level, which fixes a point and not a line: add a zero (--zero) or a reading at another value`,
    );
  const slope = apart
    ? points.reduce((sum, p) => sum + ((p.count - c0) * (p.value - v0)) / u(p) ** 2, 0) / spread
    : perCount;
  if (zerosOnly && apart)
    throw new InputError(`${what}: its zeros lie apart from each other; something flowed in one`);
  if (slope === 0)
    throw new InputError(`${what}: all its readings are alike though its counts differ`);
  const residual = (p: CalibrationPoint): number => p.value - v0 - slope * (p.count - c0);
  const chi2 = points.reduce((sum, p) => sum + (residual(p) / u(p)) ** 2, 0);
  const dof = points.length - (apart ? 2 : 1);
  const birge = dof > 0 ? Math.max(1, Math.sqrt(chi2 / dof)) : 1;
  const slopeU = apart ? (birge * 1) / Math.sqrt(spread) : 0;
  const zeroCount = c0 - v0 / slope;
  const offsetU = Math.hypot(birge / Math.sqrt(weight), slopeU * (zeroCount - c0));
  return {
    ...line(of, stated, { perCount: slope, zeroCount }),
    gain_u: apart ? Math.hypot(slopeU / slope, instrumentU) : stated.gainU,
    offset_u: offsetU,
    method: zerosOnly ? "zero" : "readings",
    points,
    residual_rms: Math.sqrt(points.reduce((sum, p) => sum + residual(p) ** 2, 0) / points.length),
  };
}

/** The corrected lines of a run whose rig declares references. */
function byReference(run: MeasuredRun): CalibratedSensor[] {
  const found = run.disciplines.flatMap((d) => {
    if (!d.fit) return [];
    return [
      {
        ...line(d, sensorOf(run.rig, d), sensorOf(run.corrected, d)),
        gain_u: d.gainU,
        offset_u: d.offsetU,
        method: "reference" as const,
        points: [],
        residual_rms: d.fit.residualRms,
      },
    ];
  });
  if (found.length === 0)
    throw new InputError(
      `${run.dir}: no reference corrected anything in it; the rig must declare one (reference in rigs/README.md) and the DAQ must read it`,
    );
  return found;
}

/** A line in counts, and what it is against the stated one. */
function line(
  { rail, quantity }: Looked,
  stated: Sensor,
  { perCount, zeroCount }: Pick<Sensor, "perCount" | "zeroCount">,
): Omit<CalibratedSensor, "gain_u" | "offset_u" | "method" | "points" | "residual_rms"> {
  return {
    rail,
    quantity,
    channel: stated.field,
    per_count: perCount,
    zero_count: zeroCount,
    gain: perCount / stated.perCount,
    offset: (stated.zeroCount - zeroCount) * perCount,
    polarity: perCount * stated.perCount > 0 ? "as stated" : "reversed",
  };
}
