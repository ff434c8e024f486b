// Which grids to poll where the driver is simulated.

import { siblingModule } from "../../host/sibling.ts";
import { DEFAULT_PERIODS } from "../../nvml/grids.ts";
import type { GridSpec } from "../../nvml/sampler.ts";
import type { SimArgs } from "./sim-provider.ts";

/** Both paces, as of the real one (nvml/grids.ts). */
export function simGrids(args: Omit<SimArgs, "pace">, periods = DEFAULT_PERIODS): GridSpec[] {
  const module = siblingModule(import.meta.url, "./sim-provider").url.href;
  const grid = (pace: "fast" | "slow", periodNs: number): GridSpec => ({
    name: `simulated nvml ${pace}`,
    periodNs,
    provider: { module, args: { ...args, pace } },
  });
  return [grid("fast", periods.fastNs), grid("slow", periods.slowNs)];
}
