// The foreign programs of these tests: the C client compiled here, Python and Node as they are.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const WRITER_C = join(root, "test/marks/writer.c");
export const HEADER_FOLDER = join(root, "marks/c");
export const PYTHON_FOLDER = join(root, "marks/python");

const works = (command: string, ...args: string[]) =>
  spawnSync(command, args, { stdio: "ignore" }).status === 0;

export const isLinux = process.platform === "linux";
export const hasGcc = isLinux && works("gcc", "--version");
export const hasPython =
  isLinux && works("python3", "-c", "import sys; assert sys.version_info >= (3, 8)");

/** Compiles the C writer; warnings are errors. @returns its path and how to remove it. */
export function compileWriter(...flags: string[]): {
  path: string;
  error: string;
  remove: () => void;
} {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-writer-"));
  const path = join(dir, "writer");
  const strict = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];
  const args = [...strict, ...flags, "-I", HEADER_FOLDER, WRITER_C, "-o", path, "-pthread"];
  const { status, stderr } = spawnSync("gcc", args, { encoding: "utf8" });
  return {
    path,
    error: status === 0 ? "" : stderr,
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; meanwhile this process is free to poll. */
export function run(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const inherited = { ...process.env };
  delete inherited["TRUEJOULE_MARKS"];
  const child = spawn(command, args, { env: { ...inherited, ...environment } });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (d: Buffer) => (stdout += d.toString()));
  child.stderr.on("data", (d: Buffer) => (stderr += d.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

export function python(
  code: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return run("python3", ["-c", code], {
    PYTHONPATH: PYTHON_FOLDER,
    PYTHONDONTWRITEBYTECODE: "1",
    ...environment,
  });
}
