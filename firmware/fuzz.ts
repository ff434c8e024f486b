// Fuzzes the core's command side under ASan and UBSan (core-host/fuzz.c), one process a core of the machine:
//     node --import ./scripts/ts-register.mjs firmware/fuzz.ts [BYTES=100000000] [FIRST_SEED=1]
// Prints one JSON line a process; exit 1 when one of them fell.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildFuzzer } from "./core-builds.ts";

/** @returns what the fuzzer printed; rejects with its complaint when a check or a sanitizer stopped it. */
export function fuzz(program: string, bytes: number, seed: number): Promise<string> {
  const child = spawn(program, [String(bytes), String(seed)]);
  let said = "";
  let complaint = "";
  child.stdout.on("data", (d: Buffer) => (said += d.toString()));
  child.stderr.on("data", (d: Buffer) => (complaint += d.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(said.trim());
      else reject(new Error(`seed ${seed}: ended with ${code}\n${complaint}`));
    });
  });
}

async function main(): Promise<void> {
  const bytes = Number(process.argv[2] ?? 1e8);
  const firstSeed = Number(process.argv[3] ?? 1);
  const folder = mkdtempSync(join(tmpdir(), "truejoule-fuzz-"));
  try {
    const program = buildFuzzer(folder);
    const n = availableParallelism();
    const each = Math.ceil(bytes / n);
    const runs = Array.from({ length: n }, (_, i) => fuzz(program, each, firstSeed + i));
    for (const line of await Promise.all(runs)) console.log(line);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main();
