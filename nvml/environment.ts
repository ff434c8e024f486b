// The machine a run was recorded on: environment.json of docs/telemetry.md. What could not be read is
// an error object in its place; what may spoil a comparison is a warning in words.

import { execFile } from "node:child_process";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { arch, cpus, release } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { nvmlCodeName, type Queried } from "./codes.ts";
import type { DeviceFacts, NvmlDevice, NvmlLibrary } from "./library.ts";
import { openSystemNvml } from "./nvml-provider.ts";
import { readText } from "./sysfs.ts";

/** A figure, or why there is none. */
type Figure = string | number | boolean | { readonly code: number; readonly error: string };

export interface Environment {
  readonly schema: "environment/1";
  readonly host: HostFacts;
  readonly node: string;
  readonly git: { readonly commit: string; readonly dirty: boolean } | null;
  readonly nvml: {
    readonly driver: string;
    readonly version: string;
    readonly simulated: boolean;
    readonly gpus: readonly Readonly<Record<string, Figure>>[];
  } | null;
  readonly warnings: readonly string[];
}

interface HostFacts {
  readonly kernel: string;
  readonly arch: string;
  readonly cpu: string;
  readonly cores: number;
  readonly governor: readonly string[] | null;
  readonly confinement: "container" | "virtual machine" | "bare metal";
}

export interface EnvironmentOptions {
  /** The library whose GPUs to describe; by default the system's, if there is one. */
  readonly nvml?: NvmlLibrary | null;
  readonly cwd?: string;
  /** File system root, another one for tests. */
  readonly root?: string;
}

export async function readEnvironment(options: EnvironmentOptions = {}): Promise<Environment> {
  const library = options.nvml === undefined ? await systemNvml() : options.nvml;
  const host = hostFacts(options.root ?? "/");
  const devices = library?.devices.map((d) => ({ device: d, facts: d.facts() })) ?? [];
  const environment: Environment = {
    schema: "environment/1",
    host,
    node: process.version,
    git: await gitState(options.cwd ?? process.cwd()),
    nvml: library && {
      driver: library.driver,
      version: library.version,
      simulated: library.simulated,
      gpus: devices.map(({ device, facts }) => gpuJson(device, facts)),
    },
    warnings: [
      ...devices.flatMap(({ device, facts }) => gpuWarnings(`GPU ${device.index}`, facts)),
      ...hostWarnings(host),
    ],
  };
  if (options.nvml === undefined) library?.close();
  return environment;
}

async function systemNvml(): Promise<NvmlLibrary | null> {
  try {
    return await openSystemNvml();
  } catch {
    return null;
  }
}

function figure<T extends string | number | boolean>(q: Queried<T>): Figure {
  return "value" in q ? q.value : { code: q.code, error: nvmlCodeName(q.code) };
}

function gpuJson(device: NvmlDevice, facts: DeviceFacts): Record<string, Figure> {
  return {
    index: device.index,
    name: device.name,
    uuid: device.uuid,
    pci_bus_id: figure(facts.pciBusId),
    architecture: figure(facts.architecture),
    power_limit_w: figure(facts.powerLimitW),
    enforced_power_limit_w: figure(facts.enforcedPowerLimitW),
    default_power_limit_w: figure(facts.defaultPowerLimitW),
    min_power_limit_w: figure(facts.minPowerLimitW),
    max_power_limit_w: figure(facts.maxPowerLimitW),
    persistence: figure(facts.persistence),
    ecc: figure(facts.ecc),
    mig: figure(facts.mig),
    compute_processes: figure(facts.computeProcesses),
  };
}

function is<T>(q: Queried<T>, value: T): boolean {
  return "value" in q && q.value === value;
}

