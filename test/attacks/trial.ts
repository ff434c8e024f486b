// One run folder with everything that must survive, a command on it that is stopped half-way (by SIGKILL, or because
// the disk is full), and what must hold then: the evidence is byte for byte what it was, nothing of the user's is
// touched, every derived file is an old one or a whole new one, and the next command leaves all in order.

import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  watch,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Command } from "../../cli/command.ts";
import { command as verify } from "../../cli/verify.ts";
import { openArrow } from "../../dataset/arrow-reader.ts";
import { readCapture } from "../../capture/log-reader.ts";
import { runPaths } from "../../capture/run.ts";
import { call, type Outcome } from "../end-to-end/call.ts";
import { main } from "../end-to-end/built.ts";

export const KINDS = [
  "record",
  "fuse",
  "fuse --rate",
  "compare",
  "report",
  "export --csv",
  "export --parquet",
  "import",
  "import again",
  "import --replace",
] as const;
export type Kind = (typeof KINDS)[number];

/** Arguments in a folder that holds `run`, `source.csv`, `other.csv`. */
export const ARGUMENTS: Readonly<Record<Kind, readonly string[]>> = {
  record: [
    ...["record", "--rig", "virtual", "--out", "made", "--duration", "2s", "--json", "--quiet"],
    ...[
      "--",
      "sh",
      "-c",
      'for i in 1 2 3 4 5 6 7 8; do echo "mark m$i" >> "$TRUEJOULE_MARKS/text"; sleep 0.15; done',
    ],
  ],
  fuse: ["fuse", "run"],
  "fuse --rate": ["fuse", "run", "--rate", "1kHz"],
  compare: ["compare", "run"],
  report: ["report", "run"],
  "export --csv": ["export", "run", "--csv", "out.csv"],
  "export --parquet": ["export", "run", "--parquet", "out.parquet"],
  import: ["import", "csv", "source.csv", "--map", "time=T; v.gpu=V; a.gpu=A", "--out", "made"],
  "import again": [
    "import",
    "csv",
    "source.csv",
    "--map",
    "time=T; v.gpu=V; a.gpu=A",
    "--out",
    "imported",
  ],
  "import --replace": [
    "import",
    "csv",
    "other.csv",
    "--map",
    "time=T; v.gpu=V; a.gpu=A",
    "--out",
    "imported",
    "--replace",
  ],
};

const sha = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

/** Every file below a folder, by its path from there. */
export function tree(dir: string, at = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const e of readdirSync(join(dir, at), { withFileTypes: true })) {
    const path = join(at, e.name);
    if (e.isDirectory()) for (const [k, v] of tree(dir, path)) found.set(k, v);
    else found.set(path, sha(join(dir, path)));
  }
  return found;
}

/** Runs to copy from: recorded by the virtual bench and fused, and imported and fused. Made once. */
export async function makeTemplate(dir: string): Promise<void> {
  mkdirSync(dir, { recursive: true });
  const rows = (from: number): string =>
    `T,V,A\n${Array.from({ length: 8000 }, (_, i) => `${(i / 8000).toFixed(6)},12.${(from + i) % 90},${i % 20}.5\n`).join("")}`;
  writeFileSync(join(dir, "source.csv"), rows(1));
  writeFileSync(join(dir, "other.csv"), rows(2));
  const { writeVirtualCapture } = await import("../../virtual/bench/capture.ts");
  await writeVirtualCapture(join(dir, "run"), { seed: 1, durationS: 0.4 });
  for (const args of [
    ARGUMENTS["import again"],
    ["fuse", "run"],
    ["fuse", "imported"],
    ["report", "run"],
  ])
    if ((await runToEnd(args, dir)).code === 1) throw new Error(`${args.join(" ")} failed`);
  // The user's own, beside and inside.
  mkdirSync(join(dir, "photos"));
  writeFileSync(join(dir, "photos", "wiring.jpg"), "jpg");
  for (const run of ["run", "imported"]) {
    writeFileSync(join(dir, run, "notes.md"), "mine");
    writeFileSync(join(dir, run, "old.part"), "mine too");
    mkdirSync(join(dir, run, "scope"));
    cpSync(join(dir, "run", "capture.mcap"), join(dir, run, "scope", "capture.mcap"));
  }
}

