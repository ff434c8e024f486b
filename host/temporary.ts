// The folder for temporary files, as the environment names it. Holds: where it cannot be used, the error says which
// variable named it: nobody would look for a path there that stands nowhere on the command line.

import { accessSync, constants, statSync } from "node:fs";
import * as os from "node:os";
import { InputError } from "../schema/errors.ts";

/** In the order in which Node looks at them. */
const VARIABLES = process.platform === "win32" ? ["TEMP", "TMP"] : ["TMPDIR", "TMP", "TEMP"];

/** @throws InputError when no folder can be made there. */
export function tmpdir(): string {
  const path = os.tmpdir();
  const problem = problemOf(path);
  if (problem === null) return path;
  const name = VARIABLES.find((v) => process.env[v]);
  const remedy = name ? `; it is for temporary files: ${name} must name a folder, or be unset` : "";
  throw new InputError(`${name ? `${name}=` : ""}${path}: ${problem}${remedy}`);
}

function problemOf(path: string): string | null {
  try {
    if (!statSync(path).isDirectory()) return "not a folder";
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return `${code === "ENOENT" ? "no such folder" : "cannot be used"} (${code})`;
  }
}
