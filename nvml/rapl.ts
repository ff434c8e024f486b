// Intel and AMD RAPL through powercap: one energy counter a zone, root-only since CVE-2020-8694.
// The counter is kept as read; each zone wraps for itself at its channel's `wrapsAt`. The kernel states
// the range one count short of the modulus (2³² − 1 counts), so a wrap costs one count, 15 to 61 µJ.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { TelemetryChannel } from "../schema/records.ts";
import type { TelemetryProvider } from "./provider.ts";
import { isPermanentErrno, NumberFile, readText } from "./sysfs.ts";

const MICRO = 1e-6;
export const POWERCAP = "/sys/class/powercap";

interface Zone {
  readonly channel: TelemetryChannel;
  readonly file: NumberFile;
}

export interface RaplArgs {
  /** Another root for tests. */
  readonly root?: string;
}

export function open(args: RaplArgs = {}): TelemetryProvider {
  const found = findZones(args.root ?? POWERCAP);
  const missing: string[] = [];
  const zones = found.filter(({ channel, file }) => {
    file.read();
    const isRefused = isPermanentErrno(file.code);
    if (isRefused) missing.push(`${channel.name}: errno ${file.code}`);
    return !isRefused;
  });
  return {
    description: "RAPL",
    channels: zones.map((z) => z.channel),
    missing,
    maxRows: 1,
    read(channel, out) {
      const { file } = zones[channel]!;
      const value = file.read() * MICRO;
      out.put(value, file.code, NaN);
    },
    close: () => zones.forEach((z) => z.file.close()),
  };
}

/** `intel-rapl:0` is a package, `intel-rapl:0:1` a zone inside it. */
function findZones(root: string): Zone[] {
  if (!existsSync(root)) return [];
  const ids = readdirSync(root).filter((id) => /^intel-rapl:\d+(:\d+)*$/.test(id));
  const taken = new Set<string>();
  return ids.sort().map((id) => {
    const dir = join(root, id);
    const rangeUj = Number(readText(join(dir, "max_energy_range_uj")) ?? NaN);
    const wraps = rangeUj > 0 ? { wrapsAt: rangeUj * MICRO } : {};
    // Some kernels call the platform zone of every package psys; two counters are never one channel.
    const zone = zoneName(root, id);
    const name = taken.has(zone)
      ? `${zone}-${id.replace(/^[^:]*:/, "").replaceAll(":", "-")}`
      : zone;
    taken.add(name);
    return {
      channel: { name: `rapl.${name}`, quantity: "energy", unit: "J", ...wraps },
      file: new NumberFile(join(dir, "energy_uj")),
    };
  });
}

/** Zone names from the package down: "package-0.dram". */
function zoneName(root: string, id: string): string {
  const parts = id.split(":").slice(1);
  const ids = parts.map((_, i) => `intel-rapl:${parts.slice(0, i + 1).join(":")}`);
  return ids.map((zone) => readText(join(root, zone, "name")) ?? zone).join(".");
}
