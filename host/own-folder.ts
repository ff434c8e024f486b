// A folder of this process's own in a place that all users share (/dev/shm, /tmp). In: a parent, a prefix, what may
// lie in it. Out: the folder, with one file locked for as long as its maker lives. Holds:
// what a killed maker left is removed by the next one at once; what is another user's, locked, or of another name
// is never touched, opened or followed, not even as root.

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  unlinkSync,
} from "node:fs";
import { join } from "node:path";
import { libc, LOCK_EX, LOCK_NB } from "./libc.ts";
import { tmpdir } from "./temporary.ts";

export interface FolderKind {
  /** Where it lies. */
  readonly parent: string;
  readonly prefix: string;
  /** The file whose lock says that the maker lives. It gets its name once it is locked. */
  readonly lock: string;
  /** Whether a file of this name may be removed with the folder; absent: whatever lies in it may. */
  readonly isOurs?: (name: string) => boolean;
}

export interface OwnFolder {
  readonly path: string;
  /** Removes our files and the folder, and lets go of the lock, once. @returns false where something else lies in it. */
  remove(): boolean;
}

/** A folder without its lock file is one that is being made; older, its maker died on the way. */
const MAKING_MS = 60_000;

/** @param makeLock makes the lock file, locked before it has its name; @returns its descriptor. */
export function ownFolder(kind: FolderKind, makeLock = lockedFile): OwnFolder {
  removeLeftOvers(kind);
  const path = mkdtempSync(join(kind.parent, kind.prefix));
  const made = lstatSync(path);
  try {
    const lock = makeLock(join(path, kind.lock));
    const remove = (): boolean => {
      closeSync(lock);
      return isSame(path, made) ? emptied(path, kind) : !exists(path);
    };
    let isRemoved: boolean | undefined;
    return { path, remove: () => (isRemoved ??= remove()) };
  } catch (error) {
    emptied(path, kind);
    throw error;
  }
}

/** A folder for a while, for whatever its maker puts there. @param prefix of ours alone, as `truejoule-line-`. */
export const scratchFolder = (prefix: string): OwnFolder =>
  ownFolder({ parent: tmpdir(), prefix, lock: ".lock" });

function lockedFile(path: string): number {
  const fd = openSync(`${path}.tmp`, "wx", 0o600);
  libc().flock(fd, LOCK_EX | LOCK_NB);
  renameSync(`${path}.tmp`, path);
  return fd;
}

function removeLeftOvers(kind: FolderKind): void {
  for (const name of readdirSync(kind.parent)) {
    if (!name.startsWith(kind.prefix)) continue;
    const path = join(kind.parent, name);
    try {
      const folder = lstatSync(path);
      if (folder.isDirectory() && isPrivate(folder)) removeLeftOver(path, folder, kind);
    } catch {
      // Gone meanwhile, or nothing that a maker of ours leaves.
    }
  }
}

function removeLeftOver(path: string, folder: Stats, kind: FolderKind): void {
  if (!readdirSync(path).includes(kind.lock)) {
    if (Date.now() - folder.mtimeMs > MAKING_MS) emptied(path, { isOurs: isUnfinished });
    return;
  }
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const fd = openSync(join(path, kind.lock), flags);
  try {
    if (fstatSync(fd).isFile() && isPrivate(fstatSync(fd)))
      if (libc().flock(fd, LOCK_EX | LOCK_NB) === 0) emptied(path, kind);
  } finally {
    closeSync(fd);
  }
}

/** This user's, and nobody else may write to it. */
const isPrivate = (s: Stats): boolean => s.uid === process.geteuid!() && (s.mode & 0o022) === 0;
const isUnfinished = (name: string): boolean => name.endsWith(".tmp");

function isSame(path: string, made: Stats): boolean {
  const now = lstatSync(path, { throwIfNoEntry: false });
  return now !== undefined && now.ino === made.ino && now.dev === made.dev;
}

const exists = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** @returns whether the folder is gone; what is not ours keeps it. */
function emptied(path: string, { isOurs }: Pick<FolderKind, "isOurs">): boolean {
  if (!isOurs) {
    rmSync(path, { recursive: true, force: true });
    return true;
  }
  for (const name of readdirSync(path))
    if (isOurs(name) && !lstatSync(join(path, name)).isDirectory()) unlinkSync(join(path, name));
  try {
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}
