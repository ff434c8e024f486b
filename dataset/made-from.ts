// Which log the files of a run were made from: what SHA256SUMS notes and each table says of itself, held
// against the log's bytes as they are now. Times of files say nothing: whoever copies a file sets them.

import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { RunPaths } from "../capture/run.ts";
import { type Finding, finding } from "../schema/findings.ts";
import { openArrow } from "./arrow-reader.ts";
import { checksumProblem, notedLog } from "./checksums.ts";

/** SHA-256 of another log than `now` that a file of the run was made from, or null. */
export async function otherLog(paths: RunPaths, now: string): Promise<string | null> {
  const noted = notedLog(paths);
  if (noted !== undefined && noted !== now) return noted;
  for (const path of [paths.fused, paths.events, paths.telemetry, paths.folded]) {
    const made = await madeFrom(path);
    if (made && made !== now) return made;
  }
  return null;
}

/** What stands in the way of showing what fuse made, in words; empty where all of it is of this log. */
export async function staleFiles(paths: RunPaths, now: string): Promise<string[]> {
  const stale: string[] = [];
  const say = (path: string, what: string): void => void stale.push(`${basename(path)} ${what}`);
  const tables = [paths.fused, paths.events, paths.telemetry];
  for (const path of [...tables, paths.align, paths.compare]) {
    // A run without a physical trace has no fused.arrow.
    if (!existsSync(path)) {
      if (path !== paths.fused) say(path, "is missing");
    } else if (checksumProblem(paths, path) !== null) say(path, "is not as it was written");
    else if (tables.includes(path) && (await madeFrom(path)) !== now)
      say(path, "was made from another log");
  }
  return stale;
}

/** Which of these tables, where they are there, are not of the log `now`. */
export async function staleTables(
  paths: RunPaths,
  tables: readonly string[],
  now: string,
): Promise<Finding[]> {
  const stale: string[] = [];
  for (const path of tables) {
    const made = await madeFrom(path);
    if (made !== undefined && made !== now) stale.push(path);
  }
  const remedy = `truejoule fuse ${paths.dir} writes it again`;
  return stale.map((path) =>
    finding(
      "export-stale",
      basename(path),
      `${path} was made from another log than ${paths.capture}; ${remedy}`,
    ),
  );
}

/** As a table says, empty where it names none; undefined where there is no table that can be read. */
async function madeFrom(path: string): Promise<string | undefined> {
  if (!existsSync(path)) return undefined;
  try {
    const table = await openArrow(path, "truejoule fuse");
    await table.close();
    return table.schema.metadata.get("capture_sha256") ?? "";
  } catch {
    return undefined;
  }
}
