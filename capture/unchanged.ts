// A log that was read once, and a second look at it → an error where the two cannot be of the same bytes. The file
// system says whether anyone wrote to the file or put another in its place; where it cannot rule that out, as
// after a new link or other permissions, the bytes themselves do.

import { type BigIntStats, fstatSync, statSync } from "node:fs";
import { inputError } from "../schema/errors.ts";
import { fileSha256 } from "./sha256.ts";

/** A log as it was when it was read. */
export interface LogReading {
  readonly path: string;
  /** Of the bytes that were read, hex. */
  readonly sha256: string;
  /** Which file it was and when it was last touched, before its first byte was read. */
  readonly stamp: string;
}

export const stampOf = (fd: number): string => stamp(fstatSync(fd, { bigint: true }));

/** To be called after the second look. @throws InputError when the log was changed since it was read. */
export function assertUnchanged({ path, sha256, stamp: before }: LogReading): void {
  const now = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (now && stamp(now) === before) return;
  if (now && fileSha256(path) === sha256) return;
  throw logChanged(path);
}

export const logChanged = (path: string): Error =>
  inputError("the log was changed while it was read", path);

const stamp = (s: BigIntStats): string =>
  [s.dev, s.ino, s.size, s.mtimeNs, s.ctimeNs].map(String).join(" ");
