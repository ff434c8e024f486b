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
  if (!scan.stream || !scan.rig || !logged)
    throw new InputError(`${dir} holds no physical trace; record one with --rig`);
  const rig = loggedRig(capture, logged);
  const clock = fitClocks(scan).daq!;
  const runs = function* (): Generator<AlignedRun> {
    yield* new Timeline({ path: capture, rig }, scan.stream!, clock).runs();
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
    skew: () => rig.rails.flatMap((_, r) => skewOf(rig, r, runs())),
  };
}

interface Column {
  readonly rail: number;
  readonly quantity: Quantity;
  readonly sensor: Sensor;
  readonly means: number[];
  sum: number;
  clipped: boolean;
}

function levelsOf(dir: string, rig: Rig, runs: Iterable<AlignedRun>): Level[] {
  const columns = rig.rails.flatMap((rail, r): Column[] =>
    QUANTITIES.flatMap((quantity) => {
      const sensor = rail[quantity];
      return sensor ? [{ rail: r, quantity, sensor, means: [], sum: 0, clipped: false }] : [];
    }),
  );
  const part = Math.max(1, Math.round(PART_S * rig.device.rowHz));
  let rows = 0;
  for (const run of runs)
    for (let i = run.from; i < run.to; i++) {
      for (const c of columns) {
        const value = columnOf(run, c)[i]!;
        c.sum += value;
        c.clipped ||= saturated(c.sensor, value);
      }
      if (++rows < part) continue;
      rows = 0;
      for (const c of columns) {
        c.means.push(c.sum / part);
        c.sum = 0;
      }
    }
  if (columns[0]!.means.length < LEAST_PARTS)
    throw new InputError(`${dir} is too short to calibrate by: at least ${LEAST_PARTS * PART_S} s`);
  return columns.map(({ rail, quantity, sensor, means, clipped }) => {
    const mean = means.reduce((a, b) => a + b, 0) / means.length;
    const square = means.reduce((sum, m) => sum + (m - mean) ** 2, 0) / (means.length - 1);
    return {
      rail: rig.rails[rail]!.name,
      quantity,
      count: mean / sensor.perCount + sensor.zeroCount,
      u: Math.sqrt(square / means.length) / Math.abs(sensor.perCount),
      clipped,
    };
  });
}

function saturated({ clip, perCount, zeroCount }: Sensor, value: number): boolean {
  const count = Math.round(value / perCount + zeroCount);
  return clip !== undefined && (count <= clip[0] || count >= clip[1]);
}

function columnOf(run: AlignedRun, c: Pick<Column, "rail" | "quantity">): Float64Array {
  const { voltageV, currentA, powerW } = run.rails[c.rail]!;
  return c.quantity === "voltage" ? voltageV! : c.quantity === "current" ? currentA! : powerW;
}

const REACH = 16;
const SEGMENTS = 8;

/**
 * When a load steps up its current rises and its voltage falls. The lag is where the product of their steps
 * is most negative, between rows by a parabola; its scatter over eighths of the run is its uncertainty.
 */
function skewOf(rig: Rig, rail: number, runs: Iterable<AlignedRun>): FoundSkew[] {
  if (!rig.rails[rail]!.voltage || !rig.rails[rail]!.current) return [];
  const products: Float64Array[] = [];
  for (const run of runs) {
    const { voltageV, currentA } = run.rails[rail]!;
    const sums = new Float64Array(2 * REACH + 1);
    for (let i = run.from + REACH + 1; i < run.to - REACH; i++) {
      const dv = voltageV![i]! - voltageV![i - 1]!;
      for (let k = -REACH; k <= REACH; k++)
        sums[k + REACH]! -= dv * (currentA![i - k]! - currentA![i - k - 1]!);
    }
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
      rail: rig.rails[rail]!.name,
      skew_ns: mean * periodNs,
      skew_u_ns: Math.sqrt(square / SEGMENTS) * periodNs,
    },
  ];
}

const total = (list: readonly Float64Array[], k: number): number =>
  list.reduce((sum, x) => sum + x[k]!, 0);

/** Where the peak lies, rows; null where none stands out of the noise of the rest. */
function peakOf(x: Float64Array): number | null {
  let best = 1;
  for (let k = 1; k < x.length - 1; k++) if (x[k]! > x[best]!) best = k;
  const rest = x.filter((_, k) => Math.abs(k - best) > REACH / 2);
  const noise = Math.sqrt(rest.reduce((sum, v) => sum + v * v, 0) / rest.length);
  if (!(x[best]! > 4 * noise)) return null;
  const [a, b, c] = [x[best - 1]!, x[best]!, x[best + 1]!];
  return best - REACH + (a - c) / (2 * (a - 2 * b + c));
}
