// truejoule export RUN --FORMAT OUT: what a run holds, in other tools' formats.

import { existsSync } from "node:fs";
import { claimOutput, settleOutput } from "../capture/output.ts";
import { openRun, type RunPaths } from "../capture/run.ts";
import { fileSha256 } from "../capture/sha256.ts";
import type { ArrowReader } from "../dataset/arrow-reader.ts";
import type { ExportDocument } from "../schema/documents/export.ts";
import { inputError, UsageError } from "../schema/errors.ts";
import { degrades, type Finding, finding, textsOf } from "../schema/findings.ts";
import { type Command, type Invocation, tell, type Ui } from "./command.ts";
import { withRun } from "./locked-run.ts";

/** What was written, and what its reader must know. */
interface Exported {
  readonly files: ExportDocument["files"];
  readonly findings: readonly Finding[];
}

type Claim = (path: string) => void;
type Format = (paths: RunPaths, out: string, call: Invocation, claim: Claim) => Promise<Exported>;

/** One entry a format; its option is `--NAME OUT`. */
const formats: Readonly<Record<string, Format>> = {
  async csv(paths, out, { ui, options }) {
    if (options["raw"] === true) return rawCsv(paths, out, ui);
    const { exportCsv } = await import("../dataset/export-csv.ts");
    return table(paths, out, (file) => exportCsv(file, out, ui.progress("exporting")));
  },

  async parquet(paths, out, { ui }) {
    const { exportParquet } = await import("../dataset/export-parquet.ts");
    return table(paths, out, (file) => exportParquet(file, out, ui.progress("exporting")));
  },

  async "nvml-csv"(paths, out, { ui }, claim) {
    const { exportNvmlCsv } = await import("../dataset/export-nvml-csv.ts");
    return {
      files: await exportNvmlCsv(paths.capture, out, ui.progress("exporting"), claim),
      findings: [],
    };
  },

  async perfetto(paths, out, { ui }) {
    const { exportPerfetto } = await import("../dataset/perfetto/export-perfetto.ts");
    const { packets, findings } = await exportPerfetto(paths, out, ui.progress("exporting"));
    return { files: [{ path: out, rows: packets }], findings };
  },
};

const tableOf = (paths: RunPaths): string | undefined =>
  [paths.fused, paths.telemetry].find((p) => existsSync(p));

/** Told before anything is written: of what it goes into OUT, or that the log it is made from is not theirs. */
async function tellStale(paths: RunPaths, name: string, { options, ui }: Invocation) {
  const { staleTables } = await import("../dataset/made-from.ts");
  const { fused, events, telemetry } = paths;
  const one = (name === "csv" && options["raw"] !== true) || name === "parquet";
  const tables = one ? [tableOf(paths) ?? fused] : [fused, events, telemetry];
  const stale = await staleTables(paths, tables, fileSha256(paths.capture));
  tell(ui, stale);
  return stale;
}

/** The fused table; of a run without a physical trace, the telemetry table. */
async function table(
  paths: RunPaths,
  out: string,
  write: (file: ArrowReader) => Promise<number>,
): Promise<Exported> {
  const path = tableOf(paths);
  if (path === undefined)
    throw inputError(
      "not fused yet",
      paths.dir,
      "fused.arrow, which truejoule fuse writes",
      "no such file",
    );
  const { checksumProblem } = await import("../dataset/checksums.ts");
  const problem = checksumProblem(paths, path);
  if (problem) throw inputError(problem, path);
  const { openArrow } = await import("../dataset/arrow-reader.ts");
  const file = await openArrow(path, `truejoule fuse ${paths.dir}`);
  try {
    return { files: [{ path: out, rows: await write(file) }], findings: [] };
  } finally {
    await file.close();
  }
}

