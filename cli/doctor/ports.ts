// Serial ports: which there are, whether they may be used, and what makes them slow. Nothing is opened.

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { listPorts, type PortInfo } from "../../ingest/ports/port-list.ts";
import { readText } from "../../nvml/sysfs.ts";
import { type Finding, inRoot, type Machine } from "./machine.ts";

/** FTDI's default holds bytes back for 16 ms (AN232B-04, section 2.2); 1 ms is its least. */
const LATENCY_MS = 1;

export async function portFindings(m: Machine): Promise<Finding[]> {
  const ports = await listPorts(inRoot(m, "sys"));
  if (ports.length === 0)
    return [
      {
        check: "ports",
        verdict: "no",
        text: "no USB serial port: no DAQ is plugged in",
        remedy:
          "plug one in; --rig virtual needs none; a built-in UART is named by record --port /dev/ttyS0",
      },
    ];
  return [...ports.flatMap((p) => [permission(m, p), ...latency(m, p)]), ...modemManager(m)];
}

function permission(m: Machine, p: PortInfo): Finding {
  const check = p.path;
  const usb = p.vendorId ? `USB ${p.vendorId}:${p.productId ?? "?"}` : "not USB";
  const what = p.product ? `${usb} "${p.product}"` : usb;
  const file = inRoot(m, p.path);
  const group = groupOf(m, file);
  if (group === null)
    return {
      check,
      verdict: "no",
      text: `${what}: the kernel knows it, but it has no device file`,
      remedy: `pass it into the container: --device=${p.path}`,
    };
  if (m.mayUse(file)) return { check, verdict: "ok", text: `${what}: may be used` };
  return {
    check,
    verdict: "no",
    text: `${what}: no permission (group ${group})`,
    remedy:
      group === "root"
        ? `a udev rule: KERNEL=="${p.path.replace(/^\/dev\/(tty\D+)\d+$/, "$1*")}", GROUP="dialout", MODE="0660"`
        : `sudo usermod -aG ${group} ${m.user}, then log in again`,
  };
}

/** Name of a file's group, its number where it has none; null where there is no file. */
function groupOf(m: Machine, file: string): string | null {
  try {
    const { gid } = statSync(file);
    const names = readText(inRoot(m, "etc/group")) ?? "";
    const line = names.split("\n").find((l) => l.split(":")[2] === String(gid));
    return line?.split(":")[0] ?? String(gid);
  } catch {
    return null;
  }
}

function latency(m: Machine, p: PortInfo): Finding[] {
  const file = `/sys/bus/usb-serial/devices/${p.path.slice("/dev/".length)}/latency_timer`;
  const ms = readText(inRoot(m, file));
  if (ms === undefined) return [];
  const check = `${p.path} latency`;
  if (Number(ms) <= LATENCY_MS) return [{ check, verdict: "ok", text: `${ms} ms` }];
  const text = `the adapter holds bytes back for ${ms} ms`;
  const remedy = `echo ${LATENCY_MS} | sudo tee ${file} (again after each plugging in)`;
  return [{ check, verdict: "warn", text, remedy }];
}

/** It opens new ports and talks to them for half a minute, which disturbs whatever listens. */
function modemManager(m: Machine): Finding[] {
  const processes = entries(inRoot(m, "proc")).filter((name) => /^\d+$/.test(name));
  const runs = processes.some(
    (pid) => readText(join(inRoot(m, "proc"), pid, "comm")) === "ModemManager",
  );
  if (!runs) return [];
  return [
    {
      check: "ModemManager",
      verdict: "warn",
      text: "runs, and talks to every port that is plugged in",
      remedy: 'a udev rule with ENV{ID_MM_DEVICE_IGNORE}="1" for the DAQ, or stop it',
    },
  ];
}

function entries(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
