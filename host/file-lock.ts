// The lock of an open file or folder. A path enters, a descriptor that holds the lock leaves; closing it, or
// the end of the process, whatever ends it, gives the lock back: it can be waited for, but is never stale.
// Advisory: it binds those who ask. Works on a file system that is read-only.

import { spawnSync } from "node:child_process";
import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import { libc, LOCK_EX, LOCK_NB, LOCK_SH } from "./libc.ts";

/** Any number may hold it shared, or one exclusively. */
export type LockMode = "shared" | "exclusive";

/** O_SHLOCK and O_EXLOCK of macOS and the BSDs: open(2) takes the lock itself. */
const BSD_FLAGS = { shared: 0x10, exclusive: 0x20 } as const;
/** libuv's UV_FS_O_EXLOCK: nobody else may open the file meanwhile. Windows knows no shared one. */
const WINDOWS_EXCLUSIVE = 0x1000_0000;
/** On Windows a folder cannot be held; a file in it stands for it, named as what a killed writer leaves. */
const WINDOWS_LOCK_FILE = `.lock.${"0".repeat(32)}.truejoule`;

const { platform } = process;
const isLinux = platform === "linux";
const isWindows = platform === "win32";
/** A symlink is not followed, a FIFO not waited for. */
const PLAIN = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

const APPEND = constants.O_WRONLY | constants.O_APPEND;

/** @returns the descriptor of the folder, or null while another holds its lock. */
export function lockFolder(path: string, mode: LockMode): number | null {
  if (!isWindows) return openLocked(path, constants.O_RDONLY, mode);
  const flags = constants.O_CREAT | constants.O_RDWR;
  return openLocked(`${path}\\${WINDOWS_LOCK_FILE}`, flags, mode);
}

/** The same of a file that is there. @throws the system's error where it is none, or a symlink. */
export function lockFile(path: string, mode: LockMode): number | null {
  return openLocked(path, constants.O_RDONLY | PLAIN, mode);
}

/** How often a new file's lock is tried: someone who asks whether it is held holds it for a moment. */
const TRIES = 50;

/**
 * A new file, open for appending and locked until it is closed. Appending: where another cuts it, what follows
 * leaves no hole that would give it its old length back.
 * @throws the system's error, EEXIST where the name is taken, be it by a symlink.
 */
export function createLocked(path: string): number {
  const flags = constants.O_CREAT | constants.O_EXCL | APPEND | PLAIN;
  const fd = openSync(path, isLinux || isWindows ? flags : flags | BSD_FLAGS.exclusive, 0o666);
  for (let k = 0; isLinux && !flock(fd, "exclusive") && k < TRIES; k++)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  return fd;
}

/** Whether somebody holds a file's lock; false where there is no file. */
export function isLocked(path: string): boolean {
  let fd;
  try {
    fd = lockFile(path, "shared");
  } catch {
    return false;
  }
  if (fd === null) return true;
  closeSync(fd);
  return false;
}

/** Whether the name that a descriptor was opened by is gone. */
export const isUnlinked = (fd: number): boolean => !isWindows && fstatSync(fd).nlink === 0;

/** What a file is, whatever its name. */
export interface FileId {
  readonly dev: bigint;
  readonly ino: bigint;
}

export function fileId(fd: number): FileId {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return { dev, ino };
}

/** Whether it is this file that has the name now; no, too, where nobody may look. */
export function isNamed({ dev, ino }: FileId, path: string): boolean {
  try {
    const named = statSync(path, { bigint: true });
    return named.ino === ino && named.dev === dev;
  } catch {
    return false;
  }
}

function openLocked(path: string, flags: number, mode: LockMode): number | null {
  const own = isLinux ? 0 : isWindows ? WINDOWS_EXCLUSIVE : BSD_FLAGS[mode] | PLAIN;
  let fd;
  try {
    fd = openSync(path, flags | own, 0o666);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EAGAIN" || code === "EWOULDBLOCK" || (isWindows && code === "EBUSY")) return null;
    throw error;
  }
  if (!isLinux || flock(fd, mode)) return fd;
  closeSync(fd);
  return null;
}

const EWOULDBLOCK = 11;

/** @returns false while another holds it; true where the file system has no locks, too. */
function flock(fd: number, mode: LockMode): boolean {
  const operation = (mode === "shared" ? LOCK_SH : LOCK_EX) | LOCK_NB;
  let library;
  try {
    library = libc();
  } catch {
    return flockByProgram(fd, mode);
  }
  return library.flock(fd, operation) === 0 || library.errno() !== EWOULDBLOCK;
}

/** flock(1) of util-linux, for an installation without koffi: the lock is the open file's, which it inherits. */
export function flockByProgram(fd: number, mode: LockMode): boolean {
  const args = ["--nonblock", `--${mode}`, "3"];
  return spawnSync("flock", args, { stdio: ["ignore", "ignore", "ignore", fd] }).status !== 1;
}
