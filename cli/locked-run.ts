// A command's work on a run, under the run's lock: exclusive to write in it, shared to read from it.

import { openRun, type RunPaths } from "../capture/run.ts";
import { lockRun } from "../capture/run-lock.ts";
import { tellLine } from "./terminal.ts";

/** @throws InputError when the folder is no run, or is being recorded. */
export async function withRun<T>(
  dir: string,
  mode: "exclusive" | "shared",
  work: (paths: RunPaths) => Promise<T> | T,
): Promise<T> {
  openRun(dir); // a wrong name is no reason to wait
  const lock = await lockRun(dir, mode, tellWaiting);
  try {
    return await work(openRun(dir));
  } finally {
    lock.release();
  }
}

/** Also with --quiet: a command that stands still without a word looks broken. */
export const tellWaiting = (text: string): void => tellLine(`truejoule: ${text}; Ctrl-C gives up`);
