// A simulated driver: the interface of nvml.ts over a function of time. It lies the way the real one
// does: power is a window's mean refreshed every update period, the counter sums samples 20 ms apart
// (the model that fits docs/evidence/nvml-h100.md best, not a known fact), and on request it refuses,
// loses the GPU, wraps or runs under MIG.

import { type SampleBuffer, SAMPLE_CAPACITY, samplesReader } from "../../nvml/buffered.ts";
import { NvmlCode } from "../../nvml/codes.ts";
import type { DeviceFacts, NvmlDevice, NvmlLibrary, Quantity, Reader } from "../../nvml/library.ts";

/** How the simulated sensor sees the truth. Times in nanoseconds. */
export interface SensorModel {
  /** All that is read changes this often: power, counter, and the ring, by several samples at once. */
  readonly updateNs: number;
  readonly instantWindowNs: number;
  readonly averageWindowNs: number;
  /** Counter and ring take a sample every `sampleNs` of power behind a one-pole low-pass of `sampleTauNs`. */
  readonly sampleNs: number;
  readonly sampleTauNs: number;
  readonly gain: number;
  readonly offsetW: number;
}

/**
 * H100, driver 580: docs/evidence/nvml-h100.md; the instant window is that of arXiv 2312.02741. Gain and
 * offset of such a card are not known: no shunt was on it.
 */
export const H100_SENSOR: SensorModel = {
  updateNs: 100e6,
  instantWindowNs: 25e6,
  averageWindowNs: 1000e6,
  sampleNs: 20e6,
  sampleTauNs: 15e6,
  gain: 1,
  offsetW: 0,
};

export interface SimOptions {
  /** True power, W, at a host time (CLOCK_MONOTONIC, ns). Any function; called at 1 ms steps. */
  readonly powerW: (tNs: number) => number;
  /** Host time now, ns; and what to add to it for Unix time. */
  readonly nowNs: () => number;
  readonly unixOffsetNs: number;
  readonly sensor?: SensorModel;
  readonly gpus?: number;
  /** Codes that quantities answer instead of a value. */
  readonly refuse?: Partial<Record<Quantity, number>>;
  /** From this host time on every call answers "GPU is lost". */
  readonly lostAtNs?: number;
  readonly counterWrapsAtJ?: number;
  readonly mig?: boolean;
}

const STEP_NS = 1e6;
const RING = 120;
const LIMIT_W = 700;
const IDLE_W = 100;

export function simulateNvml(options: SimOptions): NvmlLibrary {
  return {
    simulated: true,
    driver: "simulated",
    version: "simulated",
    devices: Array.from({ length: options.gpus ?? 1 }, (_, i) => simulateDevice(i, options)),
    unopened: [],
    close: () => undefined,
  };
}

function simulateDevice(index: number, options: SimOptions): NvmlDevice {
  const sensor = new SimSensor(options);
  const { nowNs, unixOffsetNs } = options;
  const stampUs = (tNs: number): number => Math.round((tNs + unixOffsetNs) / 1e3);
  const lost = (): boolean => nowNs() >= (options.lostAtNs ?? Infinity);

  /** Fields are stamped with the time of the call, as the driver does; it says nothing of the sensor. */
  const reader =
    (quantity: Quantity, value: (tNs: number) => number, stamped = false): Reader =>
    (out) => {
      const code = lost() ? NvmlCode.gpuIsLost : (options.refuse?.[quantity] ?? 0);
      const t = nowNs();
      out.put(code === 0 ? value(t) : NaN, code, stamped && code === 0 ? stampUs(t) : NaN);
    };
  const busy = (t: number): boolean => sensor.instantW(t) > IDLE_W;
  const migOnly: Quantity[] = options.mig ? ["utilization_gpu", "utilization_memory"] : [];
  const read: Record<Quantity, Reader> = {
    power_usage: reader("power_usage", (t) => sensor.averageW(t)),
    power_average: reader("power_average", (t) => sensor.averageW(t), true),
    power_instant: reader("power_instant", (t) => sensor.instantW(t), true),
    energy_counter: reader("energy_counter", (t) => sensor.counterJ(t)),
    power_samples: samplesReader(
      (sinceUs, into) => (lost() ? NvmlCode.gpuIsLost : sensor.ring(nowNs(), sinceUs, into)),
      () => ({ unixUs: stampUs(nowNs()), bootUs: nowNs() / 1e3 }),
    ),
    temperature: reader("temperature", (t) => 30 + Math.round(sensor.averageW(t) / 20)),
    temperature_memory: reader(
      "temperature_memory",
      (t) => 40 + Math.round(sensor.averageW(t) / 20),
    ),
    clock_sm: reader("clock_sm", (t) => (busy(t) ? 1980e6 : 345e6)),
    clock_memory: reader("clock_memory", () => 2619e6),
    utilization_gpu: reader("utilization_gpu", (t) => (busy(t) ? 1 : 0)),
    utilization_memory: reader("utilization_memory", (t) => (busy(t) ? 0.3 : 0)),
    memory_used: reader("memory_used", () => 4 * 2 ** 30),
    pstate: reader("pstate", () => 0),
    clocks_event_reasons: reader("clocks_event_reasons", (t) => (busy(t) ? 0 : 1)),
    power_limit: reader("power_limit", () => LIMIT_W),
  };
  for (const quantity of migOnly)
    read[quantity] = (out) => out.put(NaN, NvmlCode.notSupported, NaN);
  return {
    index,
    name: "Simulated GPU",
    uuid: `GPU-00000000-0000-0000-0000-${String(index).padStart(12, "0")}`,
    maxSamples: SAMPLE_CAPACITY,
    read,
    facts: () => simFacts(index, options.mig ?? false),
  };
}

