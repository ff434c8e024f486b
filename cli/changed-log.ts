// A run whose log is not the one that its files were made from: told before anything is made anew, kept in
// SHA256SUMS, and the command ends with exit 3.

import { isUnwritable } from "../capture/own-file.ts";
import type { RunPaths } from "../capture/run.ts";
import { fileSha256 } from "../capture/sha256.ts";
import { noteLogChange } from "../dataset/checksums.ts";
import { otherLog } from "../dataset/made-from.ts";
import type { Ui } from "./command.ts";

export interface LogNow {
  readonly sha256: string;
  /** It was another one when the files beside it were made. */
  readonly changed: boolean;
}

/** Tells and keeps a change. @param now SHA-256 of the log, where it was read already. */
export async function logNow(
  paths: RunPaths,
  ui: Ui,
  now = fileSha256(paths.capture),
): Promise<LogNow> {
  const before = await otherLog(paths, now);
  if (before === null) return { sha256: now, changed: false };
  ui.warn(
    `${paths.capture} is not the log that the files beside it were made from (SHA-256 ${brief(now)}, then ${brief(before)}): what is made now is of the log as it is now; verify goes on telling it`,
  );
  try {
    noteLogChange(paths, before, now);
  } catch (error) {
    if (!isUnwritable(error)) throw error; // where nothing can be kept, nothing is made anew either
  }
  return { sha256: now, changed: true };
}

const brief = (hash: string): string => `${hash.slice(0, 16)}…`;

/** Where a run cannot be written to, what a command found is still told. @param what in words. */
export function keepOrSay(what: string, keep: () => void, ui: Ui): void {
  try {
    keep();
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    ui.warn(`${what} is not kept: ${(error as Error).message.split(",")[0]}`);
  }
}
