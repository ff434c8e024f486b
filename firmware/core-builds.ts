// The portable core, compiled for whoever checks it: as a native program with sanitizers, its fuzzer,
// as WebAssembly, and as a bare Cortex-M0+ image. Out: files in a folder of the caller's.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runTool } from "./toolchain.ts";

const here = fileURLToPath(new URL(".", import.meta.url)).replace(/dist\/firmware\/$/, "firmware/");
const core = join(here, "core");
const host = join(here, "core-host");

export const STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"] as const;
export const CORTEX_M0_PLUS = ["-mcpu=cortex-m0plus", "-mthumb"] as const;
/** No C library; and the loops of freestanding.c must stay loops. */
export const FREESTANDING = ["-ffreestanding", "-fno-tree-loop-distribute-patterns"] as const;
const SANITIZE = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/** Sources of the core; freestanding.c only where there is no C library. */
export function coreSources(freestanding: boolean): string[] {
  const files = readdirSync(core).filter((f) => f.endsWith(".c"));
  return files.filter((f) => freestanding || f !== "freestanding.c").map((f) => join(core, f));
}

/** @returns the program's path: requests in, answers out (core-host/native.c). */
export function buildNative(out: string): string {
  const path = join(out, "core-native");
  const sources = [join(host, "native.c"), join(host, "calls.c"), ...coreSources(false)];
  runTool("gcc", [...STRICT, ...SANITIZE, ...sources, "-o", path]);
  return path;
}

/** @returns the fuzzer's path (core-host/fuzz.c, faults.c). */
export function buildFuzzer(out: string): string {
  const path = join(out, "core-fuzz");
  const sources = [join(host, "fuzz.c"), join(host, "faults.c"), ...coreSources(false)];
  runTool("gcc", [...STRICT, ...SANITIZE, ...sources, "-o", path]);
  return path;
}

export function buildWasm(out: string): string {
  const path = join(out, "core.wasm");
  const sources = [join(host, "wasm.c"), join(host, "calls.c"), ...coreSources(true)];
  const target = ["--target=wasm32", "-O2", "-nostdlib", "-ffreestanding", "-fvisibility=hidden"];
  const link = ["-Wl,--no-entry", "-Wl,--export-dynamic"];
  runTool("clang", [...STRICT, ...target, ...link, ...sources, "-o", path]);
  return path;
}

/** @returns an image to be placed at the start of RAM; its first words are in core-host/m0.c. */
export function buildCortexM0(out: string): string {
  const elf = join(out, "core-m0.elf");
  const bin = join(out, "core-m0.bin");
  const sources = [join(host, "m0.c"), join(host, "calls.c"), ...coreSources(true)];
  const link = ["-nostdlib", "-T", join(host, "m0.ld"), ...sources, "-lgcc"];
  runTool("arm-none-eabi-gcc", [
    ...STRICT,
    ...CORTEX_M0_PLUS,
    ...FREESTANDING,
    "-O2",
    ...link,
    "-o",
    elf,
  ]);
  runTool("arm-none-eabi-objcopy", ["-O", "binary", elf, bin]);
  return bin;
}
