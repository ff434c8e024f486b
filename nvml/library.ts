// The management library as the rest of this folder sees it: SI units, codes as data.
// nvml.ts implements it over the driver, sim.ts over a function of time.

import type { Queried } from "./codes.ts";
import type { RowSink } from "./provider.ts";

/**
 * What can be polled, by the channel names of docs/telemetry.md, in the order of a tick: the calls that
 * block come last, so that they delay no other.
 */
export const QUANTITIES = [
  "power_usage",
  "power_average",
  "power_instant",
  "temperature",
  "temperature_memory",
  "clock_sm",
  "clock_memory",
  "utilization_gpu",
  "utilization_memory",
  "memory_used",
  "pstate",
  "clocks_event_reasons",
  "power_limit",
  "power_samples",
  "energy_counter",
] as const;

export type Quantity = (typeof QUANTITIES)[number];

/** Puts one row, or none to many for `power_samples`. */
export type Reader = (out: RowSink) => void;

export interface NvmlDevice {
  readonly index: number;
  readonly name: string;
  readonly uuid: string;
  /** Most rows that a read of `power_samples` puts. */
  readonly maxSamples: number;
  readonly read: Readonly<Record<Quantity, Reader>>;
  facts(): DeviceFacts;
}

/** What does not change while a run is recorded. Limits in W. */
export interface DeviceFacts {
  readonly pciBusId: Queried<string>;
  readonly architecture: Queried<string>;
  readonly powerLimitW: Queried<number>;
  readonly enforcedPowerLimitW: Queried<number>;
  readonly defaultPowerLimitW: Queried<number>;
  readonly minPowerLimitW: Queried<number>;
  readonly maxPowerLimitW: Queried<number>;
  readonly persistence: Queried<boolean>;
  readonly ecc: Queried<boolean>;
  readonly mig: Queried<boolean>;
  readonly computeProcesses: Queried<number>;
}

export interface NvmlLibrary {
  readonly simulated: boolean;
  readonly driver: string;
  readonly version: string;
  readonly devices: readonly NvmlDevice[];
  /** GPUs that are there but could not be opened. */
  readonly unopened: readonly { readonly index: number; readonly code: number }[];
  close(): void;
}
