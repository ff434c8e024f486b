// All findings about a machine and, where one is named, a rig on it.

import { readEnvironment } from "../../nvml/environment.ts";
import { bytesPerSecond } from "../../record/disk.ts";
import { gpuFindings } from "./gpu.ts";
import { hostFindings } from "./host.ts";
import type { Finding, Machine } from "./machine.ts";
import { meterFindings } from "./meters.ts";
import { portFindings } from "./ports.ts";
import { rigFindings } from "./rig.ts";

export async function examine(m: Machine, rigName?: string): Promise<Finding[]> {
  const asked = rigName === undefined ? null : await rigFindings(rigName, Date.now());
  const nvml = await m.openNvml();
  const library = typeof nvml === "string" ? null : nvml;
  try {
    const e = await readEnvironment({ root: m.root, nvml: library, cwd: m.cwd });
    return [
      ...hostFindings(m, e, asked?.rig ? bytesPerSecond(asked.rig) : null),
      ...(await portFindings(m)),
      ...gpuFindings(nvml),
      ...meterFindings(m),
      ...(asked?.findings ?? []),
    ];
  } finally {
    library?.close();
  }
}
