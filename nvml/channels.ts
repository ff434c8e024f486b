// The channels of docs/telemetry.md: name, unit and grid of every quantity, and the list for a machine.

import type { TelemetryChannel } from "../schema/records.ts";
import { nvmlCodeName } from "./codes.ts";
import { probeFeatures } from "./features.ts";
import { type NvmlDevice, QUANTITIES, type Quantity } from "./library.ts";

/** `fast` calls take microseconds; `slow` ones can block for milliseconds (docs/evidence/nvml-h100.md). */
export type Pace = "fast" | "slow";

interface Kind {
  readonly quantity: TelemetryChannel["quantity"];
  readonly unit: string;
  readonly pace: Pace;
}

const KINDS: Readonly<Record<Quantity, Kind>> = {
  power_usage: { quantity: "power", unit: "W", pace: "fast" },
  power_average: { quantity: "power", unit: "W", pace: "fast" },
  power_instant: { quantity: "power", unit: "W", pace: "fast" },
  energy_counter: { quantity: "energy", unit: "J", pace: "slow" },
  power_samples: { quantity: "power", unit: "W", pace: "slow" },
  temperature: { quantity: "temperature", unit: "degC", pace: "slow" },
  temperature_memory: { quantity: "temperature", unit: "degC", pace: "slow" },
  clock_sm: { quantity: "frequency", unit: "Hz", pace: "slow" },
  clock_memory: { quantity: "frequency", unit: "Hz", pace: "slow" },
  utilization_gpu: { quantity: "ratio", unit: "1", pace: "slow" },
  utilization_memory: { quantity: "ratio", unit: "1", pace: "slow" },
  memory_used: { quantity: "bytes", unit: "B", pace: "slow" },
  pstate: { quantity: "state", unit: "1", pace: "slow" },
  clocks_event_reasons: { quantity: "state", unit: "1", pace: "slow" },
  power_limit: { quantity: "state", unit: "W", pace: "slow" },
};

/** One channel of one device. */
export interface NvmlChannel {
  readonly channel: TelemetryChannel;
  readonly device: NvmlDevice;
  readonly quantity: Quantity;
}

export interface ChannelList {
  readonly channels: readonly NvmlChannel[];
  /** "nvml.temperature_memory: not supported (code 3)". */
  readonly missing: readonly string[];
}

/**
 * Channels of `pace` that the devices support, quantity by quantity: what blocks on one GPU must not delay
 * the others' quick reads. The index stands in the name when there are several GPUs.
 */
export function nvmlChannels(
  devices: readonly NvmlDevice[],
  pace: Pace,
  numbered = devices.length > 1,
): ChannelList {
  const wanted = QUANTITIES.filter((q) => KINDS[q].pace === pace);
  const channels: NvmlChannel[] = [];
  const missing: string[] = [];
  const features = devices.map((device) => probeFeatures(device, wanted));
  wanted.forEach((quantity, q) => {
    devices.forEach((device, d) => {
      const { code, supported } = features[d]![q]!;
      const name = numbered ? `nvml.${device.index}.${quantity}` : `nvml.${quantity}`;
      const { quantity: measures, unit } = KINDS[quantity];
      const channel = { name, quantity: measures, unit };
      if (supported) channels.push({ channel, device, quantity });
      else missing.push(`${name}: ${nvmlCodeName(code)} (code ${code})`);
    });
  });
  return { channels, missing };
}
