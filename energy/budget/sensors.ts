// What the sensors' own errors come to in a window. In: a rig, its stream's layout. Out: terms of the budget, each the
// same error in every window of the run. Holds: a gain scales the rail's energy; an offset of volts sees the charge, one
// of amperes the volt-seconds, one of watts the length.

import { append } from "../../schema/lists.ts";
import type { RowField, RowLayout } from "../../schema/records.ts";
import type { Disciplined, Quantity, Rail, Rig, Sensor, SharedError } from "../../schema/rig.ts";
import { mostOf } from "../../stats/summary.ts";
import { Sum } from "../integrate.ts";
import { type Noise, octavesIn } from "../noise.ts";
import { ownOf, type Seen, type Source, stated } from "./term.ts";

/** A sensor, and what its errors are multiplied by in a window: signed, over all of the window. */
interface SensorInUse {
  readonly rail: string;
  readonly quantity: Quantity;
  readonly sensor: Sensor;
  readonly energyJ: (seen: Seen) => number;
  /** What an offset is multiplied by. */
  readonly seen: (seen: Seen) => number;
}

/** Of the run as a whole. */
export interface RunNoise {
  readonly noise: Noise;
  /** s */
  readonly runS: number;
}

export function sensorSources(rig: Rig, layout: RowLayout, run: RunNoise): Source[] {
  const sources: Source[] = [];
  const used: SensorInUse[] = [];
  for (const [r, rail] of rig.rails.entries()) {
    const of = sensorsOf(rail, r);
    append(used, of);
    for (const one of of) append(sources, ownErrors(one, rig, layout, run));
    const assumed = rail.assumedVoltage;
    if (assumed)
      sources.push(
        stated(
          `${rail.name} assumed voltage`,
          (c) => railSum(r, 0)(c) * (assumed.u / assumed.valueV),
        ),
      );
  }
  return [...sources, ...(rig.shared ?? []).map((e) => sharedError(e, used))];
}

/** An integral over rail r: what bridges a gap was measured by the same sensors. */
const railSum =
  (r: number, k: number) =>
  ({ s, w, whole }: Seen): number =>
    s.between(w.t0Ns, w.t1Ns, Sum.rails + 3 * r + k) * whole;

function sensorsOf(rail: Rail, r: number): SensorInUse[] {
  const [energyJ, chargeC, fluxVs] = [railSum(r, 0), railSum(r, 1), railSum(r, 2)];
  const of = (quantity: Quantity, seen: (c: Seen) => number): SensorInUse[] => {
    const sensor = rail[quantity];
    return sensor ? [{ rail: rail.name, quantity, sensor, energyJ, seen }] : [];
  };
  if (rail.power) return of("power", (c) => c.durationS);
  return [...of("voltage", chargeC), ...of("current", fluxVs)];
}

function ownErrors(
  { rail, quantity, sensor, energyJ, seen }: SensorInUse,
  rig: Rig,
  layout: RowLayout,
  run: RunNoise,
): Source[] {
  const name = `${rail} ${quantity}`;
  const step =
    Math.abs(sensor.perCount) * codeStep(layout.fields.find((f) => f.name === sensor.field));
  const alone = (of: SharedError["of"], u: number): number =>
    Math.sqrt(Math.max(0, u ** 2 - sharedSquare(rig, { rail, quantity }, of, u)));
  const [gainU, offsetU] = [alone("gain", sensor.gainU), alone("offset", sensor.offsetU)];
  const { codeErrors, disciplined, driftU = 0, noise } = sensor;
  return [
    stated(`${name} gain`, (c) => energyJ(c) * gainU),
    // It moves in the run, nobody knows how.
    { ...stated(`${name} gain drift`, (c) => energyJ(c) * driftU), windows: "unknown" },
    stated(`${name} offset`, (c) => seen(c) * offsetU),
    // Of one level the same in every window, of another another.
    {
      ...stated(`${name} quantisation`, (c) => quantisation(step, seen(c), c, run.noise.rowW)),
      windows: "unknown",
    },
    ...(codeErrors
      ? [stated(`${name} code errors`, (c) => seen(c) * Math.abs(sensor.perCount) * codeErrors.u)]
      : []),
    ...(disciplined ? disciplineSources(name, disciplined, energyJ, seen) : []),
    ...(noise ? [statedNoise(name, noise, seen, { hz: rig.device.rowHz, run })] : []),
  ];
}

