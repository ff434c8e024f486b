// How this program writes a file of its own, everywhere: bytes → a fresh name beside the final one, which
// nobody can foresee and no symlink stands under; forced to disk; then renamed over the final name. So a file
// is there whole or not at all, a reader that has the old one open keeps it, and what a symlink or a hard link
// of that name points to is never touched. A writer holds its unfinished file's lock: one that was killed
// leaves an unlocked one, which the next writer of the same name removes.

import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { jsonPieces } from "./json-pieces.ts";
import { createLocked, isUnlinked, lockFile } from "../host/file-lock.ts";

/** A name has at most 255 bytes on most file systems. */
const KEPT_OF_NAME = 50;
const UNFINISHED = /^\..+\.[0-9a-f]{32}\.truejoule$/;

/** Whether a name is that of an unfinished file of ours. */
export const isUnfinished = (name: string): boolean => UNFINISHED.test(name);

/** A name beside `path` for what will be renamed to it. */
export const besideName = (path: string): string =>
  join(dirname(path), `${prefixOf(path)}${randomBytes(16).toString("hex")}.truejoule`);

const prefixOf = (path: string): string => `.${basename(path).slice(0, KEPT_OF_NAME)}.`;

/** One writer of one file. After a failed write, or {@link abort}, nothing of it is left. */
export class OwnFile {
  readonly path: string;
  readonly #beside: string;
  readonly #fd: number;
  readonly #hash = createHash("sha256");
  #open = true;

  /** @throws the system's error, with the final name as its path. */
  constructor(path: string) {
    this.path = path;
    [this.#beside, this.#fd] = this.#telling(() => {
      removeUnfinished(dirname(path), prefixOf(path));
      return create(path);
    });
  }

  write(bytes: Uint8Array): void {
    this.#guarded(() => {
      for (let done = 0; done < bytes.length;)
        done += writeSync(this.#fd, bytes, done, bytes.length - done);
      this.#hash.update(bytes);
    });
  }

  /** Gives it its name. @param fresh fail with EEXIST where the name is taken. @returns SHA-256 of what was written, hex. */
  close(fresh = false): string {
    const sha256 = this.#hash.digest("hex");
    this.#guarded(() => {
      fsyncSync(this.#fd);
      foretell(this.path, sha256);
      if (fresh) renameFresh(this.#beside, this.path);
      else renameSync(this.#beside, this.path);
    });
    this.#open = false;
    closeSync(this.#fd); // not before it has its name: its lock is what protects it
    syncFolder(dirname(this.path));
    return sha256;
  }

  abort(): void {
    if (!this.#open) return;
    this.#open = false;
    unlinkIfThere(this.#beside);
    closeSync(this.#fd);
  }

  #guarded(work: () => void): void {
    try {
      this.#telling(work);
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  /** The name beside is nobody's business. */
  #telling<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== undefined)
        Object.assign(error as object, { path: this.path });
      throw error;
    }
  }
}

/** A whole file at once. @returns its SHA-256, hex. */
export const writeOwn = (path: string, content: string | Uint8Array, fresh = false): string =>
  writePieces(path, [content], fresh);

/** As all our JSON files are written. */
export const writeOwnJson = (path: string, value: object, fresh = false): string =>
  writePieces(path, jsonLine(value), fresh);

function* jsonLine(value: object): Generator<string> {
  yield* jsonPieces(value);
  yield "\n";
}

function writePieces(path: string, pieces: Iterable<string | Uint8Array>, fresh: boolean): string {
  const file = new OwnFile(path);
  try {
    for (const p of pieces) file.write(typeof p === "string" ? Buffer.from(p) : p);
  } catch (error) {
    file.abort();
    throw error;
  }
  return file.close(fresh);
}

/** Whether a file could not be written because of where it is: a read-only disk, somebody else's folder. */
export const isUnwritable = (error: unknown): boolean =>
  ["EROFS", "EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "");

/** Removes what killed writers left in a folder: files whose name is an unfinished one and whose lock is free. */
export function removeUnfinished(folder: string, prefix = "."): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(prefix) || !isUnfinished(name)) continue;
    try {
      unlinkUnlocked(join(folder, name));
    } catch {
      // gone meanwhile, a symlink, or on a file system that cannot be written to: not ours to remove
    }
  }
}

function unlinkUnlocked(path: string): void {
  const fd = lockFile(path, "exclusive");
  if (fd === null) return; // its writer lives
  try {
    unlinkSync(path);
  } finally {
    closeSync(fd);
  }
}

/** Removes a name of ours, never what a symlink points to. */
export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** Makes names in a folder last through a loss of power. */
export function syncFolder(folder: string): void {
  if (process.platform === "win32") return; // folders cannot be opened for that
  const fd = openSync(folder, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } catch {
    // a file system that cannot: the file itself is on disk
  } finally {
    closeSync(fd);
  }
}

/** Where the SHA-256 of an output of ours at a place of the user's is noted (output.ts). */
export const notePath = (path: string): string =>
  join(dirname(path), `.${basename(path)}.truejoule-output`);

/** Where a note is kept, it knows a file before the file has its name: a kill between the two loses neither. */
function foretell(path: string, sha256: string): void {
  const note = notePath(path);
  if (!isFile(note)) return;
  const fd = openSync(note, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW);
  try {
    writeSync(fd, `${sha256}  ${basename(path)}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Of a name that is too long for a file there is none. */
function isFile(path: string): boolean {
  try {
    return lstatSync(path).isFile();
  } catch {
    return false;
  }
}

/** Between creation and lock a writer that cleans may take it for a left-over: then another name. */
function create(path: string): [string, number] {
  for (;;) {
    const beside = besideName(path);
    const fd = createLocked(beside);
    if (!isUnlinked(fd)) return [beside, fd];
    closeSync(fd);
  }
}

/** A link fails where the name is taken, which rename does not; not every file system has links. */
function renameFresh(from: string, to: string): void {
  try {
    linkSync(from, to);
    unlinkSync(from);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" || lstatSync(to, { throwIfNoEntry: false })) throw error;
    renameSync(from, to);
  }
}
