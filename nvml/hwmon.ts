// Power meters behind the kernel's hwmon class: INA3221 rails (Jetson), amdgpu, and any chip with
// powerN_average or powerN_input, or with energyN_input (Intel's i915 and xe). Files and units:
// Documentation/hwmon/sysfs-interface (µW, µJ, mV, mA, m°C, Hz). Tried against copies of such trees only,
// not on the hardware.

import { existsSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { TelemetryChannel } from "../schema/records.ts";
import type { RowSink, TelemetryProvider } from "./provider.ts";
import { isPermanentErrno, NumberFile, readText } from "./sysfs.ts";

export const HWMON = "/sys/class/hwmon";

/** The product of its files' numbers, scaled to the channel's unit. */
interface Meter {
  readonly channel: TelemetryChannel;
  readonly files: readonly NumberFile[];
  readonly scale: number;
}

export interface HwmonArgs {
  /** Another root for tests. */
  readonly root?: string;
}

export function open(args: HwmonArgs = {}): TelemetryProvider {
  const root = args.root ?? HWMON;
  const chips = existsSync(root) ? readdirSync(root).sort() : [];
  // In the order of their PCI addresses, as AMD's own tools number them; hwmon10 stands before hwmon2.
  const amd = chips
    .filter((chip) => readText(join(root, chip, "name")) === "amdgpu")
    .map((chip) => ({ chip, address: deviceOf(join(root, chip)) }))
    .sort((a, b) => (a.address < b.address ? -1 : 1))
    .map(({ chip }) => chip);
  const found = chips.flatMap((chip) => {
    const gpu = amd.indexOf(chip);
    const dir = join(root, chip);
    return gpu < 0 ? chipMeters(dir) : amdMeters(dir, amd.length > 1 ? `rocm.${gpu}` : "rocm");
  });
  const refusals = new Map(found.map((m) => [m, refusal(m)]));
  const meters = unique(found).filter((m) => refusals.get(m) === 0);
  return {
    description: "hwmon",
    channels: meters.map((m) => m.channel),
    missing: found
      .filter((m) => !meters.includes(m))
      .map((m) => {
        const errno = refusals.get(m)!;
        const why = errno === 0 ? "another meter has its name" : `unreadable (errno ${errno})`;
        return `${m.channel.name}: ${why}`;
      }),
    maxRows: 1,
    read: (channel, out) => readMeter(meters[channel]!, out),
    close: () => meters.forEach((m) => m.files.forEach((f) => f.close())),
  };
}

function readMeter(meter: Meter, out: RowSink): void {
  let value = meter.scale;
  let code = 0;
  for (const file of meter.files) {
    value *= file.read();
    code ||= file.code;
  }
  out.put(value, code, NaN);
}

/** The errno that will not change, of its first read; 0 where it is worth reading again. */
function refusal(meter: Meter): number {
  let refused = 0;
  readMeter(meter, { put: (_value, code) => void (refused = isPermanentErrno(code) ? code : 0) });
  return refused;
}

/** Where the chip sits on its bus; empty where it does not say. */
function deviceOf(dir: string): string {
  const link = join(dir, "device");
  return existsSync(link) ? realpathSync(link) : "";
}

function unique(meters: readonly Meter[]): Meter[] {
  return [...new Map(meters.map((m) => [m.channel.name, m])).values()];
}

function meter(
  name: string,
  quantity: TelemetryChannel["quantity"],
  unit: string,
  scale: number,
  ...paths: string[]
): Meter {
  return {
    channel: { name, quantity, unit },
    files: paths.map((path) => new NumberFile(path)),
    scale,
  };
}

/** INA3221: inN_input mV times currN_input mA; other chips: powerN_*. Two chips of a kind are told apart by address. */
function chipMeters(dir: string): Meter[] {
  const chip = readText(join(dir, "name")) ?? "chip";
  const prefix = `hwmon.${chip}${/\/(\d+-[0-9a-f]{4})$/.exec(deviceOf(dir))?.[1]?.replace(/^/, "-") ?? ""}`;
  const files = new Set(readdirSync(dir));
  const meters: Meter[] = [];
  for (const file of files) {
    const power = /^power(\d+)_(average|input)$/.exec(file);
    if (power && (power[2] === "average" || !files.has(`power${power[1]}_average`))) {
      const label = readText(join(dir, `power${power[1]}_label`)) ?? `power${power[1]}`;
      meters.push(meter(`${prefix}.${word(label)}`, "power", "W", 1e-6, join(dir, file)));
    }
    const energy = /^energy(\d+)_input$/.exec(file)?.[1];
    if (energy !== undefined) {
      const label = readText(join(dir, `energy${energy}_label`));
      const name = label === undefined ? `energy${energy}` : `${word(label)}_energy`;
      meters.push(meter(`${prefix}.${name}`, "energy", "J", 1e-6, join(dir, file)));
    }
    const current = /^curr([123])_input$/.exec(file)?.[1]; // 4 and up are the chip's sums
    if (current !== undefined && chip.startsWith("ina3221") && files.has(`in${current}_input`)) {
      const label = readText(join(dir, `in${current}_label`)) ?? `channel${current}`;
      const volts = join(dir, `in${current}_input`);
      meters.push(meter(`${prefix}.${word(label)}`, "power", "W", 1e-6, volts, join(dir, file)));
    }
  }
  return meters;
}

/** Labels may hold spaces ("power total"); channel names do not. */
function word(label: string): string {
  return label.replace(/[^\w-]+/g, "_");
}

function amdMeters(dir: string, prefix: string): Meter[] {
  const device = join(dir, "device");
  return [
    meter(`${prefix}.power_average`, "power", "W", 1e-6, join(dir, "power1_average")),
    meter(`${prefix}.power_input`, "power", "W", 1e-6, join(dir, "power1_input")),
    meter(`${prefix}.temperature`, "temperature", "degC", 1e-3, join(dir, "temp1_input")),
    meter(`${prefix}.clock_sm`, "frequency", "Hz", 1, join(dir, "freq1_input")),
    meter(`${prefix}.clock_memory`, "frequency", "Hz", 1, join(dir, "freq2_input")),
    meter(`${prefix}.utilization_gpu`, "ratio", "1", 1e-2, join(device, "gpu_busy_percent")),
    meter(`${prefix}.memory_used`, "bytes", "B", 1, join(device, "mem_info_vram_used")),
  ];
}
