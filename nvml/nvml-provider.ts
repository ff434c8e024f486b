// NVML as something to poll: the devices' channels of one pace. `open` is what a worker calls.

import { loadNvml } from "./bindings.ts";
import { nvmlChannels, type Pace } from "./channels.ts";
import { nvmlCodeName } from "./codes.ts";
import { hostClocks } from "./host-clocks.ts";
import type { NvmlLibrary } from "./library.ts";
import { openNvml } from "./nvml.ts";
import type { TelemetryProvider } from "./provider.ts";
import { mostOf } from "../stats/summary.ts";

export interface NvmlArgs {
  readonly pace: Pace;
}

/** @throws SourceError without a working driver */
export async function open(args: NvmlArgs): Promise<TelemetryProvider> {
  return nvmlProvider(await openSystemNvml(), args.pace);
}

/** The driver's library with the host's clocks. @throws SourceError without a working driver */
export async function openSystemNvml(): Promise<NvmlLibrary> {
  const native = await loadNvml();
  const clocks = hostClocks();
  return openNvml(native, () => {
    const { unix, boot } = clocks();
    return { unixUs: Number(unix / 1000n), bootUs: Number(boot / 1000n) };
  });
}

/** Works alike over the driver and over its simulation. */
export function nvmlProvider(library: NvmlLibrary, pace: Pace): TelemetryProvider {
  const { devices, unopened } = library;
  const { channels, missing } = nvmlChannels(devices, pace, devices.length + unopened.length > 1);
  const readers = channels.map(({ device, quantity }) => device.read[quantity]);
  return {
    description: library.simulated ? "simulated NVML" : `NVML ${library.driver}`,
    channels: channels.map((c) => c.channel),
    missing: [
      ...missing,
      ...unopened.map(({ index, code }) => `nvml.${index}: ${nvmlCodeName(code)} (code ${code})`),
    ],
    maxRows: mostOf(
      devices.map((d) => d.maxSamples),
      1,
    ),
    read: (channel, out) => readers[channel]!(out),
    close: () => library.close(),
  };
}
