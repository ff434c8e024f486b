// A JSON file → its value, or one line that says what is wrong with it.

import { readFileSync } from "node:fs";
import { inputError } from "../../schema/errors.ts";
import { openBytes } from "./file-bytes.ts";

/** JSON is parsed whole, so its size is bounded. */
const MAX_BYTES = 256 << 20;

/** @throws InputError when the file is missing, empty, beyond 256 MiB or not JSON. */
export function readJson(path: string, what: string): unknown {
  const file = openBytes(path, what);
  file.close();
  if (file.size > MAX_BYTES)
    throw inputError("too large", path, `at most ${MAX_BYTES} bytes`, `${file.size}`);
  try {
    return JSON.parse(readFileSync(path, "utf8")) as unknown;
  } catch (error) {
    throw inputError("not JSON", path, what, (error as Error).message.split("\n")[0]);
  }
}
