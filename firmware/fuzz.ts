// Fuzzes the core's command side under ASan and UBSan (core-host/fuzz.c), one process a core of the machine:
//     node --import ./scripts/ts-register.mjs firmware/fuzz.ts [BYTES=100000000] [FIRST_SEED=1]
// Prints one JSON line a process; exit 1 when one of them fell.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../schema/errors.ts";
import { buildFuzzer } from "./core-builds.ts";
import { script } from "./script.ts";

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

const USAGE = "usage: npm run firmware:fuzz -- [BYTES=100000000] [FIRST_SEED=1]";

/** @throws UsageError for what is no whole number from 1: the fuzzer would try nothing, and find nothing wrong. */
function whole(text: string | undefined, without: number): number {
  const n = text === undefined ? without : Number(text);
  if (!Number.isSafeInteger(n) || n < 1)
    throw new UsageError(`expected a whole number from 1, found "${text}"`);
  return n;
}

async function main(args: readonly string[]): Promise<number> {
  const [bytes, firstSeed] = [whole(args[0], 1e8), whole(args[1], 1)];
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
  return 0;
}

await script(import.meta.url, USAGE, main);
