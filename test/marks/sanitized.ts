// What the sanitizers' tests share: which of them this machine can run, and how.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasGcc, HEADER_FOLDER } from "./programs.ts";

export interface Sanitizer {
  readonly name: string;
  readonly flags: readonly string[];
  /** Runs a program built with the flags: [command, arguments before the program's own]. */
  readonly command: (path: string) => readonly [string, readonly string[]];
  /** Why it cannot be run here; empty where it can. */
  readonly missing: string;
}

const NAMES = ["thread", "address,undefined"] as const;

/**
 * For a run. Forked children of threads go on (ThreadSanitizer ends them otherwise); threads that run on at the end,
 * and names that are kept for the process's life, are no leaks.
 */
export const SANITIZER_ENVIRONMENT = {
  TSAN_OPTIONS: "die_after_fork=0:report_thread_leaks=0",
  ASAN_OPTIONS: "detect_leaks=0",
} as const;

/** Thread-local storage of a library that was opened later is freed where ThreadSanitizer cannot see it. */
const FLAGS = ["-fno-sanitize-recover=all", "-ftls-model=initial-exec", "-g"];

export const sanitizers: readonly Sanitizer[] = NAMES.map((name) => {
  const flags = [`-fsanitize=${name}`, ...FLAGS];
  const [how, missing] = wayToRun(flags);
  return { name, flags, command: (path) => how(path), missing };
});

type Way = Sanitizer["command"];

/** ThreadSanitizer of older compilers ends at once under strong address randomisation: then run without. */
function wayToRun(flags: readonly string[]): [Way, string] {
  const plain: Way = (path) => [path, []];
  const fixed: Way = (path) => ["setarch", ["-R", path]];
  if (!hasGcc) return [plain, "no gcc"];
  const dir = mkdtempSync(join(tmpdir(), "truejoule-sanitizer-"));
  try {
    const [file, path] = [join(dir, "a.c"), join(dir, "a")];
    writeFileSync(file, "int main(void) { return 0; }\n");
    const built = spawnSync("gcc", [...flags, file, "-o", path], { stdio: "ignore" });
    if (built.status !== 0) return [plain, "this compiler has no runtime for it"];
    for (const way of [fixed, plain]) {
      const [command, args] = way(path);
      // Whether it starts depends on where the addresses fall: several times.
      const starts = Array.from({ length: 5 }, () => spawnSync(command, args).status);
      if (starts.every((status) => status === 0)) return [way, ""];
    }
    return [plain, "it does not start under this kernel's address randomisation"];
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Compiles a C program of this folder that includes truejoule.h. @param include where that lies. @returns its path. */
export function compile(
  dir: string,
  source: string,
  flags: readonly string[],
  include = HEADER_FOLDER,
): string {
  const path = join(dir, `program-${flags.join("").replace(/\W/g, "")}`);
  const strict = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"];
  const args = [...strict, ...flags, "-I", include, source, "-o", path];
  execFileSync("gcc", args, { stdio: ["ignore", "ignore", "inherit"] });
  return path;
}
