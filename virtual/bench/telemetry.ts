// What a driver would report for the true board power. In: the power trace and a channel's nature.
// Out: the value a read at a given instant returns. Holds: every value is a function of the instant;
// all channels of a card share its one board sensor, with its gain and offset.
//
// The kinds are those of docs in the field: a mean over `windowNs` published every `periodNs` (a strobe
// when the window is shorter), and a counter that sums single samples 20 ms apart. That NVML's counter
// does so is inferred from its behaviour on an H100 (periodic 5 ms in 20 ms load read 186 to 309 mJ for
// the same work, by phase); a 17 ms low-pass before each sample gives that spread.

import { random } from "../../stats/random.ts";
import type { TelemetryChannel } from "../../schema/records.ts";
import { Lag } from "./lag.ts";
import type { PowerTrace } from "./power.ts";
import { valueAt } from "../../stats/places.ts";

const MS = 1e6;

/** Power as the mean of [t − delay − window, t − delay], renewed every period. */
export interface WindowedPower {
  readonly kind: "windowed";
  readonly name: string;
  readonly periodNs: number;
  readonly windowNs: number;
  readonly delayNs: number;
}

/** Energy as the running sum of samples `sampleNs` apart, shown every `showEvery` samples, in turn. */
export interface SampledCounter {
  readonly kind: "counter";
  readonly name: string;
  readonly sampleNs: number;
  readonly filterTauNs: number;
  readonly showEvery: readonly number[];
}

export type TelemetryKind = WindowedPower | SampledCounter;

const counter: SampledCounter = {
  kind: "counter",
  name: "nvml.energy_counter",
  sampleNs: 20 * MS,
  filterTauNs: 17 * MS,
  // Updates 20 to 100 ms apart, as Zeus and Alumet report.
  showEvery: [1, 5, 2, 4, 3],
};
const windowed = (name: string, windowMs: number, delayMs: number): WindowedPower => ({
  kind: "windowed",
  name,
  periodNs: 100 * MS,
  windowNs: windowMs * MS,
  delayNs: delayMs * MS,
});

/** H100, driver 580: instant is 25 ms every 100 ms, the rest means of 1 s (mission pilot; nvml.h). */
export const HOPPER: readonly TelemetryKind[] = [
  windowed("nvml.power_instant", 25, 8),
  windowed("nvml.power_usage", 1000, 8),
  windowed("nvml.power_average", 1000, 8),
  counter,
];

/** RTX 3090, driver 535: instant is a 100 ms boxcar (arXiv 2312.02741). */
export const AMPERE: readonly TelemetryKind[] = [
  windowed("nvml.power_instant", 100, 8),
  windowed("nvml.power_usage", 1000, 8),
  windowed("nvml.power_average", 1000, 8),
  counter,
];

/** The card's own power sensor: reported = gain · true + offsetW. */
export interface BoardSensor {
  readonly gain: number;
  readonly offsetW: number;
}

/** Published cards scatter by ±5 % and ±10 W (arXiv 2312.02741). */
export function drawBoardSensor(seed: number): BoardSensor {
  const r = random(seed, "board sensor");
  return { gain: 1 + 0.03 * r.normal(), offsetW: 4 * r.normal() };
}

export interface VirtualTelemetry {
  readonly channel: TelemetryChannel;
  readonly kind: TelemetryKind;
  /** Of the update grid, ns: where it lies against the session is chance. */
  readonly phaseNs: number;
  /** What a read at `tNs` returns, in W or J. */
  valueAt(tNs: number): number;
}

export function virtualTelemetry(
  kind: TelemetryKind,
  trace: PowerTrace,
  sensor: BoardSensor,
  seed: number,
): VirtualTelemetry {
  const r = random(seed, `telemetry ${kind.name}`);
  const board = { trace, sensor };
  return kind.kind === "windowed"
    ? windowedChannel(kind, board, r.uniform() * kind.periodNs)
    : counterChannel(kind, board, r.uniform() * kind.sampleNs, 1e6 * r.uniform());
}

/** What the card takes, and what tells it. */
interface Board {
  readonly trace: PowerTrace;
  readonly sensor: BoardSensor;
}

/** mW, as NVML reports. */
const milli = (x: number): number => Math.round(x * 1e3) / 1e3;

function windowedChannel(
  kind: WindowedPower,
  { trace, sensor }: Board,
  phaseNs: number,
): VirtualTelemetry {
  return {
    channel: { name: kind.name, quantity: "power", unit: "W" },
    kind,
    phaseNs,
    valueAt: (tNs) => {
      const update = phaseNs + Math.floor((tNs - phaseNs) / kind.periodNs) * kind.periodNs;
      const end = update - kind.delayNs;
      const meanW = trace.energyJ(end - kind.windowNs, end) / (kind.windowNs * 1e-9);
      return milli(sensor.gain * meanW + sensor.offsetW);
    },
  };
}

function counterChannel(
  kind: SampledCounter,
  { trace, sensor }: Board,
  phaseNs: number,
  startJ: number,
): VirtualTelemetry {
  const filtered = new Lag(trace, kind.filterTauNs);
  const cycle = kind.showEvery.reduce((s, n) => s + n, 0);
  /** `sums[i]` = J after i samples from session start on; extended as far as anyone asks. */
  const sums = [0];
  let sum = 0;
  const sumAfter = (n: number): number => {
    while (sums.length <= n) {
      const watts = filtered.at(phaseNs + (sums.length - 1) * kind.sampleNs);
      sum += (sensor.gain * watts + sensor.offsetW) * kind.sampleNs * 1e-9;
      sums.push(sum);
    }
    return valueAt(sums, n);
  };
  return {
    channel: { name: kind.name, quantity: "energy", unit: "J" },
    kind,
    phaseNs,
    valueAt: (tNs) => {
      const taken = Math.max(0, Math.floor((tNs - phaseNs) / kind.sampleNs) + 1);
      let shown = Math.floor(taken / cycle) * cycle;
      for (const step of kind.showEvery) {
        if (shown + step > taken) break;
        shown += step;
      }
      return milli(startJ + sumAfter(shown));
    },
  };
}
