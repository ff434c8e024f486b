// truejoule verify RUN: is the evidence whole, and are the files beside it made from it.

import { statSync } from "node:fs";
import type { RunPaths } from "../capture/run.ts";
import { headProblems, type KnownHead } from "../capture/chain-check.ts";
import { type LogCheck, problemsOf, verifyLog, warningsOf } from "../capture/verify.ts";
import type { ChainHead } from "../capture/seal.ts";
import type { FileCheck, VerifyDocument } from "../schema/documents/verify.ts";
import { UsageError } from "../schema/errors.ts";
import type { Command, Ui } from "./command.ts";
import { withRun } from "./locked-run.ts";

interface Verified {
  readonly run: string;
  readonly bytes: number;
  readonly log: LogCheck;
  /** Heads of the log's chain that the files beside it know. */
  readonly known: readonly KnownHead[];
  readonly verdict: Verdict;
  readonly problems: readonly string[];
  readonly files: readonly FileCheck[];
}

type Verdict = VerifyDocument["verdict"];

export const command: Command = {
  summary: "checks a run: checksums, sequence, gaps, and whether its files are made from its log",
  usage: "RUN",
  help: `
Reads the whole of RUN/capture.mcap: magic, record lengths, the CRC of every chunk and attachment and of the
data as a whole, message sequence, row index, block sizes, footer. Then the files that fuse and compare
made, where there are any: whether they open, agree with themselves, are as SHA256SUMS notes them, and say
that they come from this very log. Their figures are not computed again: truejoule fuse and report
make a file again, from the log alone.
The log's seals are a chain of SHA-256: where a file beside it knows the chain's head, whatever was changed,
cut off or moved is named, mended checksums or not. Where none does, the log is unsealed: a missing end or a
rewritten log could not be detected.
Exit 0 clean or unsealed, 3 readable with recorded loss, damage or change, or with a file that is not the
log's, 1 unreadable.`,
  options: {},
  optionHelp: [],

  async run(call) {
    const [run, ...extra] = call.positionals;
    if (!run || extra.length > 0) throw new UsageError("verify takes one RUN");
    const verified = await withRun(run, "shared", (paths) => verify(run, paths, call.ui));
    if (call.ui.json) call.ui.document(toJson(verified));
    print(verified, call.ui);
    return verified.verdict === "clean" || verified.verdict === "unsealed" ? 0 : 3;
  },
};

async function verify(run: string, paths: RunPaths, ui: Ui): Promise<Verified> {
  const { rigProblem } = await import("../align/logged-rig.ts");
  const { knownHeads } = await import("../dataset/known-heads.ts");
  const { verifyDerived } = await import("../dataset/verify-derived.ts");
  const known = await knownHeads(paths);
  const { size: bytes } = statSync(paths.capture);
  const log = verifyLog(paths.capture, ui.progress("verifying"), known);
  const files = await verifyDerived(paths, log.chain.sha256, log);
  const contradictions = headProblems(log.chain, known);
  const rig = log.rig ? rigProblem(log.rig) : undefined;
  const problems = [...contradictions, ...(rig ? [`rig.json ${rig}`] : []), ...problemsOf(log)];
  const flawed = problems.length > 0 || files.some((f) => !f.ok);
  const sound = log.chain.chain && known.length > 0 ? "clean" : "unsealed";
  const altered = contradictions.length + log.chain.broken.length > 0;
  const verdict = altered ? "altered" : flawed ? "degraded" : sound;
  return { run, bytes, log, known, verdict, problems, files };
}

function toJson({ run, bytes, log, known, verdict, problems, files }: Verified): VerifyDocument {
  const { sha256, chain } = log.chain;
  return {
    schema: "verify/1",
    run,
    source: log.session.source,
    verdict,
    capture: {
      bytes,
      sha256,
      chain: chain && { ...chain, known_by: known.map((k) => k.by) },
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
        ticks_wrong: s.misplaced.ticksWrong,
        edges_outside: s.misplaced.edgesOutside,
        exchanges_outside: s.misplaced.exchangesOutside,
      })),
      reads: log.reads,
      failed_reads: log.failedReads,
      marks: log.marks,
      edges: log.edges,
      stray_edges: log.strayEdges,
      damages: log.damages,
    },
    problems,
    warnings: warningsOf(log),
    files,
  };
}

const IN_WORDS: Readonly<Record<Verdict, string>> = {
  clean: "clean",
  unsealed: "no damage to be seen, but unsealed",
  degraded: "readable, with loss or damage",
  altered: "altered: not the log that was sealed",
};

/** What the verdict rests on. */
function knownInWords(chain: ChainHead | null, known: readonly KnownHead[]): string {
  if (known.length > 0) return `a head of it is known by ${known.map((k) => k.by).join(", ")}`;
  return chain
    ? "unsealed: no file beside it knows the head of its chain, so a cut tail or a rewritten log cannot be detected"
    : "unsealed: written without seals, so a changed chunk or a cut tail cannot be seen";
}

/** Beyond this many, the log is broken rather than scratched; --json has them all. */
const SHOWN = 12;

function print({ run, bytes, log, known, verdict, problems, files }: Verified, ui: Ui): void {
  const { sha256, chain } = log.chain;
  ui.print(`${run}: ${IN_WORDS[verdict]}`);
  ui.print(`  capture.mcap     ${bytes} bytes, sha256 ${sha256}`);
  ui.print(
    `  ${chain ? `chain of ${chain.links} links, head ${chain.head}` : "no chain of seals"}`,
  );
  ui.print(`  ${knownInWords(chain, known)}`);
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
