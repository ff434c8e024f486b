// Folders for a while, in the folder for temporary files. Their maker holds a lock on each for as long as it
// lives, so that what a killed one left is known and goes when the next is made. Holds: only folders of this
// user and this prefix, no link followed, are ever removed.

import {
  closeSync,
  constants,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { tmpdir } from "./temporary.ts";
import { libc, LOCK_EX, LOCK_NB } from "./libc.ts";

export interface Scratch {
  readonly path: string;
  remove(): void;
}

const LOCK = ".lock";
/** Younger folders may be about to be locked. */
const STALE_MS = 60_000;

/** @param prefix of ours alone, as `truejoule-line-`. */
export function scratchFolder(prefix: string): Scratch {
  sweep(prefix);
  const path = mkdtempSync(join(tmpdir(), prefix));
  const fd = openSync(join(path, LOCK), "wx", 0o600);
  libc().flock(fd, LOCK_EX | LOCK_NB);
  let there = true;
  return {
    path,
    remove: () => {
      if (!there) return;
      there = false;
      rmSync(path, { recursive: true, force: true });
      closeSync(fd);
    },
  };
}

/** Removes what killed makers left. */
function sweep(prefix: string): void {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(prefix)) continue;
    const path = join(tmpdir(), name);
    try {
      if (isLeftOver(path)) rmSync(path, { recursive: true, force: true });
    } catch {
      // gone meanwhile, or without a lock: not known to be a left-over
    }
  }
}

function isLeftOver(path: string): boolean {
  const folder = lstatSync(path);
  if (!folder.isDirectory() || folder.uid !== process.getuid!()) return false;
  if (Date.now() - folder.mtimeMs < STALE_MS) return false;
  const how = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const fd = openSync(join(path, LOCK), how);
  try {
    return libc().flock(fd, LOCK_EX | LOCK_NB) === 0;
  } finally {
    closeSync(fd);
  }
}
