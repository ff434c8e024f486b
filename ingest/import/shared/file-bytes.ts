// A file of any size as bytes: what enters is a path, what leaves are short views at any offset.
// One window is held in memory; forward reading costs one system call a window.

import { closeSync, readSync } from "node:fs";
import { openRegular } from "../../../capture/regular-file.ts";
import { inputError } from "../../../schema/errors.ts";

/** What is held: no more can be asked for at once. */
export const WINDOW = 4 << 20;

export interface FileBytes {
  readonly path: string;
  readonly size: number;
  /** Bytes [offset, offset + length), fewer at the end of the file; at most {@link WINDOW}; valid until the next call. */
  at(offset: number, length: number): Buffer;
  close(): void;
}

/** @throws InputError when the file is missing, unreadable or empty. `what` says in words what it should hold. */
export function openBytes(path: string, what: string): FileBytes {
  const { fd, size } = openRegular(path, what);
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
      if (length > WINDOW) throw new RangeError(`${length} bytes of ${path} asked for at once`);
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

function fill(fd: number, window: Buffer, offset: number): number {
  let held = 0;
  while (held < window.length) {
    const n = readSync(fd, window, held, window.length - held, offset + held);
    if (n === 0) break;
    held += n;
  }
  return held;
}
