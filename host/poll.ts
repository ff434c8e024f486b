// poll(2) on one file.

import { libc } from "./libc.ts";

export const POLLIN = 1;
export const POLLOUT = 4;
/** POLLERR | POLLHUP | POLLNVAL. */
const GONE = 8 | 16 | 32;

const pollfd = new Int16Array(4); // int fd, short events, short revents
const pollfdFd = new Int32Array(pollfd.buffer, 0, 1);

/** Waits. @returns the events, 0 after `timeoutMs`. */
export function poll(fd: number, events: number, timeoutMs: number): number {
  pollfdFd[0] = fd;
  pollfd[2] = events;
  pollfd[3] = 0;
  return libc().poll(pollfd, 1, timeoutMs) > 0 ? pollfd[3] : 0;
}

export const gone = (events: number): boolean => (events & GONE) !== 0;
