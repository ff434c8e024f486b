// --cuda: what the program's environment needs so that its driver loads marks/cuda.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { InputError, UsageError } from "../../schema/errors.ts";

const LIBRARY = "libtruejoule-cuda.so";

/** Beside the sources in a checkout, one folder up from dist/ in a package. */
const PLACES = ["../../marks/cuda/", "../../../marks/cuda/"];

/**
 * Variables for a CUDA program (docs/cuda.md).
 * @throws UsageError without a program, InputError when the library is not built.
 */
export function cudaEnvironment(command: readonly string[]): Record<string, string> {
  if (command.length === 0)
    throw new UsageError("--cuda records a program's kernels: add -- CMD …");
  const paths = PLACES.map((p) => fileURLToPath(new URL(p + LIBRARY, import.meta.url)));
  const library = process.env["TRUEJOULE_CUDA_LIBRARY"] ?? paths.find((p) => existsSync(p));
  if (library === undefined || !existsSync(library))
    throw new InputError(
      `${library ?? `marks/cuda/${LIBRARY}`}: not found; build it where CUDA is: make -C marks/cuda`,
    );
  return { CUDA_INJECTION64_PATH: library, NVTX_INJECTION64_PATH: library };
}
