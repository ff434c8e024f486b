// How much room there is, and whether a recording of this length fits.

import { statfsSync } from "node:fs";
import type { Rig } from "../../schema/rig.ts";

export function freeBytes(dir: string): number {
  const s = statfsSync(dir);
  return s.bavail * s.bsize;
}

/** Bytes per second that a rig makes in the log: 12-bit channels packed, and a tenth for all the rest. */
export function bytesPerSecond(rig: Rig): number {
  const channels = rig.rails.reduce(
    (n, r) => n + [r.voltage, r.current, r.power].filter((s) => s !== undefined).length,
    0,
  );
  return 1.1 * rig.device.rowHz * channels * 1.5;
}
