// A JSON file → its value, or one line that says what is wrong with it.

import { readSmallFile } from "../../capture/regular-file.ts";
import { inputError } from "../../schema/errors.ts";

/** JSON is parsed whole, so its size is bounded. */
const MAX_BYTES = 256 << 20;

/** @throws InputError when the file is missing, empty, beyond 256 MiB or not JSON. */
export function readJson(path: string, what: string): unknown {
  const bytes = readSmallFile(path, what, MAX_BYTES);
  if (bytes.length === 0) throw inputError("empty file", path, what, "0 bytes");
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch (error) {
    throw inputError("not JSON", path, what, (error as Error).message.split("\n")[0]);
  }
}
