// A file of any size as bytes: what enters is a path, what leaves are short views at any offset.
// One window is held in memory; forward reading costs one system call a window.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { inputError } from "../../schema/errors.ts";

const WINDOW = 4 << 20;

export interface FileBytes {
  readonly path: string;
  readonly size: number;
  /** Bytes [offset, offset + length), fewer at the end of the file; valid until the next call. */
  at(offset: number, length: number): Buffer;
  close(): void;
}

/** @throws InputError when the file is missing, unreadable or empty. `what` says in words what it should hold. */
export function openBytes(path: string, what: string): FileBytes {
  const fd = open(path, what);
  const size = fstatSync(fd).size;
  if (size === 0) {
    closeSync(fd);
    throw inputError("empty file", path, what, "0 bytes");
  }
  const window = Buffer.alloc(Math.min(size, WINDOW));
  let start = 0;
  let held = 0;
  return {
    path,
    size,
    at(offset, length) {
      if (length > window.length) length = window.length;
      if (offset < start || offset + length > start + held) {
        start = offset;
        held = fill(fd, window, offset);
      }
      return window.subarray(offset - start, Math.min(offset - start + length, held));
    },
    close: () => closeSync(fd),
  };
}

function open(path: string, what: string): number {
  let fd;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    const denied = (error as NodeJS.ErrnoException).code === "EACCES";
    throw inputError(denied ? "not readable: change its permissions" : "no such file", path, what);
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw inputError("a folder or a device, not a file", path, what);
}

function fill(fd: number, window: Buffer, offset: number): number {
  let held = 0;
  while (held < window.length) {
    const n = readSync(fd, window, held, window.length - held, offset + held);
    if (n === 0) break;
    held += n;
  }
  return held;
}