/** An export takes the table as it is. */
export const readsFused = (kind: Kind): boolean => kind.startsWith("export");

export function newTrial(template: string, parent: string, fused: boolean): string {
  const dir = mkdtempSync(join(parent, "trial-"));
  cpSync(template, dir, { recursive: true });
  if (!fused)
    for (const run of ["run", "imported"])
      for (const f of derived(join(dir, run))) rmSync(f, { force: true });
  return dir;
}

function derived(run: string): string[] {
  const { dir, capture, receipt, ...files } = runPaths(run);
  return Object.values<string>(files).filter((f) => ![dir, capture, receipt].includes(f));
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function start(
  args: readonly string[],
  cwd: string,
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ["--no-warnings", main, ...args], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (b: Buffer) => (stdout += b.toString()));
  child.stderr.on("data", (b: Buffer) => (stderr += b.toString()));
  // Not `close`: the measured program outlives its recorder and holds the pipes.
  const ended = new Promise<Ended>((resolve) =>
    child.once("exit", (code) => setImmediate(() => resolve({ code, stdout, stderr }))),
  );
  return { child, ended };
}

export const runToEnd = (args: readonly string[], cwd: string): Promise<Ended> =>
  start(args, cwd).ended;

/** Watches a folder. @returns when it first changed, by performance.now(); now, where it has not. */
export function firstChange(dir: string): () => number {
  let at: number | undefined;
  const watcher = watch(dir, { recursive: true });
  watcher.once("change", () => (at = performance.now()));
  return () => {
    watcher.close();
    return at ?? performance.now();
  };
}

/**
 * Kills a command so long after its first change to the folder, or after its start.
 * @returns whether it was still at work, and how long it had been by then, ms.
 */
export async function killAt(
  args: readonly string[],
  cwd: string,
  afterMs: number,
  fromChange: boolean,
): Promise<{ working: boolean; lastedMs: number }> {
  const watcher = watch(cwd, { recursive: true });
  const changed = new Promise<void>((resolve) => watcher.once("change", () => resolve()));
  const { child, ended } = start(args, cwd);
  await Promise.race([fromChange ? changed : Promise.resolve(), ended]);
  watcher.close();
  const since = performance.now();
  await Promise.race([sleep(afterMs), ended]);
  const working = child.exitCode === null && child.signalCode === null;
  const lastedMs = performance.now() - since;
  child.kill("SIGKILL");
  await ended;
  return { working, lastedMs };
}

/** What is wrong after a command was stopped, before anything else ran. */
export async function problemsNow(
  kind: Kind,
  dir: string,
  before: ReadonlyMap<string, string>,
): Promise<string[]> {
  const now = tree(dir);
  const found: string[] = [];
  const rewritten = new Set(mayChange(kind));
  for (const [path, hash] of before)
    if (!rewritten.has(path) && now.get(path) !== hash)
      found.push(`${path} ${now.has(path) ? "changed" : "is gone"}`);
  for (const run of ["run", "imported"])
    found.push(...(await halfFiles(join(dir, run), before, dir)));
  const log = join(dir, logOf(kind));
  if (existsSync(log)) found.push(...logProblems(kind, log, before.get(logOf(kind))));
  else if (before.has(logOf(kind))) found.push(`${logOf(kind)} is gone`);
  return found;
}

/** Derived files of a command's run, and the log that an import replaces. */
function mayChange(kind: Kind): string[] {
  if (kind === "record" || kind === "import" || kind.startsWith("export")) return [];
  return kind.startsWith("import")
    ? [...derived("imported"), "imported/capture.mcap"]
    : derived("run");
}

export const logOf = (kind: Kind): string =>
  kind === "record" || kind === "import"
    ? "made/capture.mcap"
    : kind.startsWith("import")
      ? "imported/capture.mcap"
      : "run/capture.mcap";

/** An old log, a whole new one, or of a recording what had come so far. */
function logProblems(kind: Kind, path: string, old: string | undefined): string[] {
  if (old !== undefined && sha(path) === old) return [];
  const damages: string[] = [];
  try {
    for (const r of readCapture(path)) if (r.kind === "damage") damages.push(r.damage.what);
  } catch (error) {
    // Killed before its first bytes were there.
    return kind === "record" ? [] : [`${basename(path)}: ${(error as Error).message}`];
  }
  const fine =
    kind === "record"
      ? damages.every((d) => d === "cut") && damages.length <= 1
      : damages.length === 0;
  return fine ? [] : [`${path}: ${damages.join(", ")}`];
}

