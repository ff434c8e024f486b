// Which grids to poll on this machine: NVML fast and slow, RAPL, hwmon; or the simulated driver.

import { siblingModule } from "../host/sibling.ts";
import { open as openHwmon } from "./hwmon.ts";
import { openSystemNvml } from "./nvml-provider.ts";
import { open as openRapl } from "./rapl.ts";
import type { GridSpec } from "./sampler.ts";
import { append } from "../schema/lists.ts";

export interface Periods {
  readonly fastNs: number;
  readonly slowNs: number;
}

/** 100 Hz and 10 Hz: the fields refresh every 100 ms and the counter every 20 to 100 ms. */
export const DEFAULT_PERIODS: Periods = { fastNs: 10e6, slowNs: 100e6 };

function grid(name: string, periodNs: number, module: string, args: unknown): GridSpec {
  return {
    name,
    periodNs,
    provider: { module: siblingModule(import.meta.url, `./${module}`).url.href, args },
  };
}

/** Both paces of the driver, whether or not there is one. */
export function nvmlGrids(periods = DEFAULT_PERIODS): GridSpec[] {
  return [
    grid("nvml fast", periods.fastNs, "nvml-provider", { pace: "fast" }),
    grid("nvml slow", periods.slowNs, "nvml-provider", { pace: "slow" }),
  ];
}

/** Grids for what this machine has; empty where it has nothing. */
export async function availableGrids(periods = DEFAULT_PERIODS): Promise<GridSpec[]> {
  const grids: GridSpec[] = [];
  if (await hasNvml()) append(grids, nvmlGrids(periods));
  if (hasChannels(openRapl)) grids.push(grid("rapl", periods.slowNs, "rapl", {}));
  if (hasChannels(openHwmon)) grids.push(grid("hwmon", periods.slowNs, "hwmon", {}));
  return grids;
}

async function hasNvml(): Promise<boolean> {
  try {
    const library = await openSystemNvml();
    library.close();
    return library.devices.length > 0;
  } catch {
    return false;
  }
}

function hasChannels(open: () => { channels: readonly unknown[]; close(): void }): boolean {
  const provider = open();
  provider.close();
  return provider.channels.length > 0;
}
