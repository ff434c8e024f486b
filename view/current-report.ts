// A run → its report's page, made now, of files that were made from the log as it is now: fuses where they are not.

import type { RunPaths } from "../capture/run.ts";
import { logNow } from "../dataset/changed-log.ts";
import { fuseRun } from "../dataset/fuse.ts";
import { staleFiles } from "../dataset/made-from.ts";
import { finding } from "../schema/findings.ts";
import type { WorkListener } from "../schema/work-listener.ts";
import { renderRun } from "./report.ts";

export interface CurrentReport {
  /** HTML. */
  readonly page: string;
  /** The log is not the one that files beside it were made from. */
  readonly changed: boolean;
}

/** The caller holds the run's lock, exclusive. @throws InputError where the log cannot be read. */
export async function currentReport(
  paths: RunPaths,
  listener: WorkListener = {},
): Promise<CurrentReport> {
  const { sha256, changed } = await logNow(paths, listener);
  const stale = await staleFiles(paths, sha256);
  for (const text of stale.filter((s) => s.endsWith("as it was written")))
    listener.onFinding?.(finding("file-spoiled", "run", `${text}; made again`));
  if (stale.length > 0) fuseRun(paths, listener);
  return { page: await renderRun(paths), changed };
}
