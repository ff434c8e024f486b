// Who may work in a run folder. A folder enters, a held lock leaves: writers of derived files one at a time,
// readers together, so that nobody sees files of two makings. The lock is the folder's own (flock), so it needs
// no file, works on a read-only disk, and is gone with whoever held it. The log of a recording in progress is
// locked as well (mcap-file.ts): waiting for its end could take hours, so it is an error instead.

import { closeSync, realpathSync } from "node:fs";
import { fileId, isLocked, isNamed, lockFolder, type LockMode } from "../host/file-lock.ts";
import { inputError } from "../schema/errors.ts";
import { removeUnfinished } from "./own-file.ts";
import { openRun, type RunPaths, runPaths } from "./run.ts";

export interface RunLock {
  /** Any number of times. */
  release(): void;
  /** Whether the folder still has its name: it may be moved, and another put in its place. */
  isHere(): boolean;
}

/** Told once that another holds the run, after a second. */
export type Waiting = (text: string) => void;

const POLL_MS = 50;
const TELL_MS = 1000;

/**
 * Waits, without blocking, until the run is free: "exclusive" to write in it, "shared" to read from it.
 * @throws InputError where its log is being written; the system's error where there is no such folder.
 */
export async function lockRun(dir: string, mode: LockMode, waiting: Waiting): Promise<RunLock> {
  const since = performance.now();
  let told = false;
  for (;;) {
    refuseRecording(dir);
    const fd = tryLock(dir, mode);
    if (fd !== null) return held(fd, dir, mode);
    if (!told && performance.now() - since > TELL_MS) {
      told = true;
      waiting(`waiting for another truejoule that ${mode === "shared" ? "writes" : "uses"} ${dir}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS * (0.5 + Math.random())));
  }
}

/**
 * Work on a run under its lock, which is given back when the work ends.
 * @throws InputError when the folder is no run, or is being recorded.
 */
export async function withRun<T>(
  dir: string,
  mode: LockMode,
  work: (paths: RunPaths) => Promise<T> | T,
  waiting: Waiting = () => undefined,
): Promise<T> {
  openRun(dir); // a wrong name is no reason to wait
  const lock = await lockRun(dir, mode, waiting);
  try {
    return await work(openRun(dir));
  } finally {
    lock.release();
  }
}

function held(fd: number, dir: string, mode: LockMode): RunLock {
  let open = true;
  const release = (): void => {
    if (open) closeSync(fd);
    open = false;
  };
  try {
    refuseRecording(dir); // it may have begun before we had the lock
    if (mode === "exclusive") removeUnfinished(dir);
  } catch (error) {
    release();
    throw error;
  }
  return { release, isHere: () => open && hasName(fd, dir) };
}

function refuseRecording(dir: string): void {
  if (isLocked(runPaths(dir).capture))
    throw inputError(
      "its log is being written by another truejoule; this works once that has ended",
      dir,
    );
}

/** Of the folder that has the name now: it may be replaced between opening and locking. */
function tryLock(dir: string, mode: LockMode): number | null {
  const real = realpathSync.native(dir);
  const fd = lockFolder(real, mode);
  if (fd === null || hasName(fd, dir)) return fd;
  closeSync(fd);
  return null;
}

/** On Windows a folder whose lock is held keeps its name. */
const hasName = (fd: number, dir: string): boolean =>
  process.platform === "win32" || isNamed(fileId(fd), dir);
