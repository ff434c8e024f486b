// The system calls that lines need, behind an interface, so that tests can be the kernel.

import { closeSync, constants, openSync, readSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import type { default as Koffi } from "koffi";
import { SourceError } from "../schema/errors.ts";

export interface Kernel {
  /** Device files `/dev/gpiochip*`. */
  chips(): string[];
  /** @throws a Node error with `code` (EACCES, ENOENT, …). */
  open(path: string): number;
  close(fd: number): void;
  /** @returns 0 or more, or minus errno. */
  ioctl(fd: number, request: number, argument: Buffer): number;
  /** Whether a read would return at once. */
  readable(fd: number): boolean;
  read(fd: number, into: Buffer): number;
}

export const Errno = { EPERM: 1, EACCES: 13, EBUSY: 16, EINVAL: 22, ENOTTY: 25 } as const;

const POLLIN = 1;

let loaded: Kernel | undefined;

/** @throws SourceError off Linux. */
export function linux(): Kernel {
  return (loaded ??= load());
}

function load(): Kernel {
  if (process.platform !== "linux")
    throw new SourceError("fatal", `trigger lines need Linux, this is ${process.platform}`);
  const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
  const lib = koffi.load(null); // the C library that node itself runs on
  const ioctl = lib.func("int ioctl(int fd, unsigned long request, _Inout_ void *argument)");
  const poll = lib.func("int poll(_Inout_ void *fds, unsigned long count, int timeout_ms)");
  const pollfd = Buffer.alloc(8);
  return {
    chips: () =>
      readdirSync("/dev")
        .filter((name) => /^gpiochip\d+$/.test(name))
        .map((name) => `/dev/${name}`),
    open: (path) => openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK),
    close: closeSync,
    ioctl: (fd, request, argument) => {
      const result = ioctl(fd, request, argument) as number;
      return result < 0 ? -koffi.errno() : result;
    },
    readable: (fd) => {
      pollfd.writeInt32LE(fd, 0);
      pollfd.writeInt32LE(POLLIN, 4);
      return (poll(pollfd, 1, 0) as number) > 0 && (pollfd.readInt16LE(6) & POLLIN) !== 0;
    },
    read: (fd, into) => readSync(fd, into),
  };
}