/** Derived files that are neither what they were nor whole. */
async function halfFiles(
  run: string,
  before: ReadonlyMap<string, string>,
  dir: string,
): Promise<string[]> {
  const found: string[] = [];
  for (const path of derived(run)) {
    if (!existsSync(path) || sha(path) === before.get(path.slice(dir.length + 1))) continue;
    const problem = await partOf(path);
    if (problem !== null) found.push(`${path.slice(dir.length + 1)}: ${problem}`);
  }
  return found;
}

async function partOf(path: string): Promise<string | null> {
  try {
    if (path.endsWith(".json")) JSON.parse(readFileSync(path, "utf8"));
    else if (path.endsWith(".html"))
      return readFileSync(path, "utf8").trimEnd().endsWith("</html>") ? null : "cut";
    else if (path.endsWith(".arrow")) {
      const file = await openArrow(path, "it");
      try {
        for await (const { numRows } of file.batches) if (numRows < 0) return "no rows";
      } finally {
        await file.close();
      }
    }
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** What is wrong after the command was given once more and nothing stopped it. */
export async function problemsAfter(
  kind: Kind,
  dir: string,
  before: ReadonlyMap<string, string>,
): Promise<string[]> {
  const found: string[] = [];
  const log = join(dir, logOf(kind));
  const kept = kind === "record" && existsSync(log) ? sha(log) : null;
  const next = kind === "record" ? ["fuse", "made"] : ARGUMENTS[kind];
  const readable = kind !== "record" || hasSession(log);
  const { code, error } = await callIn(dir, next);
  if (error && !isMeant(error)) found.push(`${next.join(" ")}: ${error.stack}`);
  else if (readable && code !== 0 && code !== 3)
    found.push(`${next.join(" ")}: ${error?.message ?? code}`);
  if (kept !== null && sha(log) !== kept) found.push("the recorded log changed");
  found.push(...(await problemsNow(kind, dir, before)));
  const run = join(dir, logOf(kind).split("/")[0]!);
  if (!readable || !existsSync(log)) return found;
  const verified = await call(verify, [run]);
  const { files = [] } = (verified.document ?? {}) as {
    files?: { path: string; ok: boolean; problem: string }[];
  };
  if (verified.error) found.push(`verify: ${verified.error.message}`);
  found.push(...files.filter((f) => !f.ok).map((f) => `verify ${f.path}: ${f.problem}`));
  return [...found, ...leftOver(kind, dir, before)];
}

/** In this process, whose loaded commands serve many trials; one at a time, since the folder is the process's. */
async function callIn(dir: string, [name, ...args]: readonly string[]): Promise<Outcome> {
  const { command } = (await import(`../../cli/${name}.ts`)) as { command: Command };
  const { values, positionals } = parseArgs({
    args,
    options: command.options,
    allowPositionals: true,
  });
  const home = process.cwd();
  process.chdir(dir);
  return call(command, positionals, values).finally(() => process.chdir(home));
}

/** For a user's eyes, as explain() of cli/main.ts has it. */
const isMeant = (e: Error & { tag?: string; code?: string; path?: string }): boolean =>
  e.tag !== undefined || (e.code !== undefined && e.path !== undefined);

function hasSession(log: string): boolean {
  try {
    for (const r of readCapture(log)) if (r.kind === "session") return true;
  } catch {
    // no log yet
  }
  return false;
}

/** What an export notes beside its output, to know it again (capture/output.ts). */
const noteOf = (out: string): string => `.${out}.truejoule-output`;

/** Files that nobody asked for. */
function leftOver(kind: Kind, dir: string, before: ReadonlyMap<string, string>): string[] {
  const own = new Set([
    ...["run", "imported", "made"].flatMap((run) => Object.values<string>({ ...runPaths(run) })),
    ...["out.csv", "out.parquet"].flatMap((out) => [out, noteOf(out)]),
  ]);
  return [...tree(dir).keys()]
    .filter((p) => !before.has(p) && !own.has(p))
    .map((p) => `left over: ${p}`);
}
