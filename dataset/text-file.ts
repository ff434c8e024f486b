// Text → a file, written as it comes in blocks of a megabyte; it appears under its name only when whole.

import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";

const BLOCK = 1 << 20;

export class TextFile {
  readonly #path: string;
  readonly #fd: number;
  #text = "";

  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(`${path}.part`, "w");
  }

  write(text: string): void {
    this.#text += text;
    if (this.#text.length >= BLOCK) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#fd);
    renameSync(`${this.#path}.part`, this.#path);
  }

  /** Leaves nothing behind; for a failure on the way. */
  abort(): void {
    closeSync(this.#fd);
    rmSync(`${this.#path}.part`, { force: true });
  }

  #flush(): void {
    const bytes = Buffer.from(this.#text);
    for (let done = 0; done < bytes.length;)
      done += writeSync(this.#fd, bytes, done, bytes.length - done);
    this.#text = "";
  }
}

/** Runs `body` with a file that is closed when it returns and gone when it throws. */
export async function writeText(
  path: string,
  body: (file: TextFile) => Promise<void> | void,
): Promise<void> {
  const file = new TextFile(path);
  try {
    await body(file);
  } catch (error) {
    file.abort();
    throw error;
  }
  file.close();
}

/** A cell of separated values, quoted where it must be (RFC 4180). */
export function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
