// The files that fuse, compare and fold left in a run → whether each is whole, says what it should, and was made
// from the log as it is now. Arrow has no checksum of its own, so fused.arrow is held against itself: its
// running energy must be what its times and powers give.

import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import type { LogCheck } from "../capture/verify.ts";
import type { RunPaths } from "../capture/run.ts";
import { ALIGN } from "../schema/documents/align.ts";
import { COMPARE } from "../schema/documents/compare.ts";
import type { FileCheck } from "../schema/documents/verify.ts";
import { checked } from "../schema/documents/document.ts";
import { type ArrowReader, openArrow } from "./arrow-reader.ts";
import { checksumProblem, logChanges, missingProblem, notedLog } from "./checksums.ts";
import { documentText } from "./documents/document-text.ts";
import { FusedCheck } from "./fused-check.ts";
import { mostOf } from "../stats/summary.ts";

/** Of the files that are there or are noted in SHA256SUMS; a run that was never fused has none. */
export async function verifyDerived(
  paths: RunPaths,
  logSha256: string,
  log: LogCheck,
): Promise<FileCheck[]> {
  const checks: Promise<FileCheck>[] = [
    verifyTable(paths.fused, "fused/1", logSha256, (f, rows) => fusedProblem(f, rows, log)),
    verifyTable(paths.events, "events/1", logSha256, () => null),
    verifyTable(paths.telemetry, "telemetry/1", logSha256, (_, rows) =>
      rows === log.reads ? null : `${rows} rows for the log's ${log.reads} reads`,
    ),
    verifyTable(paths.folded, "folded/1", logSha256, () => null),
    verifyJson(paths.align, ALIGN, logSha256),
    verifyJson(paths.compare, COMPARE, logSha256),
    verifyReport(paths),
  ];
  const files = (await Promise.all(checks)).flatMap((c) => {
    const [path, absent] = [join(paths.dir, c.path), c.problem === ABSENT];
    const problem = absent
      ? missingProblem(paths, path)
      : (c.problem ?? checksumProblem(paths, path));
    return absent && problem === null ? [] : [{ ...c, ok: problem === null, problem }];
  });
  return [...files, ...changedLog(paths, logSha256)];
}

/** What SHA256SUMS remembers of other logs. */
function changedLog(paths: RunPaths, logSha256: string): FileCheck[] {
  const noted = notedLog(paths);
  const now =
    noted === undefined || noted === logSha256
      ? []
      : [`the log is another one than files were made from (SHA-256 ${noted} then)`];
  const past = logChanges(paths).map((c) => `${c}; files were made again from it`);
  const path = basename(paths.checksums);
  return [...now, ...past].map((problem) => ({ path, ok: false, rows: null, problem }));
}

/** A page of versions that noted no log in SHA256SUMS does not stand there either. */
async function verifyReport(paths: RunPaths): Promise<FileCheck> {
  const known = existsSync(paths.report) && notedLog(paths) !== undefined;
  return { path: basename(paths.report), ok: true, rows: null, problem: known ? null : ABSENT };
}

const ABSENT = "absent";
const OF_ANOTHER_LOG =
  "made from another log (or from this one before it changed); truejoule fuse writes it again";

type TableProblem = (consistency: string | null, rows: number) => string | null;

async function verifyTable(
  path: string,
  schema: string,
  logSha256: string,
  problemOf: TableProblem,
): Promise<FileCheck> {
  const name = basename(path);
  if (!existsSync(path)) return { path: name, ok: true, rows: null, problem: ABSENT };
  let file: ArrowReader | undefined;
  try {
    file = await openArrow(path, "truejoule fuse");
    const stranger = strangerTo(file, schema, logSha256);
    if (stranger) return { path: name, ok: false, rows: null, problem: stranger };
    let rows = 0;
    const check = new FusedCheck(file.schema);
    for await (const batch of file.batches) {
      rows += batch.numRows;
      if (schema === "fused/1") check.add(batch);
    }
    const problem = problemOf(check.problem, rows);
    return { path: name, ok: problem === null, rows, problem };
  } catch (error) {
    return { path: name, ok: false, rows: null, problem: (error as Error).message };
  } finally {
    await file?.close();
  }
}

/** What ties a table to its log, or undefined when it is this log's. */
export function strangerTo(
  file: ArrowReader,
  schema: string,
  logSha256: string,
): string | undefined {
  const found = file.schema.metadata.get("truejoule.schema");
  if (found !== schema)
    return `says it is ${found ?? "no document of truejoule"}, expected ${schema}`;
  if (file.schema.metadata.get("capture_sha256") !== logSha256)
    return schema === "folded/1" ? OF_ANOTHER_LOG.replace("fuse", "fold") : OF_ANOTHER_LOG;
  return undefined;
}

function fusedProblem(consistency: string | null, rows: number, log: LogCheck): string | null {
  if (consistency) return consistency;
  const most = mostOf(
    log.streams.map((s) => s.rows),
    0,
  );
  return rows > most ? `${rows} rows, more than the log's ${most}` : null;
}

async function verifyJson(
  path: string,
  definition: typeof ALIGN | typeof COMPARE,
  logSha256: string,
): Promise<FileCheck> {
  const name = basename(path);
  if (!existsSync(path)) return { path: name, ok: true, rows: null, problem: ABSENT };
  let problem: string | null;
  try {
    problem = documentProblem(documentText(path), definition, logSha256);
  } catch (error) {
    problem = (error as Error).message;
  }
  return { path: name, ok: problem === null, rows: null, problem };
}

function documentProblem(
  text: string,
  definition: typeof ALIGN | typeof COMPARE,
  logSha256: string,
): string | null {
  const { document, problem } = checked<typeof ALIGN | typeof COMPARE>(definition, text);
  if (problem !== null) return `${problem}; truejoule fuse writes it again`;
  const log = document.capture?.sha256 ?? logSha256; // files of earlier versions do not say
  return log === logSha256 ? null : OF_ANOTHER_LOG;
}