/** Of a sensor's square, what it shares with others: no more than all of it. */
const sharedSquare = (
  { shared = [] }: Rig,
  { rail, quantity }: { rail: string; quantity: Quantity },
  of: SharedError["of"],
  u: number,
): number =>
  shared
    .filter((e) => e.of === of && e.sensors.some((s) => s.rail === rail && s.quantity === quantity))
    .reduce((sum, e) => sum + Math.min(u, e.u ?? u) ** 2, 0);

/** One cause moves all its sensors at once: their contributions add with their signs. */
function sharedError({ cause, of, u, sensors }: SharedError, used: readonly SensorInUse[]): Source {
  const mine = used.filter((one) =>
    sensors.some((s) => s.rail === one.rail && s.quantity === one.quantity),
  );
  const partJ = ({ sensor, energyJ, seen }: SensorInUse, c: Seen): number =>
    of === "gain"
      ? energyJ(c) * Math.min(sensor.gainU, u ?? Infinity)
      : seen(c) * Math.min(sensor.offsetU, u ?? Infinity);
  return stated(`shared ${of}: ${cause}`, (c) => mine.reduce((sum, one) => sum + partJ(one, c), 0));
}

/**
 * What the fit to a reference leaves open. An error that grows from the pivot on sees only what the window
 * lies off it: ∫ V (I − pivot) dt = E − pivot · ∫ V dt.
 */
function disciplineSources(
  name: string,
  d: Disciplined,
  energyJ: (c: Seen) => number,
  seen: (c: Seen) => number,
): Source[] {
  const off = (c: Seen): number => energyJ(c) - d.pivot * seen(c);
  const fitted = (term: string, of: Source["of"]): Source => ({ ...stated(term, of), type: "A" });
  return [
    fitted(`${name} level to reference`, (c) => seen(c) * d.levelU),
    fitted(`${name} slope to reference`, (c) => off(c) * d.slopeU),
    { ...stated(`${name} drift`, (c) => seen(c) * d.driftU), windows: "unknown" },
  ];
}

/** What a sensor's line sees between two codes: 0 for a float; of several ranges the coarsest step. */
export function codeStep(field: RowField | undefined): number {
  if (field?.kind === "float") return 0;
  return field?.autoRange ? mostOf(field.autoRange.ranges.map(([, c1]) => Math.abs(c1))) : 1;
}

/** One count is uniform over its step; noise of half a step or more dithers it, so that it averages as the noise does. */
function quantisation(step: number, sensitivity: number, seen: Seen, rowW: number): number {
  const u = (step / Math.sqrt(12)) * sensitivity;
  const stepW = seen.durationS > 0 ? (step * Math.abs(sensitivity)) / seen.durationS : 0;
  return rowW > 0 && rowW >= stepW / 2 ? u * Math.min(1, seen.noiseW / rowW) : u;
}

/** White noise averages over the rows; a floor of 1/f noise is as strong in every octave from the window to the run. */
function statedNoise(
  name: string,
  { rms, floor }: NonNullable<Sensor["noise"]>,
  seen: (c: Seen) => number,
  { hz, run }: { hz: number; run: RunNoise },
): Source {
  const u = (durationS: number): number =>
    Math.hypot(
      rms / Math.sqrt(Math.max(1, durationS * hz)),
      floor * Math.sqrt(1 + octavesIn(run.runS / durationS) / 2),
    );
  const of = (c: Seen): number => (c.durationS > 0 ? seen(c) * u(c.durationS) : 0);
  return ownOf(`${name} noise`, "B", of);
}
