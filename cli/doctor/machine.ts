// The machine as doctor sees it: file trees under a root and a few answers that are not files. Tests put
// another one in its place.

import { accessSync, constants, statfsSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { Kernel } from "../../gpio/kernel.ts";
import { grantsFifo } from "../../host/scheduler.ts";
import type { NvmlLibrary } from "../../nvml/library.ts";

/** `ok`: nothing to do. `warn`: works, with a doubt or a cost. `no`: does not work here. */
export type Verdict = "ok" | "warn" | "no";

export interface Finding {
  readonly check: string;
  readonly verdict: Verdict;
  readonly text: string;
  /** What would change it; whatever is not `ok` has one. */
  readonly remedy?: string;
}

export interface Machine {
  /** Where /sys, /proc, /dev and /etc are looked for. */
  readonly root: string;
  readonly nodeVersion: string;
  readonly user: string;
  /** Where runs would be written. */
  readonly cwd: string;
  /** Whether this process may read and write a file; ACLs count. */
  mayUse(path: string): boolean;
  /** Whether the kernel grants SCHED_FIFO at this priority. */
  grantsFifo(priority: number): boolean;
  freeBytes(dir: string): number | null;
  /** The driver's library, or why there is none. */
  openNvml(): Promise<NvmlLibrary | string>;
  /** @throws SourceError where there are no trigger lines. */
  gpio(): Kernel;
}

export async function thisMachine(): Promise<Machine> {
  const { linux } = await import("../../gpio/kernel.ts");
  return {
    root: "/",
    nodeVersion: process.version,
    user: userName(),
    cwd: process.cwd(),
    mayUse,
    grantsFifo: process.platform === "linux" ? grantsFifo : () => false,
    freeBytes,
    openNvml,
    gpio: linux,
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "$USER"; // a uid without a name, as containers have
  }
}

function mayUse(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function freeBytes(dir: string): number | null {
  try {
    const s = statfsSync(dir);
    return s.bavail * s.bsize;
  } catch {
    return null;
  }
}

async function openNvml(): Promise<NvmlLibrary | string> {
  const { openSystemNvml } = await import("../../nvml/nvml-provider.ts");
  try {
    return await openSystemNvml();
  } catch (error) {
    return (error as Error).message;
  }
}

export const inRoot = (m: Machine, path: string): string => join(m.root, path);
