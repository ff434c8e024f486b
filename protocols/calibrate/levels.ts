// A capture in which a bench held still → the mean count of every sensor, with what its scatter leaves open;
// and for one in which the load moved, how the voltage of a rail lags its current. Counts are as the log
// has them: no line, no correction enters.

import { fitClocks } from "../../align/clocks/fit.ts";
import type { Discipline } from "../../align/reference/discipline.ts";
import { loggedRig } from "../../align/logged-rig.ts";
import { scanCapture } from "../../align/scan.ts";
import { type AlignedRun, Timeline } from "../../align/timeline.ts";
import { assertUnchanged } from "../../capture/unchanged.ts";
import { openRun } from "../../capture/run.ts";
import { type FoundSkew, type Quantity, QUANTITIES } from "../../schema/documents/calibration.ts";
import { InputError } from "../../schema/errors.ts";
import type { Rig, Sensor } from "../../schema/rig.ts";
import { valueAt } from "../../stats/places.ts";

export interface Level {
  readonly rail: string;
  readonly quantity: Quantity;
  /** Mean count and its standard uncertainty, by the scatter of means over a twentieth of a second. */
  readonly count: number;
  readonly u: number;
  readonly clipped: boolean;
}

export interface MeasuredRun {
  readonly dir: string;
  readonly source: string;
  readonly sha256: string;
  /** As logged, and with its sensors corrected by its references. */
  readonly rig: Rig;
  readonly corrected: Rig;
  readonly disciplines: readonly Discipline[];
  readonly levels: readonly Level[];
  /** Computed when asked for: reads the run again. */
  readonly skew: () => FoundSkew[];
}

const PART_S = 0.05;
const LEAST_PARTS = 10;

/** @throws InputError for a run without a physical trace, or too short to tell its scatter. */
export function measureRun(dir: string): MeasuredRun {
  const { capture } = openRun(dir);
  const scan = scanCapture(capture);
  const logged = scan.attachments.get("rig.json");
  const { stream } = scan;
  const clock = stream && fitClocks(scan).daq;
  if (!stream || !clock || !scan.rig || !logged)
    throw new InputError(`${dir} holds no physical trace; record one with --rig`);
  const rig = loggedRig(capture, logged);
  const runs = function* (): Generator<AlignedRun> {
    yield* new Timeline({ path: capture, rig }, stream, clock).runs();
    assertUnchanged(scan);
  };
  return {
    dir,
    source: scan.session.source,
    sha256: scan.sha256,
    rig,
    corrected: scan.rig,
    disciplines: scan.disciplines,
    levels: levelsOf(dir, rig, runs()),
    skew: () => rig.rails.flatMap((_, rail) => skewOf(rig, rail, runs())),
  };
}

interface Column {
  readonly rail: number;
  readonly quantity: Quantity;
  readonly sensor: Sensor;
  readonly means: number[];
  /** Of the mean that is under way. */
  rows: number;
  sum: number;
  clipped: boolean;
}

function levelsOf(dir: string, rig: Rig, runs: Iterable<AlignedRun>): Level[] {
  const columns = rig.rails.flatMap((rail, r): Column[] =>
    QUANTITIES.flatMap((quantity) => {
      const sensor = rail[quantity];
      return sensor
        ? [{ rail: r, quantity, sensor, means: [], rows: 0, sum: 0, clipped: false }]
        : [];
    }),
  );
  const part = Math.max(1, Math.round(PART_S * rig.device.rowHz));
  for (const run of runs)
    for (const c of columns) add(c, columnOf(run, c).subarray(run.from, run.to), part);
  if (columns.some((c) => c.means.length < LEAST_PARTS))
    throw new InputError(`${dir} is too short to calibrate by: at least ${LEAST_PARTS * PART_S} s`);
  return columns.map(({ rail, quantity, sensor, means, clipped }) => {
    const mean = means.reduce((a, b) => a + b, 0) / means.length;
    const square = means.reduce((sum, m) => sum + (m - mean) ** 2, 0) / (means.length - 1);
    return {
      rail: valueAt(rig.rails, rail).name,
      quantity,
      count: mean / sensor.perCount + sensor.zeroCount,
      u: Math.sqrt(square / means.length) / Math.abs(sensor.perCount),
      clipped,
    };
  });
}

