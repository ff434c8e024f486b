// A command's work on a run, under the run's lock: exclusive to write in it, shared to read from it.

import { setFlagsFromString } from "node:v8";
import { openRun, type RunPaths } from "../capture/run.ts";
import { lockRun } from "../capture/run-lock.ts";
import { tellLine } from "./terminal.ts";

/**
 * The heap is collected once it has grown by so much of what was in use, %, instead of up to fourfold: of millions
 * of windows that is 100 MB of 650 (fuse), for a few percent of processor time.
 */
const HEAP_GROWTH_PERCENT = 30;

/** @throws InputError when the folder is no run, or is being recorded. */
export async function withRun<T>(
  dir: string,
  mode: "exclusive" | "shared",
  work: (paths: RunPaths) => Promise<T> | T,
): Promise<T> {
  openRun(dir); // a wrong name is no reason to wait
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  const lock = await lockRun(dir, mode, tellWaiting);
  try {
    return await work(openRun(dir));
  } finally {
    lock.release();
  }
}

/** Also with --quiet: a command that stands still without a word looks broken. */
export const tellWaiting = (text: string): void => tellLine(`truejoule: ${text}; Ctrl-C gives up`);
