// A ring file mapped for a writer. In: a path. Out: its memory. For clients alone: who may be cut short by
// another process reads by copies (ring-file.ts).

import { closeSync, constants } from "node:fs";
import { libc } from "../host/libc.ts";
import { inputError } from "../schema/errors.ts";
import { Header } from "./layout.ts";
import { checkHeader, openRegular, sizeOf } from "./ring-file.ts";

const PROT_READ_WRITE = 1 | 2;
const MAP_SHARED = 1;
const MAP_FAILED = 2n ** 64n - 1n;

/** `words` and `longs` are the same memory as `bytes`. */
export interface MappedRing {
  readonly capacity: number;
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly longs: BigInt64Array;
}

/** Maps it for good, and leaves word that a client has. @throws InputError, one line. */
export function mapRing(path: string): MappedRing {
  const fd = openRegular(path, constants.O_RDWR);
  try {
    const { capacity, namesBytes } = checkHeader(path, fd);
    const c = libc();
    const size = sizeOf(capacity, namesBytes);
    const address = c.mmap(null, size, PROT_READ_WRITE, MAP_SHARED, fd, 0);
    if (address === MAP_FAILED) throw inputError(`mmap failed with errno ${c.errno()}`, path);
    const memory = c.view(address, size);
    const words = new Int32Array(memory);
    Atomics.add(words, Header.opened / 4, 1);
    return { capacity, bytes: Buffer.from(memory), words, longs: new BigInt64Array(memory) };
  } finally {
    closeSync(fd); // the mapping outlives it
  }
}
