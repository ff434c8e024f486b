// A rig → the bench that it is: real instruments and telemetry, or the virtual bench of rig `virtual`.

import { realBench } from "../../record/bench.ts";
import type { OpenBench } from "../../record/run.ts";
import { UsageError } from "../../schema/errors.ts";
import { parseFault } from "../daq/faults.ts";

/** Without a duration the virtual load is planned for so long, s. */
const OPEN_END_S = 600;

/** @throws UsageError where the request does not fit the bench, InputError when no DAQ answers. */
export const openBench: OpenBench = async (rig, { simulation, port, cuda, durationS }) => {
  const { seed = 1, faults = [] } = simulation ?? {};
  for (const text of faults) parseFault(text); // before the virtual DAQ is started
  if (rig.rig.device.kind !== "virtual") return realBench(rig, port);
  if (port !== undefined)
    throw new UsageError("--port is a real DAQ's; the virtual bench brings its own");
  if (cuda === true) {
    const { kernelBench } = await import("./kernel-bench.ts");
    return kernelBench(rig, seed);
  }
  const { virtualBench } = await import("./virtual-bench.ts");
  const daqArgs = faults.flatMap((f) => ["--fault", f]);
  return virtualBench(rig, { seed, durationS: durationS ?? OPEN_END_S, daqArgs });
};
