// A rig → what is recorded from: where the DAQ answers, and what telemetry there is.

import type { Environment } from "../nvml/environment.ts";
import { availableGrids } from "../nvml/grids.ts";
import type { GridSpec } from "../nvml/sampler.ts";
import type { LoadedRig } from "../rigs/load.ts";
import type { Mark } from "../schema/records.ts";
import type { Session } from "../schema/session.ts";
import { type Instant, instant } from "../schema/time.ts";
import { type Device, deviceOf } from "./device.ts";

export interface Bench extends Device {
  readonly rig: LoadedRig;
  readonly grids: readonly GridSpec[];
  readonly environment: Environment;
  /** Session start; a moment in the near future, so that everything is up by then. */
  readonly epoch: Instant<"host">;
  /** Line that the host can drive and the DAQ sees (docs/gpio.md); null where the rig names none. */
  readonly triggerOutput: string | null;
  /** Marks that nobody else makes: the virtual bench's own load, as far as it is done by `until`. */
  readonly ownMarks: (session: Session, until?: Instant<"host">) => readonly Mark[];
  /** Told every mark as it is recorded: a load that follows the program. */
  readonly onMark?: (mark: Mark) => void;
  /** Kept with the run once the DAQ has stopped: what a simulation knows to be true. */
  readonly truth?: () => object | null;
  /** True Joules between two session instants, where somebody knows them. */
  readonly truthJ: ((t0Ns: number, t1Ns: number) => number) | null;
  /** Ends what it started; more than once is once. */
  close(): Promise<void>;
}

/** @throws InputError when no DAQ answers. */
export async function realBench(rig: LoadedRig, port: string | undefined): Promise<Bench> {
  const device = await deviceOf(rig.rig, port);
  const { readEnvironment } = await import("../nvml/environment.ts");
  const environment = await readEnvironment();
  return {
    rig,
    ...device,
    grids: await availableGrids(),
    environment,
    epoch: instant<"host">(process.hrtime.bigint()),
    triggerOutput: rig.rig.trigger?.output ?? null,
    ownMarks: () => [],
    truthJ: null,
    close: async () => undefined,
  };
}
