// Ring files: made whole, checked when opened, mapped. In: a path. Out: a Ring.

import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { libc } from "../host/libc.ts";
import { InputError, inputError } from "../schema/errors.ts";
import {
  HEADER_BYTES,
  Header,
  MAGIC,
  MAX_CAPACITY,
  MIN_CAPACITY,
  SLOT_BYTES,
  VERSION,
} from "./layout.ts";
import type { Ring } from "./ring.ts";

/** Slots of the shared ring: 65 ms of marks at a million a second, 16 MiB. */
export const SHARED_CAPACITY = 1 << 16;
/** A few thousand kernel names at their usual 150 to 300 bytes. */
export const NAMES_BYTES = 1 << 20;

const PROT_READ_WRITE = 1 | 2;
const MAP_SHARED = 1;
const MAP_FAILED = 2n ** 64n - 1n;
/** References start here, so that 0 can mean none. */
const FIRST_NAME = 8;

const sizeOf = (capacity: number, namesBytes: number) =>
  HEADER_BYTES + capacity * SLOT_BYTES + namesBytes;

/** Creates a ring with all its blocks allocated. @throws InputError when there is no room for it. */
export function createRing(
  path: string,
  capacity = SHARED_CAPACITY,
  namesBytes = NAMES_BYTES,
): void {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, "latin1");
  header.writeUInt32LE(VERSION, Header.version);
  header.writeUInt32LE(SLOT_BYTES, Header.slotBytes);
  header.writeUInt32LE(capacity, Header.capacity);
  header.writeUInt32LE(namesBytes, Header.namesBytes);
  header.writeBigUInt64LE(BigInt(FIRST_NAME), Header.namesHead);
  const fd = openSync(`${path}.tmp`, "wx", 0o600);
  try {
    writeAll(fd, header);
    const zeros = Buffer.alloc(1 << 20);
    for (let left = capacity * SLOT_BYTES + namesBytes; left > 0; left -= zeros.length)
      writeAll(fd, zeros.subarray(0, Math.min(left, zeros.length)));
  } catch (cause) {
    rmSync(`${path}.tmp`, { force: true });
    const mib = Math.ceil(sizeOf(capacity, namesBytes) / (1 << 20));
    throw new InputError(
      `${path}: no room for a mark ring of ${mib} MiB (${(cause as Error).message}); in a container raise --shm-size`,
    );
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.tmp`, path);
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}

/** @throws InputError, one line, when the file is no ring of this version. */
export function openRing(path: string): Ring {
  const fd = openSync(path, "r+");
  try {
    const { capacity, namesBytes } = checkHeader(path, fd);
    return map(path, fd, capacity, namesBytes);
  } finally {
    closeSync(fd); // the mapping outlives it
  }
}

const isPowerOfTwo = (n: number) => n > 0 && Number.isInteger(Math.log2(n));

function checkHeader(path: string, fd: number): { capacity: number; namesBytes: number } {
  const h = Buffer.alloc(HEADER_BYTES);
  const got = readSync(fd, h, 0, HEADER_BYTES, 0);
  if (got < HEADER_BYTES || h.toString("latin1", 0, 8) !== MAGIC)
    throw inputError("not a mark ring", path, "TJMARKS at offset 0");
  const version = h.readUInt32LE(Header.version);
  if (version !== VERSION)
    throw inputError(
      "mark ring of another version",
      path,
      `version ${VERSION} at offset 8`,
      `${version}`,
    );
  const slotBytes = h.readUInt32LE(Header.slotBytes);
  if (slotBytes !== SLOT_BYTES)
    throw inputError("bad slot size", path, `${SLOT_BYTES} at offset 12`, `${slotBytes}`);
  const capacity = h.readUInt32LE(Header.capacity);
  if (!isPowerOfTwo(capacity) || capacity < MIN_CAPACITY || capacity > MAX_CAPACITY)
    throw inputError(
      "bad capacity",
      path,
      "a power of two, 8 to 2^20, at offset 16",
      `${capacity}`,
    );
  const namesBytes = h.readUInt32LE(Header.namesBytes);
  if (namesBytes !== 0 && (!isPowerOfTwo(namesBytes) || namesBytes < 16 || namesBytes > 1 << 30))
    throw inputError(
      "bad names area",
      path,
      "0 or a power of two, 16 to 2^30, at offset 20",
      `${namesBytes}`,
    );
  const size = fstatSync(fd).size;
  if (size !== sizeOf(capacity, namesBytes))
    throw inputError("bad size", path, `${sizeOf(capacity, namesBytes)} bytes`, `${size}`);
  return { capacity, namesBytes };
}

function map(path: string, fd: number, capacity: number, namesBytes: number): Ring {
  const c = libc();
  const size = sizeOf(capacity, namesBytes);
  const address = c.mmap(null, size, PROT_READ_WRITE, MAP_SHARED, fd, 0);
  if (address === MAP_FAILED) throw inputError(`mmap failed with errno ${c.errno()}`, path);
  const memory = c.view(address, size);
  const bytes = Buffer.from(memory);
  const words = new Int32Array(memory);
  const namesAt = HEADER_BYTES + capacity * SLOT_BYTES;
  const known = new Map<number, string>();
  return {
    path,
    capacity,
    bytes,
    words,
    longs: new BigInt64Array(memory),
    name(reference) {
      const hit = known.get(reference);
      if (hit !== undefined) return hit;
      if (reference < FIRST_NAME || reference % 8 !== 0 || reference + 4 > namesBytes)
        return undefined;
      const at = namesAt + reference;
      const length = Atomics.load(words, at / 4);
      if (length <= 0 || reference + 4 + length > namesBytes) return undefined;
      const text = bytes.toString("utf8", at + 4, at + 4 + length);
      known.set(reference, text);
      return text;
    },
    close: () => void c.munmap(address, size),
  };
}
