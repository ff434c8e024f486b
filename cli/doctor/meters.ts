// Other meters and trigger lines: RAPL, hwmon, GPIO.

import { existsSync } from "node:fs";
import { listChips } from "../../gpio/chips.ts";
import { GPIO_V2_LINE_FLAG_USED } from "../../gpio/uapi.ts";
import { HWMON, open as openHwmon } from "../../nvml/hwmon.ts";
import { open as openRapl, POWERCAP } from "../../nvml/rapl.ts";
import { type Finding, inRoot, type Machine } from "./machine.ts";

export function meterFindings(m: Machine): Finding[] {
  return [rapl(m), ...hwmon(m), ...gpio(m)];
}

function rapl(m: Machine): Finding {
  const check = "RAPL";
  const root = inRoot(m, POWERCAP);
  if (!existsSync(root))
    return {
      check,
      verdict: "no",
      text: "no powercap class: the kernel lacks it, or a container or virtual machine hides it",
      remedy: "sudo modprobe intel_rapl_msr on the host; AMD needs Linux 5.8 or later",
    };
  const provider = openRapl({ root });
  const { channels, missing } = provider;
  provider.close();
  if (channels.length > 0 && missing.length === 0)
    return { check, verdict: "ok", text: channels.map((c) => c.name).join(", ") };
  if (missing.length === 0)
    return {
      check,
      verdict: "no",
      text: "the powercap class holds no RAPL zone",
      remedy: "sudo modprobe intel_rapl_msr",
    };
  return {
    check,
    verdict: "no",
    text: `${missing.join(", ")}: readable by root only since CVE-2020-8694`,
    remedy:
      "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj (until reboot; it lets every user see CPU power)",
  };
}

/** Only where there is something: most machines have no such meter and need none. */
function hwmon(m: Machine): Finding[] {
  const provider = openHwmon({ root: inRoot(m, HWMON) });
  const { channels, missing } = provider;
  provider.close();
  const power = channels.filter((c) => c.quantity === "power").map((c) => c.name);
  // Chips lack some of what their kind may have; only one without any power is worth a word.
  if (power.length > 0) return [{ check: "hwmon", verdict: "ok", text: power.join(", ") }];
  if (missing.length === 0) return [];
  return [
    {
      check: "hwmon",
      verdict: "warn",
      text: `no power can be read: ${missing.join(", ")}`,
      remedy: "wake the card, or see who may read the chip's folder (ls -l)",
    },
  ];
}

function gpio(m: Machine): Finding[] {
  const check = "GPIO";
  const remedy = "a serial port's RTS or DTR can raise the edge, such as /dev/ttyS0/rts";
  try {
    const { usable, blocked } = listChips(m.gpio());
    if (usable.length + blocked.length === 0)
      return [{ check, verdict: "no", text: "no GPIO chip (Linux 5.10 or later)", remedy }];
    return [
      ...usable.map(({ path, label, allLines }): Finding => {
        const free = allLines.filter((l) => (l.flags & GPIO_V2_LINE_FLAG_USED) === 0).length;
        const text = `${path} "${label}": ${allLines.length} lines, ${free} free`;
        return { check, verdict: "ok", text };
      }),
      ...blocked.map(({ path, problem }): Finding => {
        const [text = problem, ...how] = problem.split(": ");
        return { check, verdict: "no", text: `${path}: ${text}`, remedy: how.join(": ") || remedy };
      }),
    ];
  } catch (error) {
    return [{ check, verdict: "no", text: (error as Error).message, remedy }];
  }
}
