// The C library's calls that Node lacks, through koffi: C's names and return codes, no logic. Loaded at
// first use. Linux only; constants from asm-generic and bits/, the same on x86-64 and arm64.

import { createRequire } from "node:module";
import type { default as Koffi } from "koffi";
import { SourceError } from "../schema/errors.ts";

export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;

const PROTOTYPES = {
  dup2: "int dup2(int from, int to)",
  flock: "int flock(int fd, int operation)",
  ioctl: "int ioctl(int fd, unsigned long request, void *argument)",
  poll: "int poll(void *fds, unsigned long count, int timeout_ms)",
  read: "long read(int fd, void *into, size_t count)",
  write: "long write(int fd, void *from, size_t count)",
  munmap: "int munmap(void *address, size_t length)",
  mkfifo: "int mkfifo(const char *path, uint32_t mode)",
  gettid: "int gettid()",
  prctl: "int prctl(int option, unsigned long argument)",
  clock_gettime: "int clock_gettime(int clock, void *timespec)",
  clock_nanosleep: "int clock_nanosleep(int clock, int flags, void *until, void *remaining)",
  sched_setscheduler: "int sched_setscheduler(int tid, int policy, void *param)",
  sched_getscheduler: "int sched_getscheduler(int tid)",
  tcgetattr: "int tcgetattr(int fd, void *termios)",
  tcsetattr: "int tcsetattr(int fd, int when, void *termios)",
  tcflush: "int tcflush(int fd, int queue)",
  cfmakeraw: "void cfmakeraw(void *termios)",
  cfsetspeed: "int cfsetspeed(void *termios, unsigned int speed)",
  posix_openpt: "int posix_openpt(int flags)",
  grantpt: "int grantpt(int fd)",
  unlockpt: "int unlockpt(int fd)",
  ptsname_r: "int ptsname_r(int fd, void *into, size_t length)",
} as const;

/** As koffi hands it out. */
export type Address = bigint;

/** For a pointer: memory of ours that the call may change, or an address. */
type Argument = number | string | NodeJS.TypedArray | Address | null;

export interface Libc extends Record<keyof typeof PROTOTYPES, (...args: Argument[]) => number> {
  readonly mmap: (...args: Argument[]) => Address;
  readonly errno: () => number;
  /** Never freed; cheaper to pass than an array. */
  readonly alloc: (bytes: number) => Address;
  /** Of mapped memory it is dead after munmap. */
  readonly view: (address: Address, length: number) => ArrayBuffer;
}

let loaded: Libc | undefined;

/** @throws SourceError off Linux. */
export const libc = (): Libc => (loaded ??= load());

function load(): Libc {
  if (process.platform !== "linux")
    throw new SourceError(
      `event marks, trigger lines and the serial reader need Linux, this is ${process.platform}`,
    );
  const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
  const library = koffi.load(null); // the one that node itself runs on
  const bound = Object.entries(PROTOTYPES).map(([name, prototype]) => [
    name,
    library.func(prototype),
  ]);
  return {
    ...(Object.fromEntries(bound) as Record<keyof typeof PROTOTYPES, () => number>),
    mmap: library.func("void *mmap(void *at, size_t n, int prot, int flags, int fd, int64_t from)"),
    errno: () => koffi.errno(),
    alloc: (bytes) => koffi.alloc("uint8_t", bytes) as Address,
    view: (address, length) => koffi.view(address, length),
  };
}
