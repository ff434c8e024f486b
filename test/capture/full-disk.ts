// Logs written under a limit on file size, which stands for a full disk: the write fails in the middle of a
// record. One process writes them all, since a soft limit can be set again.

import { spawnSync } from "node:child_process";
import { siblingModule } from "../../host/sibling.ts";

export interface FullDiskOutcome {
  readonly path: string;
  readonly failed: boolean;
  /** By the writer, of its one stream. */
  readonly told: { readonly rows: number; readonly reads: number; readonly marks: number };
}

/** @param limits bytes, one log each. */
export function fullDisk(dir: string, limits: readonly number[]): FullDiskOutcome[] {
  const { url, execArgv } = siblingModule(import.meta.url, "./full-disk-writer");
  const node = [process.execPath, ...execArgv, url.pathname, dir, ...limits.map(String)];
  const run = spawnSync("bash", ["-c", 'trap "" XFSZ; exec "$0" "$@"', ...node], {
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout) as FullDiskOutcome[];
}
