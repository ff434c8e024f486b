// A JSON file → its value, or one line that says what is wrong with it.

import { readSmallFile } from "../../../capture/regular-file.ts";
import { inputError } from "../../../schema/errors.ts";

/** JSON is parsed whole, so its size is bounded. */
const MAX_BYTES = 256 << 20;

/** @throws InputError when the file is missing, empty, beyond 256 MiB, nested beyond 100 levels or not JSON. */
export function readJson(path: string, what: string): unknown {
  const bytes = readSmallFile(path, what, MAX_BYTES);
  if (bytes.length === 0) throw inputError("empty file", path, what, "0 bytes");
  if (isDeep(bytes)) throw inputError("nested too deeply", path, `at most ${MOST_DEEP} levels`);
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch (error) {
    throw inputError("not JSON", path, what, (error as Error).message.split("\n")[0]);
  }
}

/** No capture has ten. Each level that is open takes JSON.parse 140 bytes: 5 MB of them took 700 MB. */
const MOST_DEEP = 100;
const [QUOTE, BACKSLASH, OPEN, CLOSE] = [0x22, 0x5c, [0x5b, 0x7b], [0x5d, 0x7d]] as const;

function isDeep(json: Buffer): boolean {
  let [depth, quoted] = [0, false];
  for (let i = 0; i < json.length; i++) {
    const c = json[i]!;
    if (c === QUOTE) quoted = !quoted;
    else if (quoted) i += c === BACKSLASH ? 1 : 0;
    else if (c === OPEN[0] || c === OPEN[1]) depth++;
    else if (c === CLOSE[0] || c === CLOSE[1]) depth--;
    if (depth > MOST_DEEP) return true;
  }
  return false;
}
