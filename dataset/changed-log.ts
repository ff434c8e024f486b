// A run whose log is not the one that its files were made from: reported before anything is made again, and kept in
// SHA256SUMS.

import { isUnwritable } from "../capture/own-file.ts";
import type { RunPaths } from "../capture/run.ts";
import { fileSha256 } from "../capture/sha256.ts";
import { finding } from "../schema/findings.ts";
import type { WorkListener } from "../schema/work-listener.ts";
import { noteLogChange } from "./checksums.ts";
import { otherLog } from "./made-from.ts";

export interface LogNow {
  readonly sha256: string;
  /** It was another one when the files beside it were made. */
  readonly changed: boolean;
}

/** Tells and keeps a change. @param now SHA-256 of the log, where it was read already. */
export async function logNow(
  paths: RunPaths,
  listener: WorkListener,
  now = fileSha256(paths.capture),
): Promise<LogNow> {
  const before = await otherLog(paths, now);
  if (before === null) return { sha256: now, changed: false };
  const text = `${paths.capture} is not the log that the files beside it were made from (SHA-256 ${brief(now)}, then ${brief(before)}): what is made now is of the log as it is now; verify keeps reporting it`;
  listener.onFinding?.(finding("log-changed", "capture log", text));
  try {
    noteLogChange(paths, before, now);
  } catch (error) {
    if (!isUnwritable(error)) throw error; // where nothing can be kept, nothing is made again either
  }
  return { sha256: now, changed: true };
}

const brief = (hash: string): string => `${hash.slice(0, 16)}…`;

/** Where a run cannot be written to, what was found is still told. @param what in words. */
export function keepOrSay(what: string, keep: () => void, listener: WorkListener): void {
  try {
    keep();
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    const text = `${what} is not kept: ${(error as Error).message.split(",")[0]}`;
    listener.onFinding?.(finding("result-not-kept", "run", text));
  }
}
