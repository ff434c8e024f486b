// Zeros that a run shows: an input that nothing flows in, as far as can be seen, and that reads something all the same.
// It is told, never applied: whether nothing flows, only who stands at the bench knows.

import type { StreamScan } from "../../align/scanned.ts";
import type { Level } from "../../align/rows/levels.ts";
import { type Finding, finding } from "../../schema/findings.ts";
import type { RowLayout } from "../../schema/records.ts";
import { loadSensor, type Rail, restsWithin, type Rig, type Sensor } from "../../schema/rig.ts";
import { formatQuantity } from "../../schema/units.ts";
import { codeStep } from "../budget/sensors.ts";
import { COVERAGE_FACTOR } from "../budget/budget.ts";
import type { RailMean } from "../physical.ts";

/** Fewer rows show no rest. */
const LEAST_ROWS = 64;

export function restingOffZero(
  rig: Rig,
  { layout, levels }: Pick<StreamScan, "layout" | "levels">,
  means: readonly RailMean[],
): Finding[] {
  const isSteady = rig.rails.map((rail, r) => rests(rail, levels[r], layout));
  return rig.rails.flatMap((rail, r) => {
    const [level, volts] = [levels[r], means[r]?.voltageV];
    if (!level || !rail.current || rail.power || isSteady[r] !== true) return [];
    const dead = isDead(rail, volts, layout);
    if (!dead && !isSteady.some((steady, other) => other !== r && steady === false)) return [];
    const allowedA = COVERAGE_FACTOR * rail.current.offsetU;
    const scatterA = (COVERAGE_FACTOR * level.sd) / Math.sqrt(level.rows);
    if (Math.abs(level.mean) <= allowedA + scatterA || atItsEnd(rail.current, level)) return [];
    const beside = dead ? "it has no voltage" : "other rails' loads move";
    return [
      finding(
        "zero-off",
        rail.name,
        `rail ${rail.name}: its current rests at ${formatQuantity(level.mean, "A")} all the time while ${beside}, and its zero is stated to ±${formatQuantity(allowedA, "A")}: if nothing flows in it, its zero is off by that; record a run in which nothing flows in any rail and take the zero from it: truejoule calibrate --zero RUN`,
      ),
    ];
  });
}

/** Whether a rail's load stands still over the run; undefined where that is not known. */
function rests(rail: Rail, level: Level | undefined, layout: RowLayout): boolean | undefined {
  const sensor = loadSensor(rail);
  if (!sensor || !level || level.rows < LEAST_ROWS) return undefined;
  return level.sd <= within(sensor, layout);
}

const within = (sensor: Sensor, layout: RowLayout): number =>
  restsWithin(sensor, codeStep(layout.fields.find((f) => f.name === sensor.field)));

/** A measured voltage of nothing: whatever its current reads, it feeds nothing. */
const isDead = ({ voltage }: Rail, volts: number | undefined, layout: RowLayout): boolean =>
  voltage !== undefined &&
  volts !== undefined &&
  Math.abs(volts) <= COVERAGE_FACTOR * within(voltage, layout);

/** What rests at the end of its range has its zero beyond it, and calibrate cannot take it. */
function atItsEnd({ clip, perCount, zeroCount }: Sensor, { mean }: Level): boolean {
  const count = Math.round(mean / perCount + zeroCount);
  return clip !== undefined && (count <= clip[0] || count >= clip[1]);
}
