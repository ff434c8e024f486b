// SHA-256 of a file of any size, hex.

import { createHash } from "node:crypto";
import { closeSync, readSync } from "node:fs";
import { openRegular } from "./regular-file.ts";

export function fileSha256(path: string): string {
  const hash = createHash("sha256");
  const buffer = Buffer.alloc(1 << 20);
  const { fd } = openRegular(path, "a file to take the SHA-256 of");
  try {
    for (let n = readSync(fd, buffer); n > 0; n = readSync(fd, buffer))
      hash.update(buffer.subarray(0, n));
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}
