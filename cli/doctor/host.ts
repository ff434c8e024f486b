// Node, scheduler, shared memory, disk, governor, confinement.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FIFO_PRIORITY } from "../../host/scheduler.ts";
import type { Environment } from "../../nvml/environment.ts";
import { readText } from "../../nvml/sysfs.ts";
import { formatQuantity } from "../../schema/units.ts";
import { packageRoot } from "../../host/package.ts";
import { type Finding, inRoot, type Machine } from "./machine.ts";

/** linux/capability.h */
const CAP_SYS_NICE = 23n;
/** The shared ring of marks (marks/ring-file.ts) and as much again for private rings. */
const SHM_BYTES = 40 << 20;
const LITTLE_DISK = 10e9;
const NO_DISK = 1e9;

export function hostFindings(m: Machine, e: Environment, bytesPerS: number | null): Finding[] {
  return [node(m), scheduler(m), sharedMemory(m), disk(m, bytesPerS), governor(e), confinement(e)];
}

function node(m: Machine): Finding {
  const { engines } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as {
    engines: { node: string };
  };
  const wanted = engines.node.replace(/^\D+/, "");
  const enough = atLeast(m.nodeVersion.slice(1), wanted);
  if (enough) return { check: "node", verdict: "ok", text: m.nodeVersion };
  const text = `${m.nodeVersion} is older than ${wanted}`;
  return { check: "node", verdict: "no", text, remedy: "install a newer Node (nodejs.org)" };
}

function atLeast(version: string, wanted: string): boolean {
  const [a, b] = [version, wanted].map((v) => v.split(".").map(Number));
  for (let i = 0; i < 3; i++) {
    const [x, y] = [a![i] ?? 0, b![i] ?? 0];
    if (x !== y) return x > y;
  }
  return true;
}

function scheduler(m: Machine): Finding {
  const check = "realtime";
  if (m.grantsFifo(FIFO_PRIORITY))
    return {
      check,
      verdict: "ok",
      text: "SCHED_FIFO is granted: serial reading uses it, record --realtime for telemetry",
    };
  const late = "under load, stamps are milliseconds late";
  if (permitsFifo(m))
    return {
      check,
      verdict: "warn",
      text: `SCHED_FIFO is refused though limits and capabilities permit it: ${late}`,
      remedy:
        "give the control group realtime (cpu.rt_runtime_us) or record outside of it; a container or virtual machine may withhold it",
    };
  return {
    check,
    verdict: "warn",
    text: `no SCHED_FIFO (rtprio ${rtprio(m)}): ${late}`,
    remedy: `"${m.user} - rtprio 20" in /etc/security/limits.d/truejoule.conf, then log in again (a container: --cap-add SYS_NICE)`,
  };
}

/** Priority limit or capability: all that is documented to be needed (sched(7)). */
function permitsFifo(m: Machine): boolean {
  const status = readText(inRoot(m, "proc/self/status")) ?? "";
  const caps = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  return ((caps >> CAP_SYS_NICE) & 1n) === 1n || rtprio(m) >= FIFO_PRIORITY;
}

function rtprio(m: Machine): number {
  const limits = readText(inRoot(m, "proc/self/limits")) ?? "";
  const soft = /^Max realtime priority\s+(\S+)/m.exec(limits)?.[1];
  return soft === "unlimited" ? 99 : Number(soft ?? 0);
}

function sharedMemory(m: Machine): Finding {
  const check = "/dev/shm";
  const free = m.freeBytes(inRoot(m, "dev/shm"));
  if (free === null)
    return {
      check,
      verdict: "warn",
      text: "not there: marks go through a file in the temporary folder",
      remedy: "mount -t tmpfs tmpfs /dev/shm",
    };
  const text = `${formatQuantity(free, "B", 3)} free`;
  if (free >= SHM_BYTES) return { check, verdict: "ok", text };
  const remedy = "mount -o remount,size=256m /dev/shm (a container: --shm-size=256m)";
  return { check, verdict: "no", text: `${text}: too little for the ring of marks`, remedy };
}

function disk(m: Machine, bytesPerS: number | null): Finding {
  const check = "disk";
  const free = m.freeBytes(m.cwd);
  if (free === null)
    return { check, verdict: "no", text: `${m.cwd} cannot be asked`, remedy: "work elsewhere" };
  const hours = bytesPerS === null ? "" : `, ${lasting(free / bytesPerS)} of this rig`;
  const text = `${formatQuantity(free, "B", 3)} free in ${m.cwd}${hours}`;
  const remedy = "free some space, or give --out another disk";
  if (free < NO_DISK) return { check, verdict: "no", text, remedy };
  return free < LITTLE_DISK
    ? { check, verdict: "warn", text, remedy }
    : { check, verdict: "ok", text };
}

function lasting(seconds: number): string {
  const hours = seconds / 3600;
  return hours < 2 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(hours)} h`;
}

function governor(e: Environment): Finding {
  const check = "governor";
  const names = e.host.governor;
  if (names === null)
    return { check, verdict: "ok", text: "the kernel shows none (usual in virtual machines)" };
  if (names.every((g) => g === "performance")) return { check, verdict: "ok", text: "performance" };
  return {
    check,
    verdict: "warn",
    text: `${names.join(", ")}: launch latency and CPU power drift`,
    remedy: "sudo cpupower frequency-set -g performance",
  };
}

function confinement(e: Environment): Finding {
  const check = "confinement";
  const text = e.host.confinement;
  if (text === "bare metal") return { check, verdict: "ok", text };
  if (text === "container")
    return {
      check,
      verdict: "warn",
      text: "container: ports, GPIO and RAPL must be passed in, other tenants may share the GPU",
      remedy: "--device=/dev/ttyACM0 for a DAQ; or record on the host",
    };
  return {
    check,
    verdict: "warn",
    text: "virtual machine: stamps suffer from stolen time, RAPL is usually hidden",
    remedy: "record on bare metal where it matters",
  };
}
