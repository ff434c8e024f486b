// A file at a place that the user named (OUT): may it be written there? What stands there is replaced only where
// it is an earlier output of ours, unchanged: its SHA-256 was noted beside it, in .NAME.truejoule-output, before it
// got its name. Anything else asks for --force; a log, a run's own files, a calibration record and what is no
// file never are replaced. While an output is made, its note may name both the old file and the new one.

import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { InputError, UsageError } from "../schema/errors.ts";
import { notePath, unlinkIfThere, writeOwn } from "./own-file.ts";
import { readSmallFile } from "./regular-file.ts";
import { runPaths } from "./run.ts";
import { fileSha256 } from "./sha256.ts";

/** A file that somebody has open: a new one in its place would not be the one that they read. */
const OPEN_ELSEWHERE = /^\/(dev\/(std(in|out|err)$|fd\/)|proc\/)/;

/** Makes OUT ours to write. @throws InputError or UsageError where it must not be written. */
export function claimOutput(out: string, force: boolean): void {
  const place = placeOf(out);
  if (isRunFile(place) || isRunFile(realOf(place)))
    throw new UsageError(`${out} belongs to the run itself; choose another OUT`);
  const named = lstatSync(place, { throwIfNoEntry: false });
  if (!named) return keepNote(place, "");
  const file = statSync(place, { throwIfNoEntry: false });
  if ((file && !file.isFile()) || OPEN_ELSEWHERE.test(out))
    throw new InputError(
      `${out}: not a file, so nothing can take its place; name a file (a pipe gets one by: cat)`,
    );
  if (file) refuseEvidence(out, place);
  const noted = named.isFile() && named.size > 0 ? notedLine(place) : "";
  if (noted || force || (named.isFile() && named.size === 0)) return keepNote(place, noted);
  throw new InputError(
    `${out}: not an earlier output of truejoule, or changed since; --force replaces it, or choose another OUT`,
  );
}

/** After it was written, or could not be: its note is of what stands there alone, or gone. */
export function settleOutput(out: string): void {
  const place = placeOf(out);
  const line = notedLine(place);
  if (line) keepNote(place, line);
  else unlinkIfThere(notePath(place));
}

function keepNote(place: string, line: string): void {
  try {
    writeOwn(notePath(place), line);
  } catch {
    // A name too long for a note, a full disk: the next time --force is asked for.
  }
}

/** Whatever links lead to the folder; the name itself is not followed: it is what would be replaced. */
function placeOf(out: string): string {
  try {
    return join(realpathSync.native(dirname(out)), basename(out) || ".");
  } catch (error) {
    throw Object.assign(error as NodeJS.ErrnoException, { path: out });
  }
}

const realOf = (place: string): string => (existsSync(place) ? realpathSync.native(place) : place);

/** A name of ours in a folder that holds a log, whatever its case. */
function isRunFile(place: string): boolean {
  const { dir, ...files } = runPaths(dirname(place));
  const own: string[] = Object.values(files);
  return (
    existsSync(join(dir, "capture.mcap")) &&
    own.some((p) => basename(p).toLowerCase() === basename(place).toLowerCase())
  );
}

const LOG = Buffer.from("\x89MCAP0\r\n", "latin1");
const RECORD = /^\s*\{\s*"schema":\s*"calibration\//;

function refuseEvidence(out: string, place: string): void {
  const head = Buffer.alloc(256);
  const fd = openSync(place, constants.O_RDONLY);
  try {
    readSync(fd, head, 0, head.length, 0);
  } finally {
    closeSync(fd);
  }
  const what = head.subarray(0, LOG.length).equals(LOG)
    ? "a capture log"
    : RECORD.test(head.toString("latin1"))
      ? "a calibration record"
      : null;
  if (what) throw new InputError(`${out}: ${what}, which is never replaced; choose another OUT`);
}

/** The line of its note that knows the file as it is; empty where none does. */
function notedLine(place: string): string {
  try {
    const note = readSmallFile(notePath(place), "the SHA-256 of an output", 4096).toString();
    const sha256 = fileSha256(place);
    return note.includes(sha256) ? `${sha256}  ${basename(place)}\n` : "";
  } catch {
    return "";
  }
}
