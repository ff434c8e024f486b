// What a whole run says of each of its windows: its load and its noise, from the outline of its trace.

import type { StreamScan } from "../align/scanned.ts";
import type { Rig } from "../schema/rig.ts";
import type { OfRun } from "./budget/budget.ts";
import { OutlinedLoad } from "./load.ts";
import { noiseIn } from "./noise.ts";

export function ofRun({ outline }: StreamScan, { device }: Rig): OfRun {
  const { t, powerW, rowsPerCell } = outline;
  const stepS = rowsPerCell / device.rowHz;
  const cells = { t, powerW, step: stepS * device.clock.hz, stepS };
  return {
    load: new OutlinedLoad(cells),
    noise: noiseIn(cells, rowsPerCell),
    runS: t.length * stepS,
  };
}
