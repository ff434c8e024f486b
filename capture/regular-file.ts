// A path that somebody named → an open regular file, or one line that says what stands there instead. A pipe,
// a socket or a device would block, never end, or act on being opened, so it is looked at before and after;
// opened without waiting, a pipe that came in between cannot hold us. Links to regular files are followed.

import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { inputError } from "../schema/errors.ts";

/** @param what in words, what the file should hold. @throws InputError when it is no readable regular file. */
export function openRegular(path: string, what: string): { fd: number; size: number } {
  const refused = (found: string): Error => inputError("not a file", path, what, found);
  try {
    const before = kindOf(statSync(path));
    if (before !== null) throw refused(before);
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stats = fstatSync(fd);
    const kind = kindOf(stats);
    if (kind === null) return { fd, size: stats.size };
    closeSync(fd);
    throw refused(kind);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw inputError(REASONS[code] ?? `cannot be opened (${code})`, path, what);
  }
}

/**
 * The bytes of a small file. @param mostBytes more is refused before it is read.
 * @throws InputError when it is no readable regular file or is larger.
 */
export function readSmallFile(path: string, what: string, mostBytes: number): Buffer {
  const { fd, size } = openRegular(path, what);
  try {
    if (size > mostBytes)
      throw inputError("too large", path, `at most ${mostBytes} bytes`, `${size} bytes`);
    // One byte more than there was, to see one that grows; files that state no size (/proc) get a page.
    const bytes = Buffer.alloc(Math.max(size, PAGE) + 1);
    let held = 0;
    for (let n = 1; n > 0 && held < bytes.length; held += n)
      n = readSync(fd, bytes, held, bytes.length - held, held);
    if (held === bytes.length) throw inputError("grows while it is read", path, what);
    return bytes.subarray(0, held);
  } finally {
    closeSync(fd);
  }
}

const PAGE = 1 << 16;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file (a file stands where a folder should)",
  EACCES: "not readable: change its permissions",
  EPERM: "not readable: change its permissions",
  ELOOP: "a link that leads to itself",
  ENXIO: "not a file (a socket or a device without a driver)",
};

/** What stands there, or null for a regular file. */
function kindOf(s: Stats): string | null {
  if (s.isFile()) return null;
  if (s.isDirectory()) return "a folder";
  if (s.isFIFO()) return "a named pipe (FIFO)";
  if (s.isSocket()) return "a socket";
  return s.isBlockDevice() ? "a block device" : "a character device";
}
