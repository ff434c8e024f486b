// A file written as it comes, text in blocks of a megabyte; it appears under its name only when whole.

import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";

const BLOCK = 1 << 20;

export class ByteFile {
  readonly #path: string;
  readonly #fd: number;

  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(`${path}.part`, "w");
  }

  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;)
      done += writeSync(this.#fd, bytes, done, bytes.length - done);
  }

  close(): void {
    closeSync(this.#fd);
    renameSync(`${this.#path}.part`, this.#path);
  }

  /** Leaves nothing behind; for a failure on the way. */
  abort(): void {
    closeSync(this.#fd);
    rmSync(`${this.#path}.part`, { force: true });
  }
}

export class TextFile {
  readonly #file: ByteFile;
  #text = "";

  constructor(file: ByteFile) {
    this.#file = file;
  }

  write(text: string): void {
    this.#text += text;
    if (this.#text.length >= BLOCK) this.flush();
  }

  flush(): void {
    this.#file.write(Buffer.from(this.#text));
    this.#text = "";
  }
}

/** Runs `body` with a file that is closed when it returns and gone when it throws. */
export async function writeBytes(
  path: string,
  body: (file: ByteFile) => Promise<void> | void,
): Promise<void> {
  const file = new ByteFile(path);
  try {
    await body(file);
  } catch (error) {
    file.abort();
    throw error;
  }
  file.close();
}

/** The same for text. */
export function writeText(
  path: string,
  body: (file: TextFile) => Promise<void> | void,
): Promise<void> {
  return writeBytes(path, async (file) => {
    const text = new TextFile(file);
    await body(text);
    text.flush();
  });
}
