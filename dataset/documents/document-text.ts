// A JSON document beside a log → its text, read whole: some 100,000 windows.

import { readSmallFile } from "../../capture/regular-file.ts";

/** Beyond, JSON is no text that this program can hold. */
const MOST_BYTES = 256 << 20;

/** @throws InputError when it cannot be read or is larger than 256 MiB */
export const documentText = (path: string): string =>
  readSmallFile(path, "what truejoule wrote", MOST_BYTES).toString();
