// A file written as it comes, text in blocks of a megabyte; it appears under its name only when whole.

import { OwnFile } from "../capture/own-file.ts";

const BLOCK = 1 << 20;

export class TextFile {
  readonly #file: OwnFile;
  #text = "";

  constructor(file: OwnFile) {
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
  body: (file: OwnFile) => Promise<void> | void,
): Promise<void> {
  const file = new OwnFile(path);
  try {
    await body(file);
    file.close();
  } catch (error) {
    file.abort();
    throw error;
  }
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
