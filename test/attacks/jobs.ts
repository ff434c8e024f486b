// Commands with hostile input, in a process of their own: what may hang or take all memory must not do it to the
// tests. Enters: jobs. Leaves: how each ended, or that it did not; the process is killed then, and the rest with it.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { siblingModule } from "../../host/sibling.ts";

export interface Job {
  readonly name: string;
  /** As in cli/main.ts. */
  readonly command: string;
  readonly positionals: readonly string[];
  readonly options?: Readonly<Record<string, string | boolean>>;
}

export interface Ended {
  readonly name: string;
  /** Exit code; null for an error that no user should see, or for a job that did not end. */
  readonly code: number | null;
  readonly message: string;
  readonly cpuS: number;
  /** Of the process so far. */
  readonly peakMB: number;
}

/** Far beyond what any job needs; only one that waits for ever meets it. */
const HANGS_MS = 60_000;

export async function runJobs(jobs: readonly Job[]): Promise<Ended[]> {
  const { url, execArgv } = siblingModule(import.meta.url, "./job-runner");
  const child = spawn(process.execPath, ["--no-warnings", ...execArgv, fileURLToPath(url)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin.on("error", () => undefined); // it ended before it had them all
  child.stdin.end(JSON.stringify(jobs));
  const ended: Ended[] = [];
  let timer = setTimeout(() => child.kill("SIGKILL"), HANGS_MS);
  for await (const line of createInterface({ input: child.stdout })) {
    ended.push(JSON.parse(line) as Ended);
    clearTimeout(timer);
    timer = setTimeout(() => child.kill("SIGKILL"), HANGS_MS);
  }
  clearTimeout(timer);
  const next = jobs[ended.length];
  if (next)
    ended.push({ name: next.name, code: null, message: "did not end", cpuS: NaN, peakMB: NaN });
  return ended;
}

/** What is wrong with how a job ended; refused or done, it ends in a line. */
export function faults({ name, code, message, cpuS, peakMB }: Ended, mostMB = 1000): string[] {
  const found: string[] = [];
  if (code === null) found.push(`${name}: ${message}`);
  if (message.includes("\n") || message.length > 2000) found.push(`${name}: not one line`);
  if (cpuS > 60) found.push(`${name}: ${cpuS} s`);
  if (peakMB > mostMB) found.push(`${name}: ${peakMB} MB`);
  return found;
}
