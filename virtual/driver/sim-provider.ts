// The simulated driver as something to poll. The power function cannot be passed to a worker, so it is
// named: a module whose export `power(args)` returns watts as a function of host time.

import type { Pace } from "../../nvml/channels.ts";
import type { Quantity } from "../../nvml/library.ts";
import { nvmlProvider } from "../../nvml/nvml-provider.ts";
import type { TelemetryProvider } from "../../nvml/provider.ts";
import { type SensorModel, simulateNvml } from "./sim.ts";

export interface SimArgs {
  readonly pace: Pace;
  /** URL of a module that exports `power(args): (tNs: number) => number`. */
  readonly powerModule: string;
  readonly powerArgs?: unknown;
  readonly sensor?: SensorModel;
  readonly gpus?: number;
  readonly refuse?: Partial<Record<Quantity, number>>;
  /** Lose the GPU this long after the provider was opened, ns. */
  readonly lostAfterNs?: number;
  readonly mig?: boolean;
}

interface PowerModule {
  readonly power: (args: unknown) => (tNs: number) => number;
}

export async function open(args: SimArgs): Promise<TelemetryProvider> {
  const { pace, powerModule, powerArgs, lostAfterNs, ...model } = args;
  const { power } = (await import(powerModule)) as PowerModule;
  const nowNs = (): number => Number(process.hrtime.bigint());
  const lost = lostAfterNs === undefined ? {} : { lostAtNs: nowNs() + lostAfterNs };
  const library = simulateNvml({
    powerW: power(powerArgs),
    nowNs,
    unixOffsetNs: Date.now() * 1e6 - nowNs(),
    ...model,
    ...lost,
  });
  return nvmlProvider(library, pace);
}