function gpuWarnings(gpu: string, facts: DeviceFacts): string[] {
  const { enforcedPowerLimitW, powerLimitW, defaultPowerLimitW: usual } = facts;
  const enforced = "value" in enforcedPowerLimitW ? enforcedPowerLimitW : powerLimitW;
  const warnings: string[] = [];
  if ("value" in enforced && "value" in usual && enforced.value !== usual.value)
    warnings.push(
      `${gpu}: the power limit in force is ${enforced.value} W, its default is ${usual.value} W`,
    );
  if (is(facts.mig, true))
    warnings.push(`${gpu}: MIG is on; power and energy are the whole GPU's, not an instance's`);
  if (is(facts.persistence, false))
    warnings.push(`${gpu}: persistence mode is off; the driver may unload between processes`);
  if (is(facts.ecc, false)) warnings.push(`${gpu}: ECC is off`);
  if ("value" in facts.computeProcesses && facts.computeProcesses.value > 0)
    warnings.push(`${gpu}: ${facts.computeProcesses.value} compute processes were already running`);
  return warnings;
}

function hostWarnings(host: HostFacts): string[] {
  const slow = host.governor?.filter((g) => g !== "performance") ?? [];
  return slow.length > 0 ? [`CPU governor is ${slow.join(", ")}, not performance`] : [];
}

function hostFacts(root: string): HostFacts {
  return {
    kernel: release(),
    arch: arch(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    governor: governors(join(root, "sys/devices/system/cpu")),
    confinement: confinement(root),
  };
}

/** The governors in use, without repeats. */
function governors(dir: string): string[] | null {
  const cores = existsSync(dir) ? readdirSync(dir).filter((name) => /^cpu\d+$/.test(name)) : [];
  const found = cores.map((core) => readText(join(dir, core, "cpufreq/scaling_governor")));
  const names = new Set(found.filter((name) => name !== undefined));
  return names.size > 0 ? [...names].sort() : null;
}

/** The kernel's own process and cgroup namespaces (PROC_PID_INIT_INO and so on, linux/proc_ns.h). */
const OWN_NAMESPACES = { pid: "pid:[4026531836]", cgroup: "cgroup:[4026531835]" } as const;
const CONTAINER_MARKS = ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"];
/** What firmware calls itself under a hypervisor, for processors whose flags do not tell (ARM). */
const VIRTUAL_FIRMWARE = /QEMU|KVM|VMware|VirtualBox|Xen|Google Compute Engine|Virtual Machine/i;

/**
 * A container is looked for first: it may well run inside a virtual machine. Under cgroup v2 neither files nor
 * the cgroup's name need show one (a pod of Kubernetes), but its namespaces do.
 */
function confinement(root: string): HostFacts["confinement"] {
  const cgroup = readText(join(root, "proc/1/cgroup")) ?? "";
  const isMarked = CONTAINER_MARKS.some((f) => existsSync(join(root, f)));
  const isApart = Object.entries(OWN_NAMESPACES).some(
    ([name, own]) => (link(join(root, "proc/self/ns", name)) ?? own) !== own,
  );
  if (isMarked || isApart || /docker|kubepods|containerd|lxc|libpod/.test(cgroup))
    return "container";
  const flags = /^flags.*$/m.exec(readText(join(root, "proc/cpuinfo")) ?? "")?.[0] ?? "";
  const firmware = ["sys_vendor", "product_name"].map((f) =>
    readText(join(root, "sys/class/dmi/id", f)),
  );
  const isVirtual = /\bhypervisor\b/.test(flags) || VIRTUAL_FIRMWARE.test(firmware.join(" "));
  return isVirtual ? "virtual machine" : "bare metal";
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Commit of the directory the user works in: that of the workload, not of this program. */
async function gitState(cwd: string): Promise<Environment["git"]> {
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)("git", args, { cwd })).stdout.trim();
  try {
    const commit = await git("rev-parse", "HEAD");
    const dirty = (await git("status", "--porcelain", "--untracked-files=no")) !== "";
    return { commit, dirty };
  } catch {
    return null;
  }
}
