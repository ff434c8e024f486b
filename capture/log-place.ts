// Where a log is while it is written, and whether it is whole. Enters: its descriptor and the name it was made
// by. Holds: nobody but its writer changes a log, so a length other than what was written is a loss; a name
// that has come to stand for another file is none, the log goes on where it is.

import { fstatSync } from "node:fs";
import { fileId, isNamed, isUnlinked } from "../host/file-lock.ts";

/** `moved`: whole, but under another name. `lost`: deleted, cut or written over. */
export type LogPlace = "here" | "moved" | "lost";

/** @param bytes what was written. @returns what became of the file, in words; null where it is whole. */
export function lossOf(fd: number, bytes: number): string | null {
  if (isUnlinked(fd))
    return "the log was deleted, or moved to another file system, while it was written; nothing of it counts as recorded";
  const { size } = fstatSync(fd);
  if (size === bytes) return null;
  const how = size < bytes ? "cut" : "written over";
  return `the log was ${how} by another program while it was written (${size} bytes, ${bytes} were written); nothing of it counts as recorded, what is left may be had by truejoule recover`;
}

/** Of a file that is whole. @returns asks whether it still has its name, also once it is closed. */
export function nameOf(fd: number, path: string): () => boolean {
  const id = fileId(fd);
  return () => isNamed(id, path);
}
