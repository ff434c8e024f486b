// What the sampler polls: NVML, its simulation, RAPL or hwmon, all behind the same three members.
// A provider is opened inside the worker that polls it, so it is named by module, not passed.

import type { TelemetryChannel } from "../schema/records.ts";

/** Takes the rows of the read in progress. The sampler adds channel and host stamps. */
export interface RowSink {
  /**
   * @param value in the channel's unit; NaN when the read failed
   * @param code 0, or the source's own error code
   * @param stampUs the source's own time, Unix microseconds; NaN where it gives none
   */
  put(value: number, code: number, stampUs: number): void;
}

export interface TelemetryProvider {
  /** What is polled, for people: "NVML 580.159.04", "simulated NVML", "RAPL". */
  readonly description: string;
  readonly channels: readonly TelemetryChannel[];
  /** What was asked for but is not among the channels, and why; in words. */
  readonly missing: readonly string[];
  /** Most rows that one read can put. */
  readonly maxRows: number;
  /** Reads one channel now. Never throws: a failure is a row with its code. */
  read(channel: number, out: RowSink): void;
  close(): void;
}

/** Where a worker finds its provider: a module that exports `open(args)`. Both must survive a structured clone. */
export interface ProviderSpec {
  readonly module: string;
  readonly args: unknown;
}

interface ProviderModule {
  open(args: unknown): Promise<TelemetryProvider> | TelemetryProvider;
}

export async function openProvider(spec: ProviderSpec): Promise<TelemetryProvider> {
  const module = (await import(spec.module)) as ProviderModule;
  return module.open(spec.args);
}
