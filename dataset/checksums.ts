// SHA256SUMS of a run: what this program wrote, as it wrote it, and the log that it was made from. Neither Arrow
// nor JSON has a checksum of its own, so a flipped bit in a derived file would be a wrong Joule without a word.
// In the form of coreutils: `sha256sum -c SHA256SUMS` reads it too. Where the log was another one before, a
// comment keeps that one's hash: making files again wipes out no trace of the change.

import { existsSync } from "node:fs";
import { basename } from "node:path";
import { writeOwn } from "../capture/own-file.ts";
import type { RunPaths } from "../capture/run.ts";
import { readSmallFile } from "../capture/regular-file.ts";
import { fileSha256 } from "../capture/sha256.ts";

/** SHA-256 by name, and of logs that the files were made from before, in words. */
interface Noted {
  readonly hashes: Map<string, string>;
  readonly changes: string[];
}

/** SHA-256 of files of a run as they were written; null for one that the run does not have. */
export type WrittenFiles = Iterable<readonly [path: string, sha256: string | null]>;

/** Notes files of the run, beside what is noted of others. @param log SHA-256 of the log. */
export function noteChecksums(paths: RunPaths, files: WrittenFiles, log?: string): void {
  const { hashes, changes } = readChecksums(paths);
  for (const [path, sha256] of files)
    if (sha256 === null) hashes.delete(basename(path));
    else hashes.set(basename(path), sha256);
  if (log !== undefined) {
    const name = basename(paths.capture);
    const before = hashes.get(name);
    if (before !== undefined && before !== log) noteChange(changes, before, log);
    hashes.set(name, log);
  }
  const lines = [...hashes].sort().map(([name, sha256]) => `${sha256}  ${name}\n`);
  writeOwn(paths.checksums, [...changes.map((c) => `# ${c}\n`), ...lines].join(""));
}

/** That the log is not the one that the files were made from, before anything is made again. */
export function noteLogChange(paths: RunPaths, before: string, now: string): void {
  const noted = readChecksums(paths);
  if (!noted.hashes.has(basename(paths.capture))) {
    // Made by a version that noted no log: the tables told it.
    noted.hashes.set(basename(paths.capture), before);
    const lines = [...noted.hashes].sort().map(([name, sha256]) => `${sha256}  ${name}\n`);
    writeOwn(paths.checksums, lines.join(""));
  }
  noteChecksums(paths, [], now);
}

/** Further ones are as those before: the file stays small. */
const MOST_CHANGES = 100;

function noteChange(changes: string[], before: string, now: string): void {
  const at = new Date().toISOString();
  changes.push(`the log changed: SHA-256 ${before} before, ${now} from ${at} on`);
  if (changes.length > MOST_CHANGES) changes.splice(1, changes.length - MOST_CHANGES);
}

/** SHA-256 of the log that the files were made from, where it is noted. */
export const notedLog = (paths: RunPaths): string | undefined =>
  readChecksums(paths).hashes.get(basename(paths.capture));

/** In words, each time that files were made again because the log was another one. */
export const logChanges = (paths: RunPaths): readonly string[] => readChecksums(paths).changes;

/** What is wrong with a derived file by its checksum, or null; a run without SHA256SUMS says nothing. */
export function checksumProblem(paths: RunPaths, path: string): string | null {
  if (!existsSync(paths.checksums)) return null;
  const noted = readChecksums(paths).hashes.get(basename(path));
  return noted === fileSha256(path) ? null : `not as it was written (SHA256SUMS); ${remedy(path)}`;
}

/** That a file was written and is gone, or null; `sha256sum -c` says so too. */
export function missingProblem(paths: RunPaths, path: string): string | null {
  if (existsSync(path) || !readChecksums(paths).hashes.has(basename(path))) return null;
  return `noted in SHA256SUMS, not there; ${remedy(path)}`;
}

const remedy = (path: string): string =>
  `truejoule ${COMMANDS[basename(path)] ?? "fuse"} writes it again`;

const COMMANDS: Readonly<Record<string, string>> = {
  "folded.arrow": "fold",
  "report.html": "report",
};

/** A run has a dozen derived files. */
const MOST_BYTES = 1 << 20;

function readChecksums({ checksums }: RunPaths): Noted {
  if (!existsSync(checksums)) return { hashes: new Map(), changes: [] };
  const text = readSmallFile(checksums, "names and hashes of a run's files", MOST_BYTES).toString();
  const lines = text.matchAll(/^([0-9a-f]{64}) [ *](.+)$/gm);
  const changes = text.matchAll(/^# (the log changed: .+)$/gm);
  return {
    hashes: new Map([...lines].map((m) => [m[2]!, m[1]!])),
    changes: [...changes].map((m) => m[1]!),
  };
}
