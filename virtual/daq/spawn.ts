// Starts the virtual DAQ as a process of its own and waits until its port can be opened.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { siblingModule } from "../../host/sibling.ts";
import { SourceError } from "../../schema/errors.ts";
import type { Rig } from "../../schema/rig.ts";
import type { DeviceCounters } from "./device.ts";
import type { FaultCounts } from "./faults.ts";
import type { Start } from "./starts.ts";

/** The device's own account, as it saw itself. */
export interface VirtualDaqAccount extends DeviceCounters {
  readonly stalls: number;
  readonly longestStallNs: number;
  readonly faults: FaultCounts;
  /** Edges of an outside line that came too late for their rows. */
  readonly lateEdges: number;
  /** Of a wire device by run, the first is 1. */
  readonly starts: readonly Start[];
}

export interface VirtualDaqProcess {
  readonly path: string;
  readonly pid: number;
  /** Ends it. @returns its account. */
  stop(): Promise<VirtualDaqAccount>;
}

/** @param args as `virtual-daq --help` lists them, without --rig. @throws SourceError when it does not start. */
export async function spawnVirtualDaq(
  rig: Rig,
  args: readonly string[],
): Promise<VirtualDaqProcess> {
  const { url, execArgv } = siblingModule(import.meta.url, "./main");
  const child = spawn(
    process.execPath,
    ["--no-warnings", ...execArgv, fileURLToPath(url), "--rig", "-", ...args],
    // In a session of its own: a terminal's Ctrl-C is for the recorder, an instrument would not hear it.
    { stdio: ["pipe", "pipe", "pipe"], detached: true },
  );
  let complaint = "";
  child.once("error", (error) => (complaint = `the virtual DAQ: ${error.message}`));
  child.stdin.on("error", () => undefined); // one that ended: its silence is told below
  child.stdin.end(JSON.stringify(rig));
  const exited = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
  });
  child.stderr.on("data", (b: Buffer) => (complaint += b.toString()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <T>(): Promise<T> => {
    const line = await lines.next();
    if (line.done) {
      await exited;
      const how = `the virtual DAQ ended (${child.signalCode ?? `code ${child.exitCode}`})`;
      throw new SourceError(complaint.trim() || how);
    }
    return JSON.parse(line.value) as T;
  };
  const { path } = await next<{ path: string }>();
  return {
    path,
    pid: child.pid!,
    async stop() {
      child.kill("SIGTERM");
      const account = await next<VirtualDaqAccount>();
      await exited;
      return account;
    },
  };
}
