// SHA256SUMS of a run: what fuse and compare wrote, as they wrote it. Neither Arrow nor JSON has a checksum
// of its own, so a flipped bit in a derived file would be a wrong Joule without a word. In the form of
// coreutils: `sha256sum -c SHA256SUMS` reads it too.

import { existsSync } from "node:fs";
import { basename } from "node:path";
import { writeOwn } from "../capture/own-file.ts";
import type { RunPaths } from "../capture/run.ts";
import { readSmallFile } from "../capture/regular-file.ts";
import { fileSha256 } from "../capture/sha256.ts";

/** Notes files of the run as they are now, beside what is noted of others. */
export function noteChecksums(paths: RunPaths, files: readonly string[]): void {
  const known = readChecksums(paths);
  for (const path of files)
    if (existsSync(path)) known.set(basename(path), fileSha256(path));
    else known.delete(basename(path));
  const lines = [...known].sort().map(([name, sha256]) => `${sha256}  ${name}\n`);
  writeOwn(paths.checksums, lines.join(""));
}

/** What is wrong with a derived file by its checksum, or null; a run without SHA256SUMS says nothing. */
export function checksumProblem(paths: RunPaths, path: string): string | null {
  if (!existsSync(paths.checksums)) return null;
  const noted = readChecksums(paths).get(basename(path));
  return noted === fileSha256(path)
    ? null
    : `not as it was written (SHA256SUMS); truejoule ${path === paths.folded ? "fold" : "fuse"} writes it anew`;
}

/** A run has a dozen derived files. */
const MOST_BYTES = 1 << 20;

function readChecksums({ checksums }: RunPaths): Map<string, string> {
  if (!existsSync(checksums)) return new Map();
  const lines = readSmallFile(checksums, "names and hashes of a run's files", MOST_BYTES)
    .toString()
    .matchAll(/^([0-9a-f]{64}) [ *](.+)$/gm);
  return new Map([...lines].map((m) => [m[2]!, m[1]!]));
}
