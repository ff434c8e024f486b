// The C library through koffi: C's names and return codes, no logic. Loaded at first use, Linux only.

import { createRequire } from "node:module";
import type { default as Koffi } from "koffi";
import { SourceError } from "../schema/errors.ts";

export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_SHARED = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;

/** An address as koffi hands it out. */
export type Address = bigint;

export interface Libc {
  // void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
  mmap(
    addr: null,
    length: number,
    prot: number,
    flags: number,
    fd: number,
    offset: number,
  ): Address;
  // int munmap(void *addr, size_t length)
  munmap(addr: Address, length: number): number;
  // int flock(int fd, int operation)
  flock(fd: number, operation: number): number;
  // int mkfifo(const char *pathname, mode_t mode)
  mkfifo(pathname: string, mode: number): number;
  // pid_t gettid(void)
  gettid(): number;
  /** A view of mapped memory; dead after munmap. */
  view(address: Address, length: number): ArrayBuffer;
  errno(): number;
}

let loaded: Libc | undefined;

/** @throws SourceError where there is no glibc or musl to load. */
export function libc(): Libc {
  return (loaded ??= load());
}

function load(): Libc {
  if (process.platform !== "linux")
    throw new SourceError("fatal", `event marks need Linux, this is ${process.platform}`);
  const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
  // Null names the process itself: node already holds a C library, whichever it is.
  const lib = koffi.load(null);
  return {
    mmap: lib.func(
      "void *mmap(void *addr, size_t length, int prot, int flags, int fd, int64_t offset)",
    ),
    munmap: lib.func("int munmap(void *addr, size_t length)"),
    flock: lib.func("int flock(int fd, int operation)"),
    mkfifo: lib.func("int mkfifo(const char *pathname, uint32_t mode)"),
    gettid: lib.func("int gettid()"),
    view: (address, length) => koffi.view(address, length),
    errno: () => koffi.errno(),
  };
}
