// Ring files as the recorder has them: made whole and locked, checked when opened, read by copies. In: a path.
// Out: a RingFile. Nothing is mapped here: any process that writes a ring may also cut it short, and a mapped
// file that was cut ends its reader with SIGBUS (docs/adr/marks-ring.md).

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { libc, LOCK_EX, LOCK_NB } from "../host/libc.ts";
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

/** Slots of the shared ring: 65 ms of marks at a million a second, 16 MiB. */
export const SHARED_CAPACITY = 1 << 16;
/** A few thousand kernel names at their usual 150 to 300 bytes. */
export const NAMES_BYTES = 1 << 20;
/** References start here, so that 0 can mean none. */
export const FIRST_NAME = 8;

export const sizeOf = (capacity: number, namesBytes: number): number =>
  HEADER_BYTES + capacity * SLOT_BYTES + namesBytes;

/** What a reader needs of a ring. */
export interface RingBytes {
  readonly path: string;
  readonly capacity: number;
  readonly namesBytes: number;
  /** Copies bytes from offset `at` until `into` is full. @throws RingFault when the ring does not have them. */
  read(into: Uint8Array, at: number): void;
  /** @throws RingFault */
  write(bytes: Uint8Array, at: number): void;
}

export interface RingFile extends RingBytes {
  readonly fd: number;
  close(): void;
}

/** A ring whose bytes cannot be those of writers that keep to the protocol: it is dropped, and that is reported. */
export class RingFault extends Error {}

/**
 * Creates a ring with all its blocks allocated. The lock is taken before the file has its name, so a ring of
 * that name without a lock has lost its owner.
 * @returns the descriptor that holds the lock.
 * @throws InputError when there is no room for it.
 */
export function createRing(
  path: string,
  capacity = SHARED_CAPACITY,
  namesBytes = NAMES_BYTES,
): number {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, "latin1");
  header.writeUInt32LE(VERSION, Header.version);
  header.writeUInt32LE(SLOT_BYTES, Header.slotBytes);
  header.writeUInt32LE(capacity, Header.capacity);
  header.writeUInt32LE(namesBytes, Header.namesBytes);
  header.writeBigUInt64LE(BigInt(FIRST_NAME), Header.namesHead);
  const fd = openSync(`${path}.tmp`, "wx", 0o600);
  try {
    libc().flock(fd, LOCK_EX | LOCK_NB);
    writeAll(fd, header);
    const zeros = Buffer.alloc(1 << 20);
    for (let left = capacity * SLOT_BYTES + namesBytes; left > 0; left -= zeros.length)
      writeAll(fd, zeros.subarray(0, Math.min(left, zeros.length)));
    renameSync(`${path}.tmp`, path);
    return fd;
  } catch (cause) {
    closeSync(fd);
    rmSync(`${path}.tmp`, { force: true });
    const mib = Math.ceil(sizeOf(capacity, namesBytes) / (1 << 20));
    throw new InputError(
      `${path}: no room for a mark ring of ${mib} MiB (${(cause as Error).message}); in a container raise --shm-size`,
    );
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}

/** Opens a regular file, follows no link and waits for nobody: the name may be anything's by now. */
export function openRegular(path: string, flags: number): number {
  const fd = openSync(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw inputError("not a regular file", path);
}

/** @throws InputError, one line, when the file is no ring of this version. */
export function openRing(path: string): RingFile {
  const fd = openRegular(path, constants.O_RDWR);
  try {
    const { capacity, namesBytes } = checkHeader(path, fd);
    return {
      path,
      fd,
      capacity,
      namesBytes,
      read(into, at) {
        const got = readSync(fd, into, 0, into.length, at);
        if (got < into.length)
          throw new RingFault(
            `cut short: expected ${into.length} bytes at offset ${at}, found ${got}`,
          );
      },
      write(bytes, at) {
        writeSync(fd, bytes, 0, bytes.length, at);
      },
      close: () => closeSync(fd),
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

const isPowerOfTwo = (n: number) => n > 0 && Number.isInteger(Math.log2(n));

/** @throws InputError, one line, when the file is no ring of this version. */
export function checkHeader(path: string, fd: number): { capacity: number; namesBytes: number } {
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
