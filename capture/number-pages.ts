// Pages of numbers beyond what memory should hold: the first so many stay in memory, all later ones lie in a file
// in the folder for temporary files. Enters: whole pages, which are never changed again. Leaves: the page, or its
// place. Holds: the file has no name, so that nothing of it is left however this process ends; its descriptor goes
// with the object.

import { randomUUID } from "node:crypto";
import { closeSync, constants, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "../host/temporary.ts";
import { InputError } from "../schema/errors.ts";

/** Numbers a page: 64 KiB. */
const PAGE_SIZE = 1 << 13;
/** Numbers in memory: 64 MB, some three million reads. */
const IN_MEMORY = 1 << 23;

const descriptors = new FinalizationRegistry<number>((fd) => closeSync(fd));

export class NumberPages {
  /** Numbers a page, a power of two. */
  readonly size: number;
  #free: number;
  #fd = -1;
  #inFile = 0;

  /** @param inMemory numbers that stay in memory; @param size numbers a page, a power of two. */
  constructor(inMemory = IN_MEMORY, size = PAGE_SIZE) {
    this.size = size;
    this.#free = Math.floor(inMemory / size);
  }

  /**
   * @returns the page itself, which is the keeper's from now on, or the place of its copy in the file.
   * @throws InputError when the folder for temporary files is missing or full.
   */
  keep(page: Float64Array): Float64Array | number {
    if (this.#free > 0) {
      this.#free--;
      return page;
    }
    if (this.#fd < 0) this.#open();
    const at = this.#inFile * page.byteLength;
    for (let done = 0; done < page.byteLength;)
      done += orExplained(() => writeSync(this.#fd, page, done, page.byteLength - done, at + done));
    return this.#inFile++;
  }

  /** Fills `into`, a page, with the one at a place. */
  read(place: number, into: Float64Array): void {
    for (let done = 0; done < into.byteLength;) {
      const at = place * into.byteLength + done;
      const n = orExplained(() => readSync(this.#fd, into, done, into.byteLength - done, at));
      if (n === 0) throw new InputError(`the file of reads in ${tmpdir()} was cut meanwhile`);
      done += n;
    }
  }

  #open(): void {
    const folder = tmpdir();
    this.#fd = orExplained(() => nameless(folder));
    descriptors.register(this, this.#fd);
  }
}

/** Linux's flag for a file that never had a name (open(2)). */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

/** Where the file system or the platform knows no such file, one that has a name for a moment. */
function nameless(folder: string): number {
  if (process.platform === "linux")
    try {
      return openSync(folder, O_TMPFILE | constants.O_RDWR, 0o600);
    } catch {
      // the other way tells why, if it fails as well
    }
  const path = join(folder, `truejoule-reads-${randomUUID()}`);
  const fd = openSync(path, "wx+", 0o600);
  unlinkSync(path);
  return fd;
}

function orExplained<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(
      `${tmpdir()}: ${code === "ENOSPC" || code === "EDQUOT" ? "no room left" : "cannot be used"} (${code}) for the telemetry reads of this run, which are too many for memory; TMPDIR may name a folder with more room: 24 bytes a read`,
    );
  }
}
