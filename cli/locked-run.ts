// A command's work on a run, under the run's lock: exclusive to write in it, shared to read from it.

import { setFlagsFromString } from "node:v8";
import type { RunPaths } from "../capture/run.ts";
import * as lock from "../capture/run-lock.ts";
import type { WorkListener } from "../schema/work-listener.ts";
import type { Ui } from "./command.ts";
import { tellLine } from "./terminal.ts";

/**
 * The heap is collected once it has grown by so much of what was in use, %, instead of up to fourfold: of millions
 * of windows that is 100 MB of 650 (fuse), for a few percent of processor time.
 */
const HEAP_GROWTH_PERCENT = 30;

/** @throws InputError when the folder is no run, or is being recorded. */
export function withRun<T>(
  dir: string,
  mode: "exclusive" | "shared",
  work: (paths: RunPaths) => Promise<T> | T,
): Promise<T> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  return lock.withRun(dir, mode, work, tellWaiting);
}

/** Also with --quiet: a command that stands still without a word looks broken. */
export const tellWaiting = (text: string): void => tellLine(`truejoule: ${text}; Ctrl-C gives up`);

/** Long work's progress and findings, as this command tells them. */
export const workListener = (ui: Ui): WorkListener => ({
  onProgress: (stage) => ui.progress(stage),
  onFinding: ({ text, level }) => ui.warn(text, level),
  onWaiting: tellWaiting,
});
