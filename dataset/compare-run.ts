// A run → its comparison, and the compare/1 document that is kept beside the log.

import { identityJson, identityOf } from "../capture/identity.ts";
import { writeOwnJson } from "../capture/own-file.ts";
import type { RunPaths } from "../capture/run.ts";
import { compare, prepare } from "../energy/compare.ts";
import type { Comparison } from "../energy/result.ts";
import type { CompareDocument } from "../schema/documents/compare.ts";
import type { WorkListener } from "../schema/work-listener.ts";
import { keepOrSay, logNow } from "./changed-log.ts";
import { noteChecksums } from "./checksums.ts";
import { comparisonToJson } from "./documents/compare-json.ts";

export interface ComparedRun {
  readonly comparison: Comparison;
  readonly document: CompareDocument;
  /** The log is not the one that files beside it were made from. */
  readonly changed: boolean;
}

/**
 * The caller holds the run's lock, exclusive.
 * @param run its name in the document. @param window comes first where not all can have a budget.
 * @throws InputError where the log cannot be read
 */
export async function compareRun(
  paths: RunPaths,
  { run, window }: { readonly run: string; readonly window?: string | undefined },
  listener: WorkListener = {},
): Promise<ComparedRun> {
  const prepared = prepare(paths.capture, listener.onProgress?.("reading"));
  const { sha256, changed } = await logNow(paths, listener, prepared.scan.sha256);
  const comparison = compare(prepared, {
    onProgress: listener.onProgress?.("integrating"),
    window,
  });
  const capture = identityJson(identityOf(paths.capture, sha256));
  const document = { ...comparisonToJson(comparison, run), capture };
  const keep = (): void => {
    noteChecksums(paths, [[paths.compare, writeOwnJson(paths.compare, document)]], sha256);
  };
  keepOrSay(paths.compare, keep, listener);
  return { comparison, document, changed };
}
