// --cuda: what the program's environment needs so that its driver loads marks/cuda.

import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { InputError, UsageError } from "../schema/errors.ts";

const LIBRARY = "libtruejoule-cuda.so";

/** Beside the sources in a checkout, one folder up from dist/ in a package. */
const PLACES = ["../marks/cuda/", "../../marks/cuda/"];

/** What TRUEJOULE_CUDA may list (docs/cuda.md). */
const WORDS = ["submit", "kernel", "nvtx", "clock", "gate"];
const ELF = Buffer.from("\x7fELF");

/**
 * Variables for a CUDA program (docs/cuda.md).
 * @throws UsageError without a program or for a list that the library would not heed, InputError when the library is
 * not built or none.
 */
export function cudaEnvironment(command: readonly string[]): Record<string, string> {
  if (command.length === 0)
    throw new UsageError("--cuda records a program's kernels: add -- CMD …");
  checkList(process.env["TRUEJOULE_CUDA"] ?? "");
  const paths = PLACES.map((p) => fileURLToPath(new URL(p + LIBRARY, import.meta.url)));
  const library = process.env["TRUEJOULE_CUDA_LIBRARY"] || paths.find((p) => existsSync(p));
  if (library === undefined || !existsSync(library))
    throw new InputError(
      `${library ?? `marks/cuda/${LIBRARY}`}: not found; build it where CUDA is: make -C marks/cuda`,
    );
  if (!isLibrary(library))
    throw new InputError(
      `${library}: no shared library; see TRUEJOULE_CUDA_LIBRARY in docs/cuda.md`,
    );
  return { CUDA_INJECTION64_PATH: library, NVTX_INJECTION64_PATH: library };
}

function checkList(list: string): void {
  const words = list === "" ? [] : list.split(",");
  const unknown = words.filter((w) => !WORDS.includes(w));
  const known = `known are ${WORDS.join(", ")}, separated by commas`;
  if (unknown.length > 0) throw new UsageError(`TRUEJOULE_CUDA lists "${unknown[0]}"; ${known}`);
  if (words.includes("clock") && !words.includes("submit"))
    throw new UsageError("TRUEJOULE_CUDA lists clock without submit, on whose launches it rests");
}

function isLibrary(path: string): boolean {
  const head = Buffer.alloc(ELF.length);
  try {
    const fd = openSync(path, "r");
    try {
      readSync(fd, head);
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
  return head.equals(ELF);
}
