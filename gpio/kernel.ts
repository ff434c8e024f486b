// The system calls that lines need, behind an interface, so that tests can be the kernel.

import { closeSync, constants, openSync, readSync, readdirSync } from "node:fs";
import { libc } from "../host/libc.ts";
import { poll, POLLIN } from "../host/poll.ts";

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

/** @throws SourceError off Linux. */
export function linux(): Kernel {
  const { ioctl, errno } = libc();
  return {
    chips: () =>
      readdirSync("/dev")
        .filter((name) => /^gpiochip\d+$/.test(name))
        .map((name) => `/dev/${name}`),
    open: (path) => openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK),
    close: closeSync,
    ioctl: (fd, request, argument) => {
      const result = ioctl(fd, request, argument);
      return result < 0 ? -errno() : result;
    },
    readable: (fd) => (poll(fd, POLLIN, 0) & POLLIN) !== 0,
    read: (fd, into) => readSync(fd, into),
  };
}