/** @param part rows of a mean. */
function add(c: Column, values: Float64Array, part: number): void {
  for (const value of values) {
    c.sum += value;
    c.clipped ||= saturated(c.sensor, value);
    if (++c.rows < part) continue;
    c.means.push(c.sum / part);
    c.rows = c.sum = 0;
  }
}

function saturated({ clip, perCount, zeroCount }: Sensor, value: number): boolean {
  const count = Math.round(value / perCount + zeroCount);
  return clip !== undefined && (count <= clip[0] || count >= clip[1]);
}

function columnOf(run: AlignedRun, c: Pick<Column, "rail" | "quantity">): Float64Array {
  const { voltageV, currentA, powerW } = valueAt(run.rails, c.rail);
  const column = { voltage: voltageV, current: currentA, power: powerW }[c.quantity];
  if (!column) throw new RangeError(`a rail without its ${c.quantity}`);
  return column;
}

const REACH = 16;
const SEGMENTS = 8;

/**
 * When a load steps up its current rises and its voltage falls. The lag is where the product of their steps
 * is most negative, between rows by a parabola; its scatter over eighths of the run is its uncertainty.
 */
function skewOf(rig: Rig, rail: number, runs: Iterable<AlignedRun>): FoundSkew[] {
  const { name, voltage, current } = valueAt(rig.rails, rail);
  if (!voltage || !current) return [];
  const products: Float64Array[] = [];
  for (const run of runs) {
    const dv = stepsOf(columnOf(run, { rail, quantity: "voltage" }));
    const da = stepsOf(columnOf(run, { rail, quantity: "current" }));
    const sums = new Float64Array(2 * REACH + 1);
    for (let i = run.from + REACH + 1; i < run.to - REACH; i++)
      for (let k = -REACH; k <= REACH; k++) sums[k + REACH]! -= dv[i]! * da[i - k]!;
    products.push(sums);
  }
  const lags = Array.from({ length: SEGMENTS }, (_, s) => {
    const mine = products.filter((_p, i) => Math.floor((i * SEGMENTS) / products.length) === s);
    return peakOf(Float64Array.from({ length: 2 * REACH + 1 }, (_v, k) => total(mine, k)));
  });
  if (lags.some((l) => l === null)) return [];
  const found = lags as number[];
  const mean = found.reduce((a, b) => a + b, 0) / SEGMENTS;
  const square = found.reduce((sum, l) => sum + (l - mean) ** 2, 0) / (SEGMENTS - 1);
  const periodNs = 1e9 / rig.device.rowHz;
  return [
    {
      rail: name,
      skew_ns: mean * periodNs,
      skew_u_ns: Math.sqrt(square / SEGMENTS) * periodNs,
    },
  ];
}

/** From each row's predecessor to it; 0 of the first. */
function stepsOf(column: Float64Array): Float64Array {
  return column.map((x, i) => x - (column[i - 1] ?? x));
}

const total = (list: readonly Float64Array[], k: number): number =>
  list.reduce((sum, x) => sum + valueAt(x, k), 0);

/** Where the peak lies, rows; null where none stands out of the noise of the rest. */
function peakOf(x: Float64Array): number | null {
  const best =
    1 + x.subarray(1, -1).reduce((most, v, k, inner) => (v > valueAt(inner, most) ? k : most), 0);
  const rest = x.filter((_, k) => Math.abs(k - best) > REACH / 2);
  const noise = Math.sqrt(rest.reduce((sum, v) => sum + v * v, 0) / rest.length);
  const [a, b, c] = [valueAt(x, best - 1), valueAt(x, best), valueAt(x, best + 1)];
  if (!(b > 4 * noise)) return null;
  return best - REACH + (a - c) / (2 * (a - 2 * b + c));
}