async function rawCsv(paths: RunPaths, out: string, ui: Ui): Promise<Exported> {
  const { exportRawCsv } = await import("../dataset/export-raw-csv.ts");
  const { rows, damages, others } = await exportRawCsv(
    paths.capture,
    out,
    ui.progress("exporting"),
  );
  const findings: Finding[] = [];
  if (damages > 0)
    findings.push(
      finding(
        "log-damaged",
        "capture log",
        `${damages} stretches of the log are damaged: rows are missing`,
        damages,
      ),
    );
  if (others.length > 0)
    findings.push(
      finding(
        "export-streams-left-out",
        others.join(", "),
        `not in it: streams ${others.join(", ")}`,
        others.length,
      ),
    );
  return { files: [{ path: out, rows }], findings };
}

export const command: Command = {
  summary: "a run in other tools' formats: CSV, Parquet, Perfetto, NVML logs",
  usage: "RUN --csv OUT [--raw] | --parquet OUT | --perfetto OUT | --nvml-csv OUT",
  help: `
csv and parquet hold the table that truejoule fuse wrote (fused.arrow; telemetry.arrow for a run without
a physical trace), row for row; csv adds UTC where the run knows it. With --raw, csv holds the DAQ rows of
the log itself, in counts. nvml-csv holds the driver's telemetry and the marks of the log as samplers
write them; truejoule import nvml-csv reads it. perfetto holds a fused run's rails and telemetry as
counters, its windows and kernels as slices with their Joules, its instant marks; ui.perfetto.dev opens it
(rows are the packets written). OUT is replaced where it is an earlier output and unchanged since, by the SHA-256
that is noted beside it (.OUT.truejoule-output); else --force is asked for. A log or a run's file never is.
Exit 3 when a table was made from another log, which is reported before anything is written, or the log is damaged.`,
  options: {
    csv: { type: "string" },
    raw: { type: "boolean" },
    parquet: { type: "string" },
    perfetto: { type: "string" },
    "nvml-csv": { type: "string" },
    force: { type: "boolean" },
  },
  optionHelp: [
    ["--csv OUT", "comma-separated, a header with units"],
    ["--raw", "with --csv: the rows of the log, not calibrated"],
    ["--parquet OUT", "Apache Parquet, gzip; times are plain int64 nanoseconds"],
    ["--perfetto OUT", "Perfetto trace (protobuf), for ui.perfetto.dev and trace_processor"],
    ["--nvml-csv OUT", "t_mono_ns, power_W, util_gpu, util_mem, sm_clock, MARK rows"],
    ["--force", "OUT is replaced also where it is no earlier output of truejoule; a log never is"],
  ],

  async run(call) {
    const [run, ...extra] = call.positionals;
    if (!run || extra.length > 0) throw new UsageError("export takes one RUN");
    const [name, ...others] = Object.keys(formats).filter((f) => f in call.options);
    if (name === undefined || others.length > 0)
      throw new UsageError(
        `export needs one of ${Object.keys(formats)
          .map((f) => `--${f} OUT`)
          .join(", ")}`,
      );
    if (call.options["raw"] === true && name !== "csv")
      throw new UsageError("--raw goes with --csv");
    const out = call.options[name] as string;
    openRun(run);
    const claimed = new Set<string>();
    const claim: Claim = (path) => {
      claimOutput(path, call.options["force"] === true);
      claimed.add(path);
    };
    claim(out);
    const exported = await withRun(run, "shared", async (paths) => {
      const stale = await tellStale(paths, name, call);
      return { ...(await formats[name]!(paths, out, call, claim)), stale };
    }).finally(() => claimed.forEach(settleOutput));
    const { files, stale } = exported;
    const findings = [...stale, ...exported.findings];
    const warnings = textsOf(findings);
    const document: ExportDocument = {
      ...{ schema: "export/1", run, format: name },
      ...{ files, warnings, findings },
    };
    if (call.ui.json) call.ui.document(document);
    for (const f of files) call.ui.print(`${f.path}: ${f.rows} rows`);
    tell(call.ui, exported.findings);
    return degrades(findings) ? 3 : 0;
  },
};