interface Claim {
  atNs: number;
  meanW: number;
}

/** Evaluates the truth at 1 ms steps and remembers what its clients saw last. */
class SimSensor {
  readonly #powerW: (tNs: number) => number;
  readonly #model: SensorModel;
  readonly #unixOffsetNs: number;
  readonly #wrapsAtJ: number;
  readonly #bornNs: number;
  readonly #instant: Claim = { atNs: NaN, meanW: NaN };
  readonly #average: Claim = { atNs: NaN, meanW: NaN };
  #counterJ = 0;
  #counted: number;

  constructor(options: SimOptions) {
    this.#powerW = options.powerW;
    this.#model = options.sensor ?? H100_SENSOR;
    this.#unixOffsetNs = options.unixOffsetNs;
    this.#wrapsAtJ = options.counterWrapsAtJ ?? Infinity;
    this.#bornNs = options.nowNs();
    this.#counted = this.#sampleIndex(this.#updatedAt(this.#bornNs));
  }

  #updatedAt(tNs: number): number {
    return Math.floor(tNs / this.#model.updateNs) * this.#model.updateNs;
  }

  instantW(tNs: number): number {
    return this.#claim(this.#instant, tNs, this.#model.instantWindowNs);
  }

  averageW(tNs: number): number {
    return this.#claim(this.#average, tNs, this.#model.averageWindowNs);
  }

  /** A claim stands until the next update, so it is computed once. */
  #claim(last: Claim, tNs: number, windowNs: number): number {
    const atNs = this.#updatedAt(tNs);
    if (atNs !== last.atNs) {
      last.atNs = atNs;
      last.meanW = this.#meanW(atNs, windowNs);
    }
    return last.meanW;
  }

  /** Sum of the samples up to the last update, each counted for a whole sample period. */
  counterJ(tNs: number): number {
    for (const now = this.#sampleIndex(this.#updatedAt(tNs)); this.#counted < now; this.#counted++)
      this.#counterJ += (this.#sampleW(this.#counted + 1) * this.#model.sampleNs) / 1e9;
    return this.#counterJ % this.#wrapsAtJ;
  }

  /** The newest samples after `sinceUs`, as the driver's ring would give them. */
  ring(tNs: number, sinceUs: number, into: SampleBuffer): number {
    const last = this.#sampleIndex(this.#updatedAt(tNs));
    const first = Math.max(last - RING + 1, this.#sampleIndex(this.#bornNs) + 1);
    into.count = 0;
    for (let i = first; i <= last && into.count < SAMPLE_CAPACITY; i++) {
      const stampUs = Math.round((i * this.#model.sampleNs + this.#unixOffsetNs) / 1e3);
      if (stampUs <= sinceUs) continue;
      into.stampUs[into.count] = stampUs;
      into.valueW[into.count++] = this.#sampleW(i);
    }
    return into.count > 0 ? NvmlCode.success : NvmlCode.notFound;
  }

  #sampleIndex(tNs: number): number {
    return Math.floor(tNs / this.#model.sampleNs);
  }

  /** Low-pass by a weighted mean over the last five time constants; what is older weighs 0.7 %. */
  #sampleW(index: number): number {
    const { sampleNs, sampleTauNs, gain, offsetW } = this.#model;
    let [sum, weights] = [0, 0];
    for (let age = STEP_NS / 2; age < 5 * sampleTauNs || weights === 0; age += STEP_NS) {
      const weight = Math.exp(-age / sampleTauNs);
      sum += weight * this.#powerW(index * sampleNs - age);
      weights += weight;
    }
    return (sum / weights) * gain + offsetW;
  }

  /** Mean claimed power of the window that ends at `endNs`, midpoint rule. */
  #meanW(endNs: number, windowNs: number): number {
    const steps = Math.max(1, Math.round(windowNs / STEP_NS));
    const step = windowNs / steps;
    let sum = 0;
    for (let i = 0; i < steps; i++) sum += this.#powerW(endNs - (i + 0.5) * step);
    return (sum / steps) * this.#model.gain + this.#model.offsetW;
  }
}

function simFacts(index: number, mig: boolean): DeviceFacts {
  const is = <T>(value: T): { value: T } => ({ value });
  return {
    pciBusId: is(`00000000:${(index + 1).toString(16).padStart(2, "0").toUpperCase()}:00.0`),
    architecture: is("simulated"),
    powerLimitW: is(LIMIT_W),
    enforcedPowerLimitW: is(LIMIT_W),
    defaultPowerLimitW: is(LIMIT_W),
    minPowerLimitW: is(200),
    maxPowerLimitW: is(LIMIT_W),
    persistence: is(true),
    ecc: is(true),
    mig: is(mig),
    computeProcesses: is(1),
  };
}
