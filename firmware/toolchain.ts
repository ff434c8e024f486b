// The compilers that the firmware's builds need: where they are, and how a missing or failing one is said.

import { spawnSync } from "node:child_process";
import { InputError } from "../schema/errors.ts";

export type Tool = "arm-none-eabi-gcc" | "arm-none-eabi-objcopy" | "gcc" | "clang" | "wasm-ld";

const REMEDY: Readonly<Record<Tool, string>> = {
  "arm-none-eabi-gcc": "apt-get install gcc-arm-none-eabi",
  "arm-none-eabi-objcopy": "apt-get install binutils-arm-none-eabi",
  gcc: "apt-get install gcc",
  clang: "apt-get install clang",
  "wasm-ld": "apt-get install lld",
};

export function hasTool(tool: Tool): boolean {
  return spawnSync(tool, ["--version"], { stdio: "ignore" }).status === 0;
}

/** Runs a compiler. @throws InputError when it is missing or refuses; its own words follow. */
export function runTool(tool: Tool, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(tool, args, { encoding: "utf8" });
  if (error) throw new InputError(`${tool} is not installed; ${REMEDY[tool]}`);
  if (status !== 0) throw new InputError(`${tool} failed\n${stderr.trim()}`);
}
