// truejoule verify RUN: is the evidence whole, and are the files beside it made from it.

import { statSync } from "node:fs";
import type { RunPaths } from "../capture/run.ts";
import { fileSha256 } from "../capture/sha256.ts";
import { type LogCheck, problemsOf, verifyLog, warningsOf } from "../capture/verify.ts";
import type { FileCheck } from "../dataset/verify-derived.ts";
import { UsageError } from "../schema/errors.ts";
import type { Command, Ui } from "./command.ts";
import { withRun } from "./locked-run.ts";

interface Verified {
  readonly run: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly log: LogCheck;
  readonly problems: readonly string[];
  readonly files: readonly FileCheck[];
}

export const command: Command = {
  summary: "checks a run: checksums, sequence, gaps, and whether its files are made from its log",
  usage: "RUN",
  help: `
Reads the whole of RUN/capture.mcap: magic, record lengths, the CRC of every chunk and attachment and of the
data as a whole, message sequence, row index, block sizes, footer. Then the files that fuse and compare
made, where there are any: whether they open, agree with themselves, and come from this very log.
Exit 0 clean, 3 readable with recorded loss or a file that is not the log's, 1 unreadable.`,
  options: {},
  optionHelp: [],

  async run(call) {
    const [run, ...extra] = call.positionals;
    if (!run || extra.length > 0) throw new UsageError("verify takes one RUN");
    const verified = await withRun(run, "shared", (paths) => verify(run, paths, call.ui));
    const { files } = verified;
    const clean = verified.problems.length === 0 && files.every((f) => f.ok);
    if (call.ui.json) call.ui.document(toJson(verified, clean));
    print(verified, clean, call.ui);
    return clean ? 0 : 3;
  },
};

async function verify(run: string, paths: RunPaths, ui: Ui): Promise<Verified> {
  const { size: bytes } = statSync(paths.capture);
  const log = verifyLog(paths.capture, ui.progress("verifying"));
  const sha256 = fileSha256(paths.capture);
  const { verifyDerived } = await import("../dataset/verify-derived.ts");
  const files = await verifyDerived(paths, sha256, log);
  return { run, bytes, sha256, log, problems: problemsOf(log), files };
}

function toJson({ run, bytes, sha256, log, problems, files }: Verified, clean: boolean): object {
  return {
    schema: "verify/1",
    run,
    source: log.session.source,
    verdict: clean ? "clean" : "degraded",
    capture: {
      bytes,
      sha256,
      attachments: log.attachments,
      streams: log.streams.map((s) => ({
        stream: s.stream,
        blocks: s.blocks,
        rows: s.rows,
        missing_rows: s.missingRows,
        gaps: s.gaps,
        duplicates: s.duplicates,
        backwards: s.backwards,
        late_blocks: s.lateBlocks,
        late_rows: s.lateRows,
      })),
      reads: log.reads,
      failed_reads: log.failedReads,
      marks: log.marks,
      edges: log.edges,
      damages: log.damages,
    },
    problems,
    warnings: warningsOf(log),
    files,
  };
}

/** Beyond this many, the log is broken rather than scratched; --json has them all. */
const SHOWN = 12;

function print(
  { run, bytes, sha256, log, problems, files }: Verified,
  clean: boolean,
  ui: Ui,
): void {
  ui.print(`${run}: ${clean ? "clean" : "readable, with loss or damage"}`);
  ui.print(`  capture.mcap     ${bytes} bytes, sha256 ${sha256}`);
  for (const s of log.streams)
    ui.print(`  stream ${s.stream}: ${s.rows} rows in ${s.blocks} blocks`);
  ui.print(
    `  ${log.reads} telemetry reads (${log.failedReads} failed), ${log.marks} marks, ${log.edges} edges`,
  );
  for (const p of problems.slice(0, SHOWN)) ui.print(`  problem: ${p}`);
  if (problems.length > SHOWN) ui.print(`  … ${problems.length - SHOWN} more: --json lists them`);
  for (const f of files)
    ui.print(
      `  ${f.path.padEnd(16)} ${f.ok ? `ok${f.rows === null ? "" : `, ${f.rows} rows`}` : `problem: ${f.problem}`}`,
    );
  for (const text of warningsOf(log)) ui.warn(text);
}
