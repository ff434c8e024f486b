// Making a run. Enters: the folder that the user named. Leaves: a place for its log, the folder locked; or,
// where making it fails, everything as it was. Only names of our own are ever removed, one by one: a run
// folder is the user's, and may hold anything else.

import { lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Checked, checked } from "../schema/documents/document.ts";
import { ORIGIN, type OriginDocument } from "../schema/documents/origin.ts";
import { InputError } from "../schema/errors.ts";
import type { Session } from "../schema/session.ts";
import { readCapture } from "./log-reader.ts";
import { besideName, isUnfinished, syncFolder, unlinkIfThere } from "./own-file.ts";
import { derivedFiles, type RunPaths, runPaths } from "./run.ts";
import { lockRun, type RunLock, type Waiting } from "./run-lock.ts";

/** A run folder that this call may write in. */
export interface NewRun {
  readonly paths: RunPaths;
  /** Ends the claim. Folders that were made for it and are still empty go. */
  release(): void;
  /** The same, and takes back the files that were made. */
  abandon(): void;
}

/** A log that is written beside the one that it may replace. */
export interface StagedRun extends NewRun {
  /** Where the log is to be written. */
  readonly log: string;
  /** @throws InputError where what is there is not to be replaced. */
  check(): void;
  /** Makes it the run's log; all that was made from an earlier one is gone with that. */
  commit(): void;
}

/** What a log says of itself, and where an import says it is from. */
export interface EarlierRun {
  readonly session: Session;
  /** Its origin.json; undefined where it has none. */
  readonly origin: Checked<OriginDocument> | undefined;
}

/** The folder of a run that does not exist yet, or is empty. @throws InputError otherwise. */
export function createRun(dir: string): RunPaths {
  refuseStrangers(dir, NEVER);
  mkdirSync(dir, { recursive: true });
  return runPaths(dir);
}

/**
 * The same for a recording: locked. An earlier run is removed where `replaces` says so, with all that was made
 * from it.
 */
export async function claimRun(
  dir: string,
  waiting: Waiting,
  replaces: (earlier: EarlierRun) => boolean = NEVER,
): Promise<NewRun> {
  refuseStrangers(dir, replaces);
  const [folders, lock] = await makeAndLock(dir, waiting);
  const paths = runPaths(dir);
  try {
    refuseStrangers(dir, replaces); // it may have been made while we waited
    removeFiles([paths.capture, ...derivedFiles(paths)]);
  } catch (error) {
    giveUp([], folders, lock);
    throw error;
  }
  return {
    paths,
    release: () => giveUp([], folders, lock),
    abandon: () => giveUp([paths.capture, ...derivedFiles(paths)], folders, lock),
  };
}

/**
 * A place for an import's log in a folder that is new, empty, or holds an earlier import.
 * @param replaces asked now and when it is to take that one's place; may throw why not.
 */
export async function stageRun(
  dir: string,
  waiting: Waiting,
  replaces: (earlier: EarlierRun) => boolean,
): Promise<StagedRun> {
  refuseStrangers(dir, replaces);
  const [folders, lock] = await makeAndLock(dir, waiting);
  const paths = runPaths(dir);
  const log = besideName(paths.capture);
  return {
    paths,
    log,
    release: () => giveUp([], folders, lock),
    abandon: () => giveUp([log], folders, lock),
    check: () => refuseStrangers(dir, replaces),
    commit() {
      refuseStrangers(dir, replaces);
      renameSync(log, paths.capture);
      removeFiles(derivedFiles(paths));
      syncFolder(dir);
    },
  };
}

const NEVER = (): boolean => false;

/** @throws InputError where something is in the folder that is not to be replaced. */
function refuseStrangers(dir: string, replaces: (earlier: EarlierRun) => boolean): void {
  const at = statSync(dir, { throwIfNoEntry: false });
  if (!at) return;
  if (!at.isDirectory()) throw new InputError(`${dir}: a file, not a folder; choose another --out`);
  if (readdirSync(dir).every(isUnfinished)) return;
  const earlier = earlierRun(runPaths(dir).capture);
  if (!earlier || !replaces(earlier))
    throw new InputError(
      `${dir}: already exists and is not empty; choose another --out or move it away`,
    );
}

/** What is there, or undefined where there is no log of ours to read. */
function earlierRun(capture: string): EarlierRun | undefined {
  let session: Session | undefined;
  let origin: EarlierRun["origin"];
  try {
    if (!statSync(capture).isFile()) return undefined;
    for (const r of readCapture(capture)) {
      if (r.kind === "session") session ??= r.session;
      else if (r.kind === "attachment" && r.name === "origin.json")
        origin = checked(ORIGIN, Buffer.from(r.data).toString());
      else if (r.kind === "attachment") continue;
      else break; // attachments come first
    }
  } catch {
    // not ours to replace
  }
  return session && { session, origin };
}

/** @returns the folders that were made, innermost first, and the lock of the innermost. */
async function makeAndLock(dir: string, waiting: Waiting): Promise<[string[], RunLock]> {
  for (;;) {
    const folders = makeFolders(dir);
    try {
      return [folders, await lockRun(dir, "exclusive", waiting)];
    } catch (error) {
      removeFolders(folders);
      // Whoever we waited for has taken its own folder back.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

function makeFolders(dir: string): string[] {
  const outermost = mkdirSync(dir, { recursive: true });
  if (outermost === undefined) return [];
  const made: string[] = [];
  const top = resolve(outermost).length;
  for (let at = resolve(dir); at.length >= top; at = dirname(at)) made.push(at);
  return made;
}

function giveUp(files: readonly string[], folders: readonly string[], lock: RunLock): void {
  try {
    if (!lock.isHere()) return; // what has the name now is another's
    removeFiles(files);
    removeFolders(folders);
  } finally {
    lock.release();
  }
}

/** A name of ours that is a folder is somebody else's. */
function removeFiles(files: readonly string[]): void {
  for (const path of files)
    if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) unlinkIfThere(path);
}

/** From the innermost: as far as they are empty. */
function removeFolders(folders: readonly string[]): void {
  try {
    for (const folder of folders) rmdirSync(folder);
  } catch {
    // somebody put something there
  }
}
